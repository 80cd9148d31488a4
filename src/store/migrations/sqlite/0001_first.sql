-- Instants are whole milliseconds since 1970 (UTC); ids are UUIDs as text; hashes are 32 bytes.

CREATE TABLE accounts (
    id           TEXT    PRIMARY KEY NOT NULL,
    name         TEXT    NOT NULL UNIQUE,
    unit         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    email        TEXT,
    state        TEXT    NOT NULL,
    created      BIGINT  NOT NULL,
    -- argon2id, as a PHC string; none until enrolment is complete.
    password     TEXT,
    -- Failures of the second factor after a right password, since it was last right.
    key_failures BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE invitations (
    hash    BLOB   PRIMARY KEY NOT NULL,
    account TEXT   NOT NULL UNIQUE REFERENCES accounts (id) ON DELETE CASCADE,
    expires BIGINT NOT NULL
);

-- What a browser that opened an invitation has done so far.
CREATE TABLE enrolments (
    hash       BLOB   PRIMARY KEY NOT NULL,
    invitation BLOB   NOT NULL REFERENCES invitations (hash) ON DELETE CASCADE,
    password   TEXT,
    created    BIGINT NOT NULL
);
CREATE INDEX enrolments_by_invitation ON enrolments (invitation, created);

CREATE TABLE enrolment_keys (
    id         TEXT   PRIMARY KEY NOT NULL,
    enrolment  BLOB   NOT NULL REFERENCES enrolments (hash) ON DELETE CASCADE,
    credential BLOB   NOT NULL,
    passkey    TEXT   NOT NULL,
    counter    BIGINT NOT NULL,
    label      TEXT   NOT NULL,
    UNIQUE (enrolment, credential)
);

CREATE TABLE keys (
    id         TEXT   PRIMARY KEY NOT NULL,
    account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    credential BLOB   NOT NULL UNIQUE,
    passkey    TEXT   NOT NULL,
    counter    BIGINT NOT NULL,
    label      TEXT   NOT NULL,
    added      BIGINT NOT NULL,
    last_used  BIGINT
);
CREATE INDEX keys_by_account ON keys (account);

CREATE TABLE challenges (
    id      BLOB   PRIMARY KEY NOT NULL,
    binding BLOB   NOT NULL,
    account TEXT   REFERENCES accounts (id) ON DELETE CASCADE,
    purpose TEXT   NOT NULL,
    state   TEXT   NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX challenges_by_binding ON challenges (binding, created);
CREATE INDEX challenges_by_age ON challenges (created);
CREATE INDEX challenges_by_account ON challenges (account);

CREATE TABLE sessions (
    id          TEXT   PRIMARY KEY NOT NULL,
    account     TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- The key that opened it: removing the key ends it.
    key         TEXT   NOT NULL,
    factor      TEXT   NOT NULL,
    -- The start of the portal token's hash, as records name the session.
    mark        TEXT   NOT NULL,
    signed_in   BIGINT NOT NULL,
    last_active BIGINT NOT NULL,
    address     TEXT   NOT NULL,
    user_agent  TEXT   NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account);

CREATE TABLE host_tokens (
    hash    BLOB   PRIMARY KEY NOT NULL,
    session TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    host    TEXT   NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX host_tokens_by_session ON host_tokens (session, host, created);

-- What a browser has proved on the way to something: a right password, a fresh assertion by a key.
CREATE TABLE steps (
    hash    BLOB   PRIMARY KEY NOT NULL,
    kind    TEXT   NOT NULL,
    account TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    session TEXT   REFERENCES sessions (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX steps_by_account ON steps (account, kind, created);
CREATE INDEX steps_by_session ON steps (session);

CREATE TABLE codes (
    hash        BLOB   PRIMARY KEY NOT NULL,
    session     TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    host        TEXT   NOT NULL,
    nonce       BLOB   NOT NULL,
    return_path TEXT   NOT NULL,
    created     BIGINT NOT NULL,
    expires     BIGINT NOT NULL
);
CREATE INDEX codes_by_session ON codes (session, created);
