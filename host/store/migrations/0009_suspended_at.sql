-- When a suspended plugin was stopped: its publisher's and its customers' inboxes
-- say so. Unknown for what was suspended before.
ALTER TABLE plugin ADD COLUMN suspended_at bigint;
