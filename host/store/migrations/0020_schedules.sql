-- When an install runs by itself: the next time of each schedule of its release.
CREATE TABLE schedule (
    install_id text NOT NULL REFERENCES install (id),
    name text NOT NULL,
    -- What the next time was reckoned from; another one reckons anew.
    cron text NOT NULL,
    time_zone text NOT NULL,
    -- The next time as the schedule says, in microseconds since 1970.
    planned_at bigint NOT NULL,
    -- When this install is run for it: a little later, so that installs are spread.
    due_at bigint NOT NULL,
    PRIMARY KEY (install_id, name)
);

CREATE INDEX schedule_due ON schedule (due_at);
