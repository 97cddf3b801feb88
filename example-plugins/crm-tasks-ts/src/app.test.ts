// What people and HubSpot get to see of an overlap, and where a run starts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault, http, type Event, type overlaps } from "@venn/sdk";
import { DEFAULTS } from "./config";
import { byProperty, success } from "./crm";
import { FIELDS, start, withoutDeniedField } from "./place";
import { operation, subject, upsertInput, wanted } from "./task";

function overlap(id: string, confidence = "sure"): overlaps.Overlap {
  return {
    id, confidence, partnership: "pty_1", partner: "Globex", domain: "acme.com",
    evidence: "host-and-name", pairedAtUs: 1_700_000_000_123_456, ourAccount: "acc_1",
    ourPopulation: "prospects", ourName: "Acme", ourWebsite: "", ourOwner: "", ourStage: "",
    ourAmount: "", ourCreatedOn: "", theirAccount: "acc_2", theirPopulation: "customers",
    theirName: "Acme Inc.", theirWebsite: "", theirOwner: "Ann", theirStage: "", theirAmount: "",
    theirCreatedOn: "", extra: [],
  };
}

const change = (kind: string, id: string, confidence?: string) => ({
  kind,
  overlap: overlap(id, confidence),
});
const ids = (changes: overlaps.Change[], config = DEFAULTS) =>
  wanted(changes, config).map(({ overlap, added }) => [overlap.id, added]);

test("a page names each task once and keeps that it is new", () => {
  const changes = [
    change("added", "ovl_2"), change("changed", "ovl_2"), change("changed", "ovl_1"),
    change("added", "ovl_3"), change("removed", "ovl_3"),
  ];
  assert.deepEqual(ids(changes), [["ovl_1", false], ["ovl_2", true]]);
});

test("likely overlaps become tasks only if wanted", () => {
  const changes = [change("added", "ovl_1", "likely"), change("added", "ovl_2", "perhaps")];
  assert.deepEqual(ids(changes), []);
  assert.deepEqual(ids(changes, { ...DEFAULTS, min_confidence: "likely" }), [["ovl_1", true]]);
});

test("a new task is not started and an existing one keeps its status", () => {
  const status = (added: boolean, known: boolean) =>
    upsertInput({ overlap: overlap("ovl_1"), added }, known, DEFAULTS).properties["hs_task_status"];
  assert.deepEqual([status(true, false), status(true, true), status(false, false)],
    ["NOT_STARTED", undefined, undefined]);
});

test("the upsert is by the unique property", () => {
  const input = upsertInput({ overlap: overlap("ovl_1"), added: true }, false, DEFAULTS);
  assert.deepEqual([input.idProperty, input.id], ["venn_overlap", "ovl_1"]);
  assert.equal(input.properties["hs_timestamp"], "1700000000123");
});

test("a title says less where a field was withheld", () => {
  const given = overlap("ovl_1");
  assert.equal(subject(given, "Overlap:"), "Overlap: Acme is known to Globex (ask Ann)");
  const withheld = { ...given, theirOwner: "", ourName: "", theirName: "" };
  assert.equal(subject(withheld, ""), "acme.com is known to Globex");
});

test("a batch has the same name on every attempt", () => {
  const batch = ["ovl_1", "ovl_9"].map((id) => ({ overlap: overlap(id), added: true }));
  assert.equal(operation("tasks", batch), "tasks/ovl_1-ovl_9");
});

type Changed = Extract<Event, { kind: "overlaps-changed" }>;
const event = (reason: string, cursor: string | null, continued?: unknown) =>
  ({ payload: { reason, cursor }, continuationJson: () => continued }) as unknown as Changed;

test("changes go on at the kept cursor, a backfill where it says, a continuation wins", () => {
  assert.equal(start(event("changes", null), "c7").place.cursor, "c7");
  assert.equal(start(event("changes", null), undefined).place.cursor, undefined);
  const over = start(event("backfill", "start"), "c7");
  assert.deepEqual([over.backfill, over.place.cursor], [true, "start"]);
  const before = { cursor: "c9", done: 500, tasks: 480 };
  assert.deepEqual(start(event("backfill", "start", before), "c7").place, before);
});

test("only a field that a task can do without is given up", () => {
  const denial = (what: string) => ({
    capability: "overlaps:read", what, why: "not granted", whoCanChangeIt: "customer-admin",
  });
  const rest = withoutDeniedField(FIELDS, denial("field their-owner"));
  assert.deepEqual(rest, ["our-name", "their-name"]);
  assert.equal(withoutDeniedField(rest ?? [], denial("field their-owner")), undefined);
  assert.equal(withoutDeniedField(FIELDS, denial("field their-name")), undefined);
});

test("records without the property are left out and the first of equals counts", () => {
  const results = [["1", "acme.com"], ["2", "acme.com"], ["3", null]].map(([id, domain]) => ({
    id: id as string, properties: { domain: domain as string | null },
  }));
  assert.deepEqual([...byProperty({ results }, "domain")], [["acme.com", "1"]]);
});

test("an expired token is the customer's and points to the connection", () => {
  const answer = new http.Response({ status: 401, headers: [], body: new Uint8Array() });
  assert.throws(() => success(answer), (fault: Fault) =>
    fault.code === "crm-unauthorized" && fault.cause === "customer-config" && fault.field === "crm");
});
