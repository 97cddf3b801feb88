-- What is dropped once it is old enough is found by its end.
CREATE INDEX delivery_finished ON delivery (finished_at, id) WHERE state IN ('done', 'dead');
CREATE INDEX incident_resolved ON incident (resolved_at, id) WHERE state = 'resolved';
