-- When a security administrator could last confirm a change: whoever was switched off since still counts for some days, so that nobody makes
-- herself the only one.
CREATE TABLE wardens_seen (
    account TEXT   PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL
);

-- That its authority vouches for hardware, as of its last use: no other certificate lets its holder confirm anything.
ALTER TABLE certificates ADD COLUMN hardware BOOLEAN NOT NULL DEFAULT FALSE;

-- A recovery at the machine that waits, because another security administrator is said to be able to sign in.
CREATE TABLE announced_recoveries (
    account TEXT   PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL
);
