-- Types: text, bigint (microseconds for times, 0/1 for truth), blob; JSON as text.
-- PostgreSQL runs the same file after `CREATE DOMAIN blob AS bytea`.

CREATE TABLE organization (
    id text PRIMARY KEY NOT NULL,
    slug text NOT NULL UNIQUE,
    name text NOT NULL,
    is_customer bigint NOT NULL,
    is_publisher bigint NOT NULL,
    is_platform bigint NOT NULL,
    created_at bigint NOT NULL
);

-- A person as one organization knows them: naming somebody's address elsewhere
-- gives no hold on who they are here.
CREATE TABLE person (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    email text NOT NULL,
    name text NOT NULL,
    created_at bigint NOT NULL,
    UNIQUE (organization_id, email)
);

CREATE TABLE member (
    organization_id text NOT NULL REFERENCES organization (id),
    user_id text NOT NULL REFERENCES person (id),
    role text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

-- Only a hash of a token is kept.
CREATE TABLE token (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    user_id text NOT NULL REFERENCES person (id),
    name text NOT NULL,
    hash blob NOT NULL,
    scopes text NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint,
    created_at bigint NOT NULL
);
CREATE INDEX token_by_organization ON token (organization_id, id);

-- The answer to a POST with an Idempotency-Key, kept for a day.
CREATE TABLE idempotency (
    token_id text NOT NULL,
    key text NOT NULL,
    request_hash blob NOT NULL,
    status bigint NOT NULL,
    body text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (token_id, key)
);

-- One row: the number that any change of authority raises.
CREATE TABLE authority (
    one bigint PRIMARY KEY NOT NULL,
    number bigint NOT NULL
);
INSERT INTO authority (one, number) VALUES (1, 1);

CREATE TABLE population (
    organization_id text NOT NULL REFERENCES organization (id),
    key text NOT NULL,
    title text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (organization_id, key)
);

CREATE TABLE import (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    mode text NOT NULL,
    -- waiting-for-file, reading, waiting-for-confirmation, applying, done, failed, cancelled
    state text NOT NULL,
    file_name text NOT NULL,
    -- the column map and the stages that the caller gave, JSON
    columns_json text NOT NULL,
    -- what was read and what would change, JSON
    report_json text NOT NULL,
    file_bytes bigint NOT NULL,
    bytes_read bigint NOT NULL,
    rows_read bigint NOT NULL,
    rows_rejected bigint NOT NULL,
    added bigint NOT NULL,
    changed bigint NOT NULL,
    removed bigint NOT NULL,
    unchanged bigint NOT NULL,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    finished_at bigint
);
CREATE INDEX import_by_organization ON import (organization_id, id);
CREATE INDEX import_by_state ON import (state, id);

-- Rows of an import that is not applied yet: nobody reads them but the import.
CREATE TABLE import_row (
    import_id text NOT NULL REFERENCES import (id),
    external_id text NOT NULL,
    account_id text NOT NULL,
    name text NOT NULL,
    website text NOT NULL,
    host text NOT NULL,
    domain text NOT NULL,
    name_key text NOT NULL,
    owner text NOT NULL,
    stage text NOT NULL,
    amount text NOT NULL,
    created_on text NOT NULL,
    population text NOT NULL,
    extra_json text NOT NULL,
    rev blob NOT NULL,
    PRIMARY KEY (import_id, external_id)
);

-- The id of an account for ever: one that leaves the list and comes back is the
-- same to people's decisions and to what plugins did for it.
CREATE TABLE account_key (
    organization_id text NOT NULL REFERENCES organization (id),
    external_id text NOT NULL,
    account_id text NOT NULL,
    PRIMARY KEY (organization_id, external_id)
);

CREATE TABLE account (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    external_id text NOT NULL,
    name text NOT NULL,
    website text NOT NULL,
    -- canonical host without www.; empty if none
    host text NOT NULL,
    -- registrable domain; empty if the account can never match
    domain text NOT NULL,
    name_key text NOT NULL,
    owner text NOT NULL,
    stage text NOT NULL,
    amount text NOT NULL,
    created_on text NOT NULL,
    population text NOT NULL,
    extra_json text NOT NULL,
    -- hash of what the partner may see change
    rev blob NOT NULL,
    updated_at bigint NOT NULL,
    UNIQUE (organization_id, external_id)
);
CREATE INDEX account_by_domain ON account (organization_id, domain, id);
CREATE INDEX account_by_population ON account (organization_id, population, id);

CREATE TABLE partnership (
    id text PRIMARY KEY NOT NULL,
    -- the side that proposed it
    left_id text NOT NULL REFERENCES organization (id),
    right_id text NOT NULL REFERENCES organization (id),
    -- both ids in byte order, so that one stands per pair, whoever proposed it
    pair_key text,
    -- proposed, active, ended
    state text NOT NULL,
    -- raised inside the transaction that writes a change
    change_no bigint NOT NULL,
    created_at bigint NOT NULL,
    accepted_at bigint,
    ended_at bigint,
    ended_by text
);
CREATE INDEX partnership_by_left ON partnership (left_id, id);
CREATE INDEX partnership_by_right ON partnership (right_id, id);
CREATE UNIQUE INDEX partnership_pair ON partnership (pair_key) WHERE state <> 'ended';

CREATE TABLE sharing_rule (
    partnership_id text NOT NULL REFERENCES partnership (id),
    -- the data owner
    owner_id text NOT NULL REFERENCES organization (id),
    population text NOT NULL,
    level text NOT NULL,
    fields_json text NOT NULL,
    purpose text NOT NULL,
    updated_by text NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (partnership_id, owner_id, population)
);

-- Domains of a partnership that must be paired again: a durable queue.
CREATE TABLE pairing_work (
    partnership_id text NOT NULL REFERENCES partnership (id),
    domain text NOT NULL,
    PRIMARY KEY (partnership_id, domain)
);

-- What the pairing worker took out of pairing_work and has not written yet. An
-- import that touches such a domain meanwhile queues it anew, so that no change
-- falls between reading and writing; after a crash the worker starts with these.
CREATE TABLE pairing_taken (
    partnership_id text NOT NULL REFERENCES partnership (id),
    domain text NOT NULL,
    PRIMARY KEY (partnership_id, domain)
);

-- What people decided about pairs: confirm, reject or link.
CREATE TABLE pairing_decision (
    partnership_id text NOT NULL REFERENCES partnership (id),
    left_account text NOT NULL,
    right_account text NOT NULL,
    decision text NOT NULL,
    decided_by text NOT NULL,
    decided_at bigint NOT NULL,
    PRIMARY KEY (partnership_id, left_account, right_account)
);

CREATE TABLE overlap (
    id text PRIMARY KEY NOT NULL,
    partnership_id text NOT NULL REFERENCES partnership (id),
    left_account text NOT NULL,
    right_account text NOT NULL,
    domain text NOT NULL,
    evidence text NOT NULL,
    confidence text NOT NULL,
    -- populations and revisions of both sides when last seen; kept after removal
    left_population text NOT NULL,
    right_population text NOT NULL,
    left_rev blob NOT NULL,
    right_rev blob NOT NULL,
    -- 1 while the pair stands
    live bigint NOT NULL,
    paired_at bigint NOT NULL,
    -- the change that first made it, and the newest one
    added_no bigint NOT NULL,
    change_no bigint NOT NULL,
    UNIQUE (partnership_id, left_account, right_account)
);
CREATE INDEX overlap_by_change ON overlap (partnership_id, change_no, id);
CREATE INDEX overlap_by_partnership ON overlap (partnership_id, id);
CREATE INDEX overlap_by_domain ON overlap (partnership_id, domain, id);
CREATE INDEX overlap_by_left ON overlap (left_account);
CREATE INDEX overlap_by_right ON overlap (right_account);

CREATE TABLE unpaired (
    partnership_id text NOT NULL REFERENCES partnership (id),
    account_id text NOT NULL,
    domain text NOT NULL,
    -- 1 if the account is of the partnership's left side
    is_left bigint NOT NULL,
    PRIMARY KEY (partnership_id, account_id)
);
CREATE INDEX unpaired_by_domain ON unpaired (partnership_id, domain);

CREATE TABLE plugin (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    name text NOT NULL UNIQUE,
    -- first-party, publisher, dev-shop
    owner_kind text NOT NULL,
    -- draft (no release approved yet), listed, suspended
    state text NOT NULL,
    suspended_reason text NOT NULL,
    -- the ceiling as JSON, empty until a first release was approved
    approval_json text NOT NULL,
    approved_by text,
    approved_at bigint,
    created_at bigint NOT NULL
);
CREATE INDEX plugin_by_organization ON plugin (organization_id, id);

CREATE TABLE release (
    id text PRIMARY KEY NOT NULL,
    plugin_id text NOT NULL REFERENCES plugin (id),
    version text NOT NULL,
    -- SHA-256 of the component, hex
    digest text NOT NULL,
    manifest_json text NOT NULL,
    component_bytes bigint NOT NULL,
    -- checking, rejected (by the gate), submitted, approved, refused (by an admin), yanked
    state text NOT NULL,
    -- gate findings and import classes, JSON
    gate_json text NOT NULL,
    uploaded_by text NOT NULL,
    decided_by text,
    decision_reason text NOT NULL,
    decided_at bigint,
    created_at bigint NOT NULL,
    UNIQUE (plugin_id, version)
);
CREATE INDEX release_by_state ON release (state, id);

CREATE TABLE connection (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    name text NOT NULL,
    kind text NOT NULL,
    -- the egress host at which the credential is added, and nowhere else
    host text NOT NULL,
    -- active, reconnect-required
    state text NOT NULL,
    state_reason text NOT NULL,
    secret_version bigint NOT NULL,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    UNIQUE (organization_id, name)
);

-- Envelope: a data key per version, wrapped by the key of that id.
CREATE TABLE secret (
    credential_id text NOT NULL,
    version bigint NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    key_id text NOT NULL,
    wrapped_key blob NOT NULL,
    ciphertext blob NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (credential_id, version)
);

CREATE TABLE install (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    plugin_id text NOT NULL REFERENCES plugin (id),
    release_id text NOT NULL REFERENCES release (id),
    name text NOT NULL,
    -- draft, active, paused, uninstalled
    state text NOT NULL,
    grant_json text NOT NULL,
    config_json text NOT NULL,
    -- {"crm": "con_…"}: the manifest's connection name to a connection
    connections_json text NOT NULL,
    check_json text NOT NULL,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    enabled_at bigint,
    uninstalled_at bigint
);
CREATE INDEX install_by_organization ON install (organization_id, id);
CREATE INDEX install_by_plugin ON install (plugin_id, id);
-- A name is free again once its install is gone.
CREATE UNIQUE INDEX install_name ON install (organization_id, plugin_id, name) WHERE state <> 'uninstalled';

-- Where an install's change cursor starts, per granted partnership.
CREATE TABLE install_partnership (
    install_id text NOT NULL REFERENCES install (id),
    partnership_id text NOT NULL REFERENCES partnership (id),
    start_no bigint NOT NULL,
    -- the newest change for which an event was made
    notified_no bigint NOT NULL,
    PRIMARY KEY (install_id, partnership_id)
);
CREATE INDEX install_partnership_by_partnership ON install_partnership (partnership_id, install_id);

CREATE TABLE event (
    id text PRIMARY KEY NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    kind text NOT NULL,
    subject text NOT NULL,
    payload text NOT NULL,
    occurred_at bigint NOT NULL
);

CREATE TABLE delivery (
    id text PRIMARY KEY NOT NULL,
    event_id text NOT NULL REFERENCES event (id),
    install_id text NOT NULL REFERENCES install (id),
    organization_id text NOT NULL REFERENCES organization (id),
    -- order within an install: the event's subject
    subject text NOT NULL,
    -- ready, leased, parked (waits for a person), done, dead
    state text NOT NULL,
    -- why parked or dead
    state_reason text NOT NULL,
    -- attempts at the present step; a step is one run of an `again` chain
    attempt bigint NOT NULL,
    step bigint NOT NULL,
    not_before bigint NOT NULL,
    -- raised at each lease: a result with an older number is discarded
    fence bigint NOT NULL,
    lease_until bigint,
    continuation text,
    progress_done bigint NOT NULL,
    progress_total bigint NOT NULL,
    created_at bigint NOT NULL,
    finished_at bigint
);
CREATE INDEX delivery_ready ON delivery (state, not_before);
CREATE INDEX delivery_by_install ON delivery (install_id, id);

CREATE TABLE run (
    id text PRIMARY KEY NOT NULL,
    delivery_id text NOT NULL REFERENCES delivery (id),
    install_id text NOT NULL REFERENCES install (id),
    organization_id text NOT NULL REFERENCES organization (id),
    plugin_id text NOT NULL REFERENCES plugin (id),
    release_id text NOT NULL REFERENCES release (id),
    step bigint NOT NULL,
    attempt bigint NOT NULL,
    event_kind text NOT NULL,
    subject text NOT NULL,
    authority_no bigint NOT NULL,
    -- ok, fault, trap, limit, host-failed, refused
    ending text NOT NULL,
    -- the ending in full, JSON
    ending_json text NOT NULL,
    summary text NOT NULL,
    calls_json text NOT NULL,
    usage_json text NOT NULL,
    -- the provisional verdict, JSON; empty if ok
    verdict_json text NOT NULL,
    log_dropped bigint NOT NULL,
    -- effects that were dropped because their capability was revoked meanwhile
    effects_dropped bigint NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint NOT NULL
);
-- Not unique: a delivery that was parked begins its attempts anew. That a run is
-- recorded once is the lease's fence.
CREATE INDEX run_by_delivery ON run (delivery_id, step, attempt);
CREATE INDEX run_by_organization ON run (organization_id, id);
CREATE INDEX run_by_install ON run (install_id, id);
CREATE INDEX run_by_plugin ON run (plugin_id, id);

CREATE TABLE run_log (
    run_id text NOT NULL REFERENCES run (id),
    line_no bigint NOT NULL,
    at bigint NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (run_id, line_no)
);

CREATE TABLE tape (
    run_id text PRIMARY KEY NOT NULL REFERENCES run (id),
    bytes blob NOT NULL
);

-- partition_key: a partnership, or empty for none.
CREATE TABLE state (
    install_id text NOT NULL REFERENCES install (id),
    partition_key text NOT NULL,
    key blob NOT NULL,
    value blob NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (install_id, partition_key, key)
);

CREATE TABLE timeline (
    install_id text NOT NULL REFERENCES install (id),
    key text NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    account_id text NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    partition_key text NOT NULL,
    -- the purpose of what the run had read: plugins or egress
    purpose text NOT NULL,
    at bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (install_id, key)
);
CREATE INDEX timeline_by_account ON timeline (organization_id, account_id, at);

-- Equal failures, grouped; one open incident per fingerprint and install.
CREATE TABLE incident (
    id text PRIMARY KEY NOT NULL,
    fingerprint text NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id),
    install_id text NOT NULL REFERENCES install (id),
    plugin_id text NOT NULL REFERENCES plugin (id),
    class text NOT NULL,
    kind text NOT NULL,
    -- open, resolved
    state text NOT NULL,
    runs bigint NOT NULL,
    first_run_id text NOT NULL,
    last_run_id text NOT NULL,
    opened_at bigint NOT NULL,
    last_at bigint NOT NULL,
    resolved_at bigint
);
CREATE INDEX incident_open ON incident (install_id, fingerprint, state);

-- The one step to the owner, and who else is told.
CREATE TABLE route (
    id text PRIMARY KEY NOT NULL,
    incident_id text NOT NULL REFERENCES incident (id),
    run_id text NOT NULL,
    -- faq, approve-link, status-note, publisher-inbox, platform-inbox, triage
    kind text NOT NULL,
    -- the organization in whose inbox it lies
    organization_id text NOT NULL REFERENCES organization (id),
    -- 1 for the owner, 0 for those who are told
    is_owner bigint NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    -- FAQ entry or redacted bundle, JSON
    detail_json text NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX route_by_organization ON route (organization_id, id);

CREATE TABLE audit (
    id text PRIMARY KEY NOT NULL,
    -- whose audit it is
    organization_id text NOT NULL REFERENCES organization (id),
    at bigint NOT NULL,
    -- a user, an install, or `host`
    actor text NOT NULL,
    -- for example grant.changed, egress.denied, overlaps.read
    action text NOT NULL,
    subject text NOT NULL,
    -- plugin, release digest, run, reason code … as JSON without secrets
    detail_json text NOT NULL
);
CREATE INDEX audit_by_organization ON audit (organization_id, id);
