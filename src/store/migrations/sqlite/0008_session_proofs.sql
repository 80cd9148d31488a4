-- What was proved in each session, the newest proof of each token; the sign-in is the first.
CREATE TABLE proofs (
    session TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    token   TEXT   NOT NULL,
    factor  TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (session, token)
);
-- A token that is lost ends whatever it had a part in.
CREATE INDEX proofs_by_token ON proofs (token);

INSERT INTO proofs (session, token, factor, at) SELECT id, key, factor, signed_in FROM sessions;
