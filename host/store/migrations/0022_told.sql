-- What is told to whom it concerns: that a plugin may do less from now on, and that a
-- publisher is not verified any more.
ALTER TABLE plugin ADD COLUMN narrowed text NOT NULL DEFAULT '';
ALTER TABLE plugin ADD COLUMN narrowed_at bigint;
ALTER TABLE publisher_verification ADD COLUMN ended_reason text NOT NULL DEFAULT '';
-- Null while it stands.
ALTER TABLE publisher_verification ADD COLUMN ended_at bigint;
-- Connections of an install that are not what its release asks for, since its
-- configuration completes another host: a list as JSON, empty if there are none.
ALTER TABLE install ADD COLUMN unfit_json text NOT NULL DEFAULT '';
ALTER TABLE install ADD COLUMN unfit_at bigint;
