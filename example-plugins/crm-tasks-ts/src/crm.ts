// The calls to HubSpot. Decides nothing: it sends, and turns an answer that is no
// success into a fault. Every call names its connection (the host adds the token)
// and its operation (the host makes the idempotency key of it).
import { Fault, http } from "@venn/sdk";
import { OVERLAP_PROPERTY, type UpsertInput } from "./task";

/** The connection's name in `venn.toml`. */
export const CONNECTION = "crm";
/** Where HubSpot's API is. */
const API = "https://api.hubapi.com";
/** HubSpot answers 409 to a property that is there already. */
const CONFLICT = 409;
/** HubSpot answers 207 to a batch of which a part did not work. */
const MULTI_STATUS = 207;

/** Makes the unique property of tasks that holds the overlap's id. */
export function createProperty(): void {
  const property = {
    name: OVERLAP_PROPERTY,
    label: "Venn overlap",
    description: "The overlap that this task is about. Set by Venn.",
    groupName: "task",
    type: "string",
    fieldType: "text",
    hasUniqueValue: true,
  };
  const answer = call("POST", "/crm/v3/properties/tasks", "property", property);
  if (answer.status !== CONFLICT) success(answer);
}

/** Whether the token works: reads one task. */
export function probe(): void {
  success(call("GET", "/crm/v3/objects/tasks?limit=1", "probe"));
}

/** Makes or changes tasks, at most 100; answers the task's id per overlap. */
export function upsertTasks(inputs: UpsertInput[], operation: string): Map<string, string> {
  const answer = success(call("POST", "/crm/v3/objects/tasks/batch/upsert", operation, { inputs }));
  if (answer.status === MULTI_STATUS) {
    throw new Fault("crm-rejected", "plugin", "HubSpot did not accept a part of the tasks");
  }
  return byProperty(answer.json<Records>(), OVERLAP_PROPERTY);
}

/**
 * Which of these overlaps, at most 100, have a task already: the task's id per
 * overlap. HubSpot answers 207 if some have none, and that is fine here.
 */
export function knownTasks(overlaps: string[], operation: string): Map<string, string> {
  const body = {
    idProperty: OVERLAP_PROPERTY,
    properties: [OVERLAP_PROPERTY],
    inputs: overlaps.map((id) => ({ id })),
  };
  const answer = success(call("POST", "/crm/v3/objects/tasks/batch/read", operation, body));
  return byProperty(answer.json<Records>(), OVERLAP_PROPERTY);
}

/**
 * The companies on these domains, at most 100: the company's id per domain.
 * Where several share one, the oldest.
 */
export function companies(domains: string[], operation: string): Map<string, string> {
  const filter = { propertyName: "domain", operator: "IN", values: domains };
  const body = {
    filterGroups: [{ filters: [filter] }],
    properties: ["domain"],
    sorts: [{ propertyName: "hs_object_id", direction: "ASCENDING" }],
    // HubSpot's most; twice what is asked for, as domains may be shared.
    limit: 200,
  };
  const answer = success(call("POST", "/crm/v3/objects/companies/search", operation, body));
  return byProperty(answer.json<Records>(), "domain");
}

/** Links tasks to companies, at most 100 pairs of [task, company]. */
export function linkCompanies(pairs: [string, string][], operation: string): void {
  const inputs = pairs.map(([task, company]) => ({ from: { id: task }, to: { id: company } }));
  const path = "/crm/v4/associations/tasks/companies/batch/associate/default";
  success(call("POST", path, operation, { inputs }));
}

/** What a batch or a search answers. */
export interface Records {
  results: { id: string; properties: Record<string, string | null> }[];
}

/** Ids by the value of a property; the first record with a value counts. */
export function byProperty(records: Records, property: string): Map<string, string> {
  const ids = new Map<string, string>();
  for (const { id, properties } of records.results) {
    const value = properties[property];
    if (value != null && !ids.has(value)) ids.set(value, id);
  }
  return ids;
}

function call(method: string, path: string, operation: string, json?: unknown): http.Response {
  try {
    return http.send(method, API + path, { connection: CONNECTION, operation, json });
  } catch (error) {
    throw Fault.ofCall(CONNECTION, error);
  }
}

/** The answer, if it is a success. */
export function success(answer: http.Response): http.Response {
  if (answer.ok) return answer;
  throw Fault.ofStatus(CONNECTION, CONNECTION, answer);
}
