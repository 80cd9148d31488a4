-- Since when each confirmed emergency level holds, by the steady clock: not only the one that is applied, so that none of those which wait behind
-- it lasts longer because the wall clock was set while the gateway was stopped. What has run out stays so.
CREATE TABLE level_times (
    -- The record of the log that confirmed it.
    record BIGINT  PRIMARY KEY NOT NULL,
    since  BIGINT  NOT NULL,
    over   INTEGER NOT NULL CHECK (over IN (0, 1))
);
