-- How often the server ended while a delivery's step was under way: such an attempt is not
-- the step's fault, unless it comes again and again.
ALTER TABLE delivery ADD COLUMN cut_off bigint NOT NULL DEFAULT 0;
-- By which time the next time of a schedule was reckoned, in microseconds since 1970: what
-- a clock that has been put back since had reckoned is reckoned anew.
ALTER TABLE schedule ADD COLUMN reckoned_at bigint NOT NULL DEFAULT 0;
CREATE INDEX schedule_reckoned ON schedule (reckoned_at);
