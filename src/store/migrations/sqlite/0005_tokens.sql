-- Every token that the gateway knows, whatever its kind. A security key's row has the id of its row in `keys`.
CREATE TABLE tokens (
    id        TEXT   PRIMARY KEY NOT NULL,
    serial    TEXT   NOT NULL UNIQUE,
    kind      TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    -- The holder, once it is issued; it stays when the token has ended.
    account   TEXT   REFERENCES accounts (id) ON DELETE SET NULL,
    added     BIGINT NOT NULL,
    issued    BIGINT,
    last_used BIGINT,
    -- Lost, revoked or expired since.
    ended     BIGINT,
    expires   BIGINT
);
CREATE INDEX tokens_by_account ON tokens (account);
CREATE INDEX tokens_by_state ON tokens (state, kind);

INSERT INTO tokens (id, serial, kind, state, account, added, issued, last_used)
SELECT id, 'K-' || upper(substr(id, -12)), 'webauthn', 'active', account, added, added, last_used FROM keys;

-- The last use stands with the token now.
ALTER TABLE keys DROP COLUMN last_used;

CREATE TABLE oath_seeds (
    token  TEXT   PRIMARY KEY NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    -- Under the sealing key, which is not in this file; bound to the token's id.
    sealed BLOB   NOT NULL,
    hash   TEXT   NOT NULL,
    digits BIGINT NOT NULL,
    -- Seconds; none for a token that counts.
    period BIGINT,
    -- The first counter or time step that is not spent, and the clock's drift in steps.
    next   BIGINT NOT NULL,
    drift  BIGINT NOT NULL
);
