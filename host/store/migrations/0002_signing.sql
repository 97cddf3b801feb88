-- Publishers' keys, and what they signed. Both rows are sealed with a key of the
-- host's that is not in the database: who can write here can still not make a
-- key or a signature that is believed.

CREATE TABLE signing_key (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    name text NOT NULL,
    -- Ed25519, hex
    public_key text NOT NULL UNIQUE,
    registered_by text NOT NULL,
    -- the key that spoke for it; none for a first key and for an admin's
    endorsed_by text,
    created_at bigint NOT NULL,
    -- retired, compromised; none while it is active
    revoked_because text,
    revoked_at bigint,
    revoked_by text,
    -- signatures that arrived at this moment or later are not believed
    distrusted_from bigint,
    seal blob NOT NULL
);
CREATE INDEX signing_key_by_organization ON signing_key (organization_id, id);

-- A release without a row is older than signing: it does not run.
CREATE TABLE release_signature (
    release_id text PRIMARY KEY NOT NULL REFERENCES release (id),
    key_id text NOT NULL REFERENCES signing_key (id),
    -- of the statement, hex
    signature text NOT NULL,
    -- when the host took it
    signed_at bigint NOT NULL,
    seal blob NOT NULL
);
CREATE INDEX release_signature_by_key ON release_signature (key_id);
