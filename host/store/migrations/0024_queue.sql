-- Installs that have work to do stand in a queue, one row each: a look for work costs
-- installs that wait, however much each has to do.
CREATE TABLE queue (
    install_id text PRIMARY KEY NOT NULL REFERENCES install (id),
    organization_id text NOT NULL REFERENCES organization (id),
    plugin_id text NOT NULL REFERENCES plugin (id),
    -- since when it waits for its turn, or from when on; null while it runs, and without work
    due_at bigint
);
CREATE INDEX queue_due ON queue (organization_id, due_at, install_id, plugin_id) WHERE due_at IS NOT NULL;
-- The first of an install, instead of the first of all.
DROP INDEX delivery_due;
CREATE INDEX delivery_due ON delivery (install_id, not_before, id) WHERE state = 'ready' AND is_next = 1;
INSERT INTO queue (install_id, organization_id, plugin_id, due_at)
SELECT i.id, i.organization_id, i.plugin_id, MIN(d.not_before) FROM install i
    JOIN delivery d ON d.install_id = i.id AND d.state = 'ready' AND d.is_next = 1
WHERE NOT EXISTS (SELECT 1 FROM delivery o WHERE o.install_id = i.id AND o.state = 'leased')
GROUP BY i.id, i.organization_id, i.plugin_id;
