-- The proofs of a session in the order in which they came, and the last that each token was given out with: a process that starts anew makes
-- none stronger than it was. Instants do not tell that: two may be one, and they move with the clock.
ALTER TABLE proofs ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host_tokens ADD COLUMN proven BIGINT NOT NULL DEFAULT 0;
UPDATE proofs SET number = 1 WHERE at > (SELECT signed_in FROM sessions WHERE sessions.id = proofs.session);
UPDATE host_tokens SET proven = 1 WHERE created >= (SELECT max(at) FROM proofs WHERE proofs.session = host_tokens.session);
