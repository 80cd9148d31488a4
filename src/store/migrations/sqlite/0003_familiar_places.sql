-- Where each account signed in of late: the first address of the network. Limits are kinder there.
CREATE TABLE familiar_places (
    account TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    network TEXT   NOT NULL,
    seen    BIGINT NOT NULL,
    PRIMARY KEY (account, network)
);
CREATE INDEX familiar_places_by_age ON familiar_places (seen);
-- Answers in a row that no key of the account had signed; `key_failures` counts those that one had.
ALTER TABLE accounts ADD COLUMN unsigned_answers BIGINT NOT NULL DEFAULT 0;
