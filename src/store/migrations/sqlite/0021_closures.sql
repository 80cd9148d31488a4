-- What somebody closed, by whom and since when: kept for a while after its end, so that nobody makes it longer alone by closing it again. Each
-- one is called `machine`, or by the account's id and name.
CREATE TABLE closures (
    -- all, app:ID or unit:NAME
    scope     TEXT   NOT NULL,
    closer    TEXT   NOT NULL,
    since     BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    -- When it was opened again before its end.
    lifted    BIGINT,
    reason    TEXT   NOT NULL,
    -- The two who made it longer, if somebody did.
    asker     TEXT,
    confirmer TEXT,
    PRIMARY KEY (scope, closer)
);
INSERT INTO closures (scope, closer, since, until, reason)
    SELECT CASE app WHEN '' THEN 'all' ELSE 'app:' || app END, 'machine', until - 3600000, until, '' FROM lockdowns;
DROP TABLE lockdowns;

-- What somebody wants closed for longer, and another one has not confirmed.
CREATE TABLE asked_extensions (
    scope TEXT   PRIMARY KEY NOT NULL,
    asker TEXT   NOT NULL,
    asked BIGINT NOT NULL
);
