-- Until when it is of use to begin with a delivery; null where that has no end, and once it
-- has begun or ended. A dead one that has it was too old.
ALTER TABLE delivery ADD COLUMN expires_at bigint;
CREATE INDEX delivery_expires ON delivery (expires_at)
    WHERE expires_at IS NOT NULL AND state IN ('ready', 'parked');
CREATE INDEX delivery_expired ON delivery (organization_id, install_id)
    WHERE expires_at IS NOT NULL AND state = 'dead';
