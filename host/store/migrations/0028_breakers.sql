-- Failures in a row of an install with its release, or of a destination that installs of
-- one organization call; who has none has no row.
CREATE TABLE breaker (
    -- the install's id; of a destination the organization's id, a blank, and its host
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    -- null: it is a destination's
    install_id text REFERENCES install (id),
    -- which one fails; empty: it is a destination's
    release_id text NOT NULL,
    -- where the newest failure lay, or the destination; empty: nowhere outside
    destination text NOT NULL,
    failures bigint NOT NULL,
    -- since when it is open; null: it is closed
    opened_at bigint,
    -- probes that failed since then, when the next one may run, and for how long one is
    -- under way
    probes bigint NOT NULL,
    next_at bigint NOT NULL,
    probe_until bigint,
    -- the install that has a destination's probe; empty: none
    prober text NOT NULL,
    -- An install rests since then, until then, for its own breaker or its destination's;
    -- null: it does not.
    rests_since bigint,
    rests_until bigint,
    why text NOT NULL
);
CREATE INDEX breaker_destination ON breaker (organization_id, destination);
CREATE INDEX breaker_resting ON breaker (rests_until) WHERE rests_until IS NOT NULL;

-- Steps of a chain in a row that did not move.
ALTER TABLE delivery ADD COLUMN still bigint NOT NULL DEFAULT 0;

-- Runs of an install in a row that ended well although they were cut short; who has none
-- has no row.
CREATE TABLE pulse (
    install_id text PRIMARY KEY NOT NULL REFERENCES install (id),
    still bigint NOT NULL
);

-- What detectors found.
CREATE INDEX incident_found ON incident (kind, install_id)
    WHERE state = 'open' AND kind IN ('silence', 'no-progress');
