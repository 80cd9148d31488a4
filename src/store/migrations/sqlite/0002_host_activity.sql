-- When the session was last active on the token's host; none until it was first written back: then the token's making stands for it.
ALTER TABLE host_tokens ADD COLUMN last_active BIGINT;
