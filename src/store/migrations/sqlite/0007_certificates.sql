-- The certificates of USB-KEYs. One token has one that counts; those before it stay in the list of what was issued.
CREATE TABLE certificates (
    -- SHA-256 of the DER.
    fingerprint BLOB   PRIMARY KEY NOT NULL,
    token       TEXT   NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    -- As its authority counts, in hexadecimal.
    number      TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    issuer      TEXT   NOT NULL,
    not_after   BIGINT NOT NULL,
    registered  BIGINT NOT NULL,
    -- The gateway's own authority issued it, so its list of revoked certificates is the gateway's to keep.
    own         BOOLEAN NOT NULL,
    -- Of the gateway's own: the key (SubjectPublicKeyInfo), so that it can be certified anew.
    key         BLOB,
    -- Superseded or revoked since; it opens nothing.
    revoked     BIGINT
);
CREATE INDEX certificates_by_token ON certificates (token);
-- A token has at most one certificate that counts.
CREATE UNIQUE INDEX certificates_in_force ON certificates (token) WHERE revoked IS NULL;
