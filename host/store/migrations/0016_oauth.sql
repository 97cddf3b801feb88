-- What a connection whose secret is a token has beyond the others.
CREATE TABLE oauth_connection (
    connection_id text PRIMARY KEY NOT NULL REFERENCES connection (id),
    -- the plugin to whose client a person said yes; NULL: the customer's own client
    plugin_id text REFERENCES plugin (id),
    -- where its secrets go to be renewed, and nowhere else
    token_endpoint text NOT NULL,
    -- of the access token; expires_at is NULL where the service did not say
    issued_at bigint NOT NULL,
    expires_at bigint,
    -- 1: there is what to renew it with
    renewable bigint NOT NULL,
    -- attempts that failed since the last good one, and when there may be another
    failures bigint NOT NULL,
    retry_at bigint NOT NULL,
    -- who renews it now; until then nobody else does
    lease_holder text NOT NULL,
    lease_until bigint NOT NULL
);

-- A person on the way to a service's page and back. What is secret of it lies sealed
-- under its id.
CREATE TABLE connect_attempt (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    install_id text NOT NULL REFERENCES install (id),
    plugin_id text NOT NULL REFERENCES plugin (id),
    -- the manifest's name of the connection
    request text NOT NULL,
    person_id text NOT NULL REFERENCES person (id),
    -- what the connection is to be called
    connection_name text NOT NULL,
    host text NOT NULL,
    token_endpoint text NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    redirect_uri text NOT NULL,
    -- SHA-256 of the state that went along
    state_hash blob NOT NULL,
    -- SHA-256 of the word that the page showed; empty until then
    word_hash blob NOT NULL,
    tries bigint NOT NULL,
    -- open, answered
    state text NOT NULL,
    secret_version bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE UNIQUE INDEX connect_attempt_state ON connect_attempt (state_hash);
CREATE INDEX connect_attempt_install ON connect_attempt (install_id, request);
