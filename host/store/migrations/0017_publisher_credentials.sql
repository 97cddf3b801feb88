-- A publisher's own credentials; the values lie sealed under the id.
CREATE TABLE publisher_credential (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    plugin_id text NOT NULL REFERENCES plugin (id),
    -- the manifest's name of the connection that it is for; a webhook secret's own name
    name text NOT NULL,
    -- oauth-client, backend-key, webhook-secret
    kind text NOT NULL,
    -- the one host to which it goes; empty: it goes nowhere
    host text NOT NULL,
    -- of an OAuth client; no secret
    client_id text NOT NULL,
    secret_version bigint NOT NULL,
    -- the value before is good until then, too; NULL: there is none
    previous_until bigint,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    UNIQUE (plugin_id, name)
);
