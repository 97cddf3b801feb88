-- How often a token made a call on a day (days since 1970-01-01, UTC).
CREATE TABLE api_usage (
    organization_id text NOT NULL REFERENCES organization (id),
    day bigint NOT NULL,
    token_id text NOT NULL REFERENCES token (id),
    call text NOT NULL,
    calls bigint NOT NULL,
    errors bigint NOT NULL,
    last_at bigint NOT NULL,
    PRIMARY KEY (organization_id, day, token_id, call)
);
CREATE INDEX api_usage_by_day ON api_usage (day);
