-- A webhook that a customer opened: a third party may call it for one install.
CREATE TABLE webhook (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    install_id text NOT NULL REFERENCES install (id),
    plugin_id text NOT NULL REFERENCES plugin (id),
    -- the manifest's name of it
    name text NOT NULL,
    -- what the sender calls this customer, where one URL serves all installs; else empty
    routing_key text NOT NULL,
    -- of the install's own secret, which lies sealed under the id; 0: it has none
    secret_version bigint NOT NULL,
    -- the secret before is good until then, too; NULL: there is none
    previous_until bigint,
    -- the last call that was taken; NULL: none yet
    received_at bigint,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    UNIQUE (install_id, name)
);
-- One customer of the sender's is one install.
CREATE UNIQUE INDEX webhook_routing ON webhook (plugin_id, name, routing_key)
    WHERE routing_key <> '';

-- Calls that were taken, for as long as a sender may send them again.
CREATE TABLE webhook_receipt (
    webhook_id text NOT NULL REFERENCES webhook (id),
    -- SHA-256 of what makes it the same event, hex
    event text NOT NULL,
    delivery_id text NOT NULL,
    received_at bigint NOT NULL,
    PRIMARY KEY (webhook_id, event)
);
CREATE INDEX webhook_receipt_time ON webhook_receipt (received_at);
