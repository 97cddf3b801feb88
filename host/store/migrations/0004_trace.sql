-- Whence an event came, as a W3C traceparent; empty where nothing was traced.
-- Between the request and the run may lie hours and restarts.
ALTER TABLE import ADD COLUMN trace text NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN trace text NOT NULL DEFAULT '';

-- What queued pairing work: a batch may come of several imports and decisions.
CREATE TABLE pairing_cause (
    partnership_id text NOT NULL REFERENCES partnership (id),
    trace text NOT NULL,
    PRIMARY KEY (partnership_id, trace)
);

-- The trace in which the run is found; empty where nothing was traced.
ALTER TABLE run ADD COLUMN trace_id text NOT NULL DEFAULT '';
