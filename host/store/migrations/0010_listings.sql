-- A page of an organization's accounts or deliveries is found without
-- a look at what is another's.
CREATE INDEX account_by_organization ON account (organization_id, id);
CREATE INDEX delivery_by_organization ON delivery (organization_id, id);
