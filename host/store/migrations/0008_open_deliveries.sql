-- What is not finished, by what it waits for: a look for work costs what waits,
-- not what was ever done.
CREATE INDEX delivery_open ON delivery (install_id, subject, id) WHERE state IN ('ready', 'leased', 'parked');
