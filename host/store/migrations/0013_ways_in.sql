-- A person's second factor; its secret is sealed, under the person's id.
CREATE TABLE second_factor (
    user_id text PRIMARY KEY NOT NULL REFERENCES person (id),
    -- of the secret that counts
    version bigint NOT NULL,
    -- when a code of it was given; until then it asks for nothing
    confirmed_at bigint,
    -- the newest step of which a code was used
    last_step bigint NOT NULL,
    created_at bigint NOT NULL
);

-- Only hashes are kept.
CREATE TABLE recovery_code (
    user_id text NOT NULL REFERENCES person (id),
    hash blob NOT NULL,
    used_at bigint,
    PRIMARY KEY (user_id, hash)
);

-- 1: nobody logs in with a password alone.
ALTER TABLE organization ADD COLUMN demands_second_factor bigint NOT NULL DEFAULT 0;
