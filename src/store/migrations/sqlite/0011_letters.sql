-- An invitation that was printed as a letter: its code opens an enrolment only together with the serial number of this token.
ALTER TABLE invitations ADD COLUMN token TEXT REFERENCES tokens (id) ON DELETE CASCADE;
-- Wrong serial numbers that came with the right code.
ALTER TABLE invitations ADD COLUMN wrong_serials BIGINT NOT NULL DEFAULT 0;
