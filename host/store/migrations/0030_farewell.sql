-- What is about to go, and its plugin may still look at.
--
-- A list of partnerships, as JSON, of which the install is erasing what it derived; empty if none.
ALTER TABLE install ADD COLUMN erasing_json text NOT NULL DEFAULT '';
CREATE INDEX install_farewell ON install (id) WHERE state = 'uninstalling' OR erasing_json <> '';
