-- The certificate of the USB-KEY that was shown last in an enrolment. It belongs to nobody until the enrolment completes, unless it was issued
-- to her before.
CREATE TABLE enrolment_certificates (
    enrolment     BLOB    PRIMARY KEY NOT NULL REFERENCES enrolments (hash) ON DELETE CASCADE,
    -- What its token is to be, where it was not issued to her before.
    token         TEXT    NOT NULL,
    fingerprint   BLOB    NOT NULL,
    number        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    not_after     BIGINT  NOT NULL,
    -- Its authority certifies keys in hardware alone.
    hardware_only BOOLEAN NOT NULL,
    -- As it was shown; none: it was not kept.
    chain         BLOB
);
