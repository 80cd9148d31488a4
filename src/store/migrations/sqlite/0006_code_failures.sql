-- Wrong codes in a row, wherever codes of the account's tokens are asked for.
ALTER TABLE accounts ADD COLUMN code_failures BIGINT NOT NULL DEFAULT 0;

-- Code tokens that a browser has shown in its enrolment. They stay issued until it completes: shown in one that never does, they open nothing.
CREATE TABLE enrolment_tokens (
    enrolment BLOB NOT NULL REFERENCES enrolments (hash) ON DELETE CASCADE,
    token     TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    PRIMARY KEY (enrolment, token)
);
