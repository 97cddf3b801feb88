-- The counts of one partnership as of the first look of a day (UTC, since 1970): what
-- is told where only counts are shared, so that importing does not move it.
CREATE TABLE count_snapshot (
    partnership_id text PRIMARY KEY NOT NULL REFERENCES partnership (id),
    day bigint NOT NULL,
    -- [[left population, right population, count], …], exact
    counts_json text NOT NULL
);
