-- How the platform knows who a publisher is.
CREATE TABLE publisher_verification (
    organization_id text PRIMARY KEY NOT NULL REFERENCES organization (id),
    -- domain: it answers for one. vouched: an admin of the platform says so.
    how text NOT NULL,
    -- the domain, or why
    what text NOT NULL,
    verified_by text NOT NULL,
    verified_at bigint NOT NULL
);

-- Whose release was approved before there was this has the platform's word.
INSERT INTO publisher_verification (organization_id, how, what, verified_by, verified_at)
SELECT p.organization_id, 'vouched', 'A release was approved before publishers were verified.',
       MIN(r.decided_by), MAX(r.decided_at)
FROM plugin p
JOIN release r ON r.plugin_id = p.id
WHERE r.state IN ('approved', 'yanked') AND r.decided_by IS NOT NULL AND r.decided_at IS NOT NULL
  AND p.owner_kind <> 'first-party'
GROUP BY p.organization_id;
