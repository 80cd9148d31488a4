-- Changes that a second security administrator has to confirm. `proposal` is what is carried out, as it was shown (JSON).
CREATE TABLE petitions (
    id             TEXT   PRIMARY KEY NOT NULL,
    kind           TEXT   NOT NULL,
    proposal       TEXT   NOT NULL,
    -- The account that it is about, where there is one already.
    subject        TEXT,
    state          TEXT   NOT NULL,
    proposer       TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- The token of the proposer's fresh proof; if it is lost, the proposal is nobody's.
    proposer_token TEXT,
    -- The hash of the half of a link that the proposer alone was given.
    half           BLOB,
    proposed       BIGINT NOT NULL,
    expires        BIGINT NOT NULL,
    closer         TEXT,
    closed         BIGINT
);
CREATE INDEX petitions_by_state ON petitions (state, expires);
CREATE INDEX petitions_by_proposer ON petitions (proposer, state, proposed);

-- Links by which somebody who is known gets a new token, or a new password.
CREATE TABLE recoveries (
    hash     BLOB   PRIMARY KEY NOT NULL,
    account  TEXT   NOT NULL UNIQUE REFERENCES accounts (id) ON DELETE CASCADE,
    kind     TEXT   NOT NULL,
    expires  BIGINT NOT NULL,
    -- What was shown there and found wrong.
    failures BIGINT NOT NULL DEFAULT 0
);

-- What a browser that opened such a link has proved so far.
CREATE TABLE recovery_steps (
    hash     BLOB   PRIMARY KEY NOT NULL,
    recovery BLOB   NOT NULL REFERENCES recoveries (hash) ON DELETE CASCADE,
    proved   BIGINT NOT NULL DEFAULT 0,
    created  BIGINT NOT NULL
);
CREATE INDEX recovery_steps_by_recovery ON recovery_steps (recovery, created);

-- Authorities and matching rules that may be trusted, by the digest of what the config says of them.
CREATE TABLE confirmed_trust (
    digest    BLOB   PRIMARY KEY NOT NULL,
    what      TEXT   NOT NULL,
    confirmed BIGINT NOT NULL
);

-- Set up once and to be set up anew: whoever invites it again opens an account that was somebody's.
ALTER TABLE accounts ADD COLUMN reopened BIGINT NOT NULL DEFAULT 0;
