-- The last reading of the clock by which the instants above are counted: a new process makes its own clock of it.
CREATE TABLE clock (
    id     BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    steady BIGINT NOT NULL,
    wall   BIGINT NOT NULL,
    -- Milliseconds since the machine started, and which start that was.
    uptime BIGINT NOT NULL,
    boot   TEXT   NOT NULL
);
