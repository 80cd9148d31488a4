-- A code goes with the portal's token that asked for it: a step-up takes that away. Those that were given out are worth 30 seconds, and are
-- asked for anew.
DROP TABLE codes;
CREATE TABLE codes (
    hash        BLOB   PRIMARY KEY NOT NULL,
    session     TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    asker       BLOB   NOT NULL REFERENCES host_tokens (hash) ON DELETE CASCADE,
    host        TEXT   NOT NULL,
    nonce       BLOB   NOT NULL,
    return_path TEXT   NOT NULL,
    created     BIGINT NOT NULL,
    expires     BIGINT NOT NULL
);
CREATE INDEX codes_by_session ON codes (session, created);
CREATE INDEX codes_by_asker ON codes (asker);
