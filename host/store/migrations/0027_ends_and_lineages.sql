-- Until when it is of use to begin with a delivery; null where that has no end, and once it
-- has begun or ended. A dead one that has it was too old.
ALTER TABLE delivery ADD COLUMN expires_at bigint;
CREATE INDEX delivery_expires ON delivery (expires_at)
    WHERE expires_at IS NOT NULL AND state IN ('ready', 'parked');
CREATE INDEX delivery_expired ON delivery (organization_id, install_id)
    WHERE expires_at IS NOT NULL AND state = 'dead';
-- Which installs' runs led to an event, and how often each, JSON; empty where none did. What
-- a run writes hands it on by way of the domains that are paired again.
ALTER TABLE event ADD COLUMN lineage text NOT NULL DEFAULT '';
ALTER TABLE pairing_work ADD COLUMN lineage text NOT NULL DEFAULT '';
-- How many runs that are: of two lineages of a domain the longer one is kept.
ALTER TABLE pairing_work ADD COLUMN lineage_runs bigint NOT NULL DEFAULT 0;
ALTER TABLE pairing_taken ADD COLUMN lineage text NOT NULL DEFAULT '';
ALTER TABLE pairing_taken ADD COLUMN lineage_runs bigint NOT NULL DEFAULT 0;
