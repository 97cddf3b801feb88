-- How much of what other plugins added waits for an install, and how much it was not told of
-- because too much did.
--
-- Bytes of the payload of a `timeline-added`; 0 of everything else.
ALTER TABLE delivery ADD COLUMN told_bytes bigint NOT NULL DEFAULT 0;
CREATE INDEX delivery_told ON delivery (install_id, state, told_bytes)
    WHERE told_bytes > 0 AND state IN ('ready', 'leased', 'parked');
-- Entries that it was not told of lately, and when that was last; null: never.
ALTER TABLE install ADD COLUMN untold bigint NOT NULL DEFAULT 0;
ALTER TABLE install ADD COLUMN untold_at bigint;
