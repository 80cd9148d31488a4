-- What its maker says of a key: `none`, `self`, or `attested` with the AAGUID after a space. Of keys from before nobody was asked.
ALTER TABLE keys ADD COLUMN attestation TEXT NOT NULL DEFAULT 'none';
ALTER TABLE enrolment_keys ADD COLUMN attestation TEXT NOT NULL DEFAULT 'none';

-- What expires is looked for every second.
CREATE INDEX tokens_by_expiry ON tokens (expires) WHERE expires IS NOT NULL;

-- Since when an account has not been used: its last sign-in; none where the time is to begin anew.
ALTER TABLE accounts ADD COLUMN unused_since BIGINT;
-- Suspended because it was not used.
ALTER TABLE accounts ADD COLUMN suspended_unused BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET unused_since = (SELECT max(last_used) FROM tokens WHERE tokens.account = accounts.id);
