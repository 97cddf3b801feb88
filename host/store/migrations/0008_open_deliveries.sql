-- What is not finished, in the orders in which it is looked for: a look for work
-- costs what can be taken, neither what was ever done nor what waits behind others.
--
-- 1 for the oldest unfinished one of an install's subject: the others wait for it.
ALTER TABLE delivery ADD COLUMN is_next bigint NOT NULL DEFAULT 0;
UPDATE delivery SET is_next = 1 WHERE id IN (
    SELECT MIN(id) FROM delivery WHERE state IN ('ready', 'leased', 'parked') GROUP BY install_id, subject);
DROP INDEX delivery_ready;
CREATE INDEX delivery_open ON delivery (install_id, subject, id) WHERE state IN ('ready', 'leased', 'parked');
CREATE INDEX delivery_due ON delivery (not_before, id) WHERE state = 'ready' AND is_next = 1;
CREATE INDEX delivery_leased ON delivery (install_id) WHERE state = 'leased';
