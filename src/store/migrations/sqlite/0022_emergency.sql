-- The emergency level that was confirmed last, so that a restart neither ends it nor makes it last longer. `confirmed` is by the wall clock and
-- says, with `incident`, which confirmation it was; the others are counted by the steady one.
CREATE TABLE emergency (
    level     TEXT   NOT NULL,
    incident  BIGINT NOT NULL,
    confirmed BIGINT NOT NULL,
    since     BIGINT NOT NULL,
    until     BIGINT NOT NULL
);
