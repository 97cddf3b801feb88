-- How much of third parties' calls waits for an install.
--
-- Bytes of the payload of what a third party called; 0 of everything else.
ALTER TABLE delivery ADD COLUMN call_bytes bigint NOT NULL DEFAULT 0;
UPDATE delivery SET call_bytes = (SELECT LENGTH(e.payload) FROM event e WHERE e.id = delivery.event_id)
    WHERE state IN ('ready', 'leased', 'parked')
      AND event_id IN (SELECT id FROM event WHERE kind IN ('webhook', 'request'));
CREATE INDEX delivery_calls ON delivery (install_id, state, call_bytes)
    WHERE call_bytes > 0 AND state IN ('ready', 'leased', 'parked');
