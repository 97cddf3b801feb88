-- The audit as a chain per organization. Entries from before it are taken in when
-- the store is opened (`audit::adopt`), oldest first.
ALTER TABLE audit ADD COLUMN seq bigint;
ALTER TABLE audit ADD COLUMN previous_hash text;
ALTER TABLE audit ADD COLUMN hash text;
CREATE UNIQUE INDEX audit_by_seq ON audit (organization_id, seq);
CREATE INDEX audit_by_subject ON audit (organization_id, subject, seq);

-- The newest entry of each chain. An append changes it in its own transaction, so
-- that two servers cannot give the same number.
CREATE TABLE audit_head (
    organization_id text PRIMARY KEY NOT NULL REFERENCES organization (id),
    seq bigint NOT NULL,
    hash text NOT NULL
);
