-- What is closed to everybody until then, so that a restart opens nothing. An empty name stands for all apps.
CREATE TABLE lockdowns (
    app   TEXT   PRIMARY KEY NOT NULL,
    until BIGINT NOT NULL
);
