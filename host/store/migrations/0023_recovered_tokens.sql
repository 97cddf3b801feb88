-- Why the platform made a token for an organization whose own were lost; else null.
ALTER TABLE token ADD COLUMN recovered_why text;
