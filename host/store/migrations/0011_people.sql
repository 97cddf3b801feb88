-- A person's password: argon2id, in the form of a PHC string. No row, no password.
CREATE TABLE password (
    user_id text PRIMARY KEY NOT NULL REFERENCES person (id),
    hash text NOT NULL,
    changed_at bigint NOT NULL
);

-- The one text with which a person may set a password, once. Only a hash is kept.
CREATE TABLE invitation (
    user_id text PRIMARY KEY NOT NULL REFERENCES person (id),
    hash blob NOT NULL,
    expires_at bigint NOT NULL,
    created_at bigint NOT NULL
);

-- `token`: made by an admin, sent as a bearer. `session`: made by a login, kept in a cookie.
ALTER TABLE token ADD COLUMN kind text NOT NULL DEFAULT 'token';
CREATE INDEX token_by_user ON token (user_id, id);
