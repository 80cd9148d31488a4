-- The chain with which a certificate was shown last, so that it can be looked at again when lists of revoked certificates change; none if it
-- was not shown since.
ALTER TABLE certificates ADD COLUMN chain BLOB;
