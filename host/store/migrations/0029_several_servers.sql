-- Several servers on one database, and several runs of one install.
--
-- Which reading of a list, and which batch of domains, is under way: who began an earlier
-- one writes nothing of it any more.
ALTER TABLE import ADD COLUMN reading_no bigint NOT NULL DEFAULT 0;
ALTER TABLE partnership ADD COLUMN pairing_no bigint NOT NULL DEFAULT 0;

-- Attempts to log in: of one source at one account, and of sources together. What guards
-- against guessing counts the same at every server.
CREATE TABLE login_attempt (
    -- which account is tried, whether or not there is one: a hash
    account text NOT NULL,
    -- an address, or a browser's name
    place text NOT NULL,
    failures bigint NOT NULL,
    failed_at bigint NOT NULL,
    succeeded_at bigint,
    touched_at bigint NOT NULL,
    PRIMARY KEY (account, place)
);
CREATE INDEX login_attempt_touched ON login_attempt (touched_at);
CREATE TABLE login_together (
    source text PRIMARY KEY NOT NULL,
    spent_until bigint NOT NULL
);
CREATE INDEX login_together_until ON login_together (spent_until);

-- How many runs of one of its installs may be at work at once, as the manifest asks.
ALTER TABLE release ADD COLUMN concurrency bigint NOT NULL DEFAULT 1;
-- 1 if it runs while no other of its install does.
ALTER TABLE delivery ADD COLUMN alone bigint NOT NULL DEFAULT 1;
-- Raised by each run that writes state; each value has the number with which it was written.
ALTER TABLE install ADD COLUMN state_no bigint NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN version bigint NOT NULL DEFAULT 0;
-- 1 if another run had changed what this one had read of the state: nothing of it was kept.
ALTER TABLE run ADD COLUMN overtaken bigint NOT NULL DEFAULT 0;
