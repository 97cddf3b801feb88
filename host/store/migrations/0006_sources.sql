-- Live sources of accounts: installs that may write them.

-- Who keeps an account: `import`, or the install that is its source.
ALTER TABLE account ADD COLUMN source text NOT NULL DEFAULT 'import';
-- when a list or its source last named it
ALTER TABLE account ADD COLUMN synced_at bigint NOT NULL DEFAULT 0;
UPDATE account SET synced_at = updated_at;
CREATE INDEX account_by_source ON account (organization_id, source, external_id);

-- rows of the list whose accounts a source keeps: left as they are
ALTER TABLE import ADD COLUMN kept_by_source bigint NOT NULL DEFAULT 0;

-- what a run did to accounts; removals count when they happen
ALTER TABLE run ADD COLUMN accounts_added bigint NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN accounts_changed bigint NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN accounts_unchanged bigint NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN accounts_removed bigint NOT NULL DEFAULT 0;

-- One per install that has begun to write accounts: its newest sync.
CREATE TABLE source (
    install_id text PRIMARY KEY NOT NULL REFERENCES install (id),
    organization_id text NOT NULL REFERENCES organization (id),
    -- the delivery whose runs are the sync
    delivery_id text NOT NULL REFERENCES delivery (id),
    started_at bigint NOT NULL,
    -- none while it is under way
    ended_at bigint,
    -- when the newest sync that was complete began: so old is the data at most
    fresh_at bigint NOT NULL,
    -- figures of the newest sync
    added bigint NOT NULL,
    changed bigint NOT NULL,
    unchanged bigint NOT NULL,
    removed bigint NOT NULL,
    -- removals that wait for a person's yes; 0 if none do
    asked bigint NOT NULL
);

-- Rows of the run that is being recorded, inside of that transaction only: they
-- are written to the accounts as rows of an import are.
CREATE TABLE source_row (
    install_id text NOT NULL REFERENCES install (id),
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
    PRIMARY KEY (install_id, external_id)
);

-- Accounts that a source wants gone: until the sync ends, or somebody says yes.
CREATE TABLE source_removal (
    install_id text NOT NULL REFERENCES install (id),
    external_id text NOT NULL,
    PRIMARY KEY (install_id, external_id)
);
