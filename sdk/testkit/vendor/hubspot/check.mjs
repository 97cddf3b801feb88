// HubSpot's own Node client against the simulator. Run by tests/it/hubspot_client.rs, which
// starts the simulator and sets SIM_PORT, SIM_ADMIN, SIM_TOKEN and NODE_EXTRA_CA_CERTS.
// The client believes that it calls api.hubapi.com; only the address lookup is overridden.
import assert from "node:assert/strict";
import https from "node:https";
import { Client } from "@hubspot/api-client";

const { SIM_PORT, SIM_ADMIN, SIM_TOKEN } = process.env;

// Not the client's `httpAgent` setting: 13.4.0 takes it and then calls without it.
https.globalAgent.options.lookup = (_name, options, done) =>
  options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);

const connect = (accessToken) =>
  new Client({ accessToken, basePath: `https://api.hubapi.com:${SIM_PORT}`, numberOfApiCallRetries: 0 });

const admin = async (method, path, body) => {
  const reply = await fetch(`${SIM_ADMIN}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  assert.ok(reply.ok, `${method} ${path}: ${reply.status}`);
};

const failing = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail("the call was expected to fail");
};

const client = connect(SIM_TOKEN);
const { crm } = client;

const key = {
  name: "venn_key",
  label: "Venn key",
  type: "string",
  fieldType: "text",
  groupName: "task",
  hasUniqueValue: true,
};
const made = await crm.properties.coreApi.create("tasks", key);
assert.equal(made.hasUniqueValue, true);
assert.ok(made.createdAt instanceof Date);
const twice = await failing(() => crm.properties.coreApi.create("tasks", key));
assert.equal(twice.code, 409);
assert.equal(twice.body.category, "OBJECT_ALREADY_EXISTS");
const defined = await crm.properties.coreApi.getByName("tasks", "venn_key");
assert.equal(defined.fieldType, "text");
console.log("property: created, refused twice, read");

const company = await crm.companies.basicApi.create({ properties: { name: "Acme", domain: "acme.example" } });
assert.ok(company.createdAt instanceof Date);

const inputs = ["a", "b", "c"].map((id) => ({
  idProperty: "venn_key",
  id,
  properties: { hs_timestamp: "2026-02-01T00:00:00.000Z", hs_task_subject: `Task ${id}`, hs_task_status: "NOT_STARTED" },
}));
const first = await crm.objects.batchApi.upsert("tasks", { inputs });
assert.equal(first.status, "COMPLETE");
assert.deepEqual(first.results.map((task) => task._new), [true, true, true]);
const second = await crm.objects.batchApi.upsert("tasks", { inputs });
assert.deepEqual(second.results.map((task) => task._new), [false, false, false]);
assert.deepEqual(second.results.map((task) => task.id), first.results.map((task) => task.id));
console.log("upsert: three new, then none");

const [task] = first.results;
const linked = await crm.associations.v4.basicApi.createDefault("tasks", task.id, "companies", company.id);
assert.deepEqual(
  linked.results.map((one) => one.associationSpec.associationTypeId),
  [192, 191],
);
const links = await crm.associations.v4.basicApi.getPage("tasks", task.id, "companies");
assert.equal(String(links.results[0].toObjectId), company.id);
assert.equal(links.results[0].associationTypes[0].typeId, 192);
console.log("associations: made and listed");

const seen = [];
let after;
do {
  const page = await crm.objects.basicApi.getPage("tasks", 2, after, ["venn_key"]);
  seen.push(...page.results.map((one) => one.properties.venn_key));
  after = page.paging?.next?.after;
} while (after);
assert.deepEqual(seen, ["a", "b", "c"]);
const read = await crm.objects.batchApi.read("tasks", {
  idProperty: "venn_key",
  inputs: [{ id: "b" }, { id: "missing" }],
  properties: ["hs_task_subject"],
  propertiesWithHistory: [],
});
assert.equal(read.results[0].properties.hs_task_subject, "Task b");
assert.equal(read.numErrors, 1);
const found = await crm.companies.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: "domain", operator: "EQ", value: "acme.example" }] }],
  sorts: ["name"],
  properties: ["name"],
  limit: 200,
  after: "0",
});
assert.equal(found.total, 1);
assert.equal(found.results[0].properties.name, "Acme");
console.log("list, batch read and search: read to the end");

const sibling = await crm.companies.basicApi.create({ properties: { name: "Acme Ltd", city: "Berlin" } });
const merged = await crm.companies.basicApi.merge({ primaryObjectId: company.id, objectIdToMerge: sibling.id });
assert.ok(![company.id, sibling.id].includes(merged.id));
assert.deepEqual([merged.properties.name, merged.properties.city], ["Acme", "Berlin"]);
const alias = await crm.companies.basicApi.getById(sibling.id, ["hs_merged_object_ids"]);
assert.equal(alias.id, merged.id);
assert.deepEqual(alias.properties.hs_merged_object_ids.split(";"), [company.id, sibling.id]);
const changed = await crm.companies.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: "hs_lastmodifieddate", operator: "GTE", value: String(merged.updatedAt.getTime()) }] }],
  sorts: ["hs_lastmodifieddate"],
  properties: ["name"],
  limit: 200,
  after: "0",
});
assert.deepEqual(changed.results.map((one) => one.id), [merged.id]);
await crm.companies.basicApi.archive(merged.id);
const archived = await crm.companies.basicApi.getPage(100, undefined, undefined, undefined, undefined, true);
assert.deepEqual(archived.results.map((one) => [one.id, one.archived]), [[merged.id, true]]);
await crm.companies.basicApi.create({ properties: { name: "Beta" } });
console.log("companies: merged, found under the old ids, searched by date, archived");

const owners = await crm.owners.ownersApi.getPage(undefined, undefined, 1, false);
assert.equal(owners.results[0].lastName, "Lee");
const next = await crm.owners.ownersApi.getPage(undefined, owners.paging.next.after, 1, false);
assert.equal(next.results[0].firstName, "Bo");
const owner = await crm.owners.ownersApi.getById(Number(next.results[0].id));
assert.ok(owner.createdAt instanceof Date);
console.log("owners: read page by page, and one");

const stranger = await failing(() => connect("pat-wrong").crm.companies.basicApi.getPage());
assert.equal(stranger.code, 401);
assert.equal(stranger.body.category, "INVALID_AUTHENTICATION");
await admin("POST", "/faults", { fault: "rate-limited", times: 1 });
const limited = await failing(() => crm.companies.basicApi.getPage());
assert.equal(limited.code, 429);
assert.equal(limited.body.policyName, "TEN_SECONDLY_ROLLING");
assert.equal((await crm.companies.basicApi.getPage()).results.length, 1);
const unknown = await failing(() => crm.companies.basicApi.create({ properties: { nope: "1" } }));
assert.equal(unknown.body.errors[0].code, "PROPERTY_DOESNT_EXIST");
console.log("401, 429 and 400: as documented");

console.log("all steps passed");
https.globalAgent.destroy();
