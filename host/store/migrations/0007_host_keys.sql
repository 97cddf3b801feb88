-- Which keys everything sealed in here is sealed with: one row from the first start
-- on. It names the keys and does not tell them.
CREATE TABLE host_keys (
    one bigint PRIMARY KEY NOT NULL,
    -- a keyed hash of a constant, hex
    fingerprint text NOT NULL
);
