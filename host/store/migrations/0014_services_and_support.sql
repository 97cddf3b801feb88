-- The nouns of calls that a token is for, with blanks between; empty for all.
ALTER TABLE token ADD COLUMN nouns text NOT NULL DEFAULT '';

-- When a token was used last is asked for with every listing of them.
CREATE INDEX api_usage_by_token ON api_usage (token_id, last_at);

-- 1: no human being, but a program of the organization; its address is nobody's.
ALTER TABLE person ADD COLUMN is_service bigint NOT NULL DEFAULT 0;

-- What a customer lets another organization look at, of one install, for a while.
CREATE TABLE support_grant (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    install_id text NOT NULL REFERENCES install (id),
    supporter_id text NOT NULL REFERENCES organization (id),
    -- runs, deliveries, logs, with blanks between
    things text NOT NULL,
    reason text NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint,
    created_by text NOT NULL REFERENCES person (id),
    created_at bigint NOT NULL
);
CREATE INDEX support_grant_by_organization ON support_grant (organization_id, id);
CREATE INDEX support_grant_by_supporter ON support_grant (supporter_id, id);
