// The contract's imports (`wit/`) as componentize-js gives them to JavaScript.
// Only the modules beside this file import them; each gives one a face.
declare module "venn:plugin/types@0.1.0" {
  export interface Field {
    name: string;
    value: string;
  }
  export interface Denial {
    capability: string;
    what: string;
    why: string;
    whoCanChangeIt: string;
  }
  export type HostError =
    | { tag: "denied"; val: Denial }
    | { tag: "invalid" | "limit" | "conflict" | "unavailable"; val: string };
  export interface Overlap {
    id: string;
    partnership: string;
    partner: string;
    domain: string;
    evidence: string;
    confidence: string;
    pairedAt: bigint;
    ourAccount: string;
    ourPopulation: string;
    ourName: string;
    ourWebsite: string;
    ourOwner: string;
    ourStage: string;
    ourAmount: string;
    ourCreatedOn: string;
    theirAccount: string;
    theirPopulation: string;
    theirName: string;
    theirWebsite: string;
    theirOwner: string;
    theirStage: string;
    theirAmount: string;
    theirCreatedOn: string;
    extra: Field[];
  }
}
declare module "venn:plugin/overlaps@0.1.0" {
  import type { Overlap } from "venn:plugin/types@0.1.0";
  export interface Query {
    partnership: string | undefined;
    ourPopulations: string[];
    theirPopulations: string[];
    fields: string[];
    cursor: string | undefined;
    limit: number;
  }
  export interface Page {
    items: Overlap[];
    cursor: string | undefined;
    withheld: string[];
    withheldPartners: string[];
  }
  export interface Count {
    partnership: string;
    partner: string;
    ourPopulation: string;
    theirPopulation: string;
    count: bigint;
    suppressed: boolean;
  }
  export interface ChangePage {
    items: { kind: string; overlap: Overlap }[];
    cursor: string;
    more: boolean;
    remaining: bigint;
    withheld: string[];
  }
  export function find(query: Query): Page;
  export function lookup(domain: string, fields: string[]): Page;
  export function counts(partnership: string | undefined): Count[];
  export function changes(
    partnership: string,
    cursor: string | undefined,
    fields: string[],
    limit: number,
  ): ChangePage;
}
declare module "venn:plugin/accounts@0.1.0" {
  import type { Field } from "venn:plugin/types@0.1.0";
  export interface AccountRow {
    externalId: string;
    name: string;
    website: string;
    owner: string;
    stage: string;
    amount: string;
    createdOn: string;
    population: string;
    extra: Field[];
  }
  export interface UpsertResult {
    added: number;
    changed: number;
    unchanged: number;
  }
  export function upsert(rows: AccountRow[]): UpsertResult;
  export function remove(externalIds: string[]): number;
}
declare module "venn:plugin/timeline@0.1.0" {
  export interface Entry {
    account: string;
    kind: string;
    text: string;
    at: bigint | undefined;
    key: string;
    partnership: string | undefined;
  }
  export function append(entries: Entry[]): void;
}
declare module "venn:plugin/state@0.1.0" {
  export function get(partnership: string | undefined, key: string): Uint8Array | undefined;
  export function set(partnership: string | undefined, key: string, value: Uint8Array): void;
  export function remove(partnership: string | undefined, key: string): void;
  export function keys(
    partnership: string | undefined,
    prefix: string,
    cursor: string | undefined,
  ): string[];
}
declare module "venn:plugin/config@0.1.0" {
  export function get(): string;
}
declare module "venn:plugin/log@0.1.0" {
  export function write(level: string, message: string): void;
}
declare module "venn:plugin/host@0.1.0" {
  import type { Denial } from "venn:plugin/types@0.1.0";
  export interface RunInfo {
    run: string;
    install: string;
    plugin: string;
    version: string;
    attempt: number;
  }
  export function info(): RunInfo;
  export function lastDenial(): Denial | undefined;
}
declare module "venn:plugin/http@0.1.0" {
  import type { Denial } from "venn:plugin/types@0.1.0";
  export interface Header {
    name: string;
    value: string;
  }
  export interface Request {
    method: string;
    url: string;
    headers: Header[];
    body: Uint8Array;
    connection: string | undefined;
    operation: string | undefined;
    timeoutMs: number | undefined;
  }
  export interface Response {
    status: number;
    headers: Header[];
    body: Uint8Array;
  }
  export type HttpError =
    | { tag: "denied"; val: Denial }
    | { tag: "invalid" | "limit"; val: string }
    | { tag: "failed"; val: { kind: string; message: string } };
  export function send(request: Request): Response;
}
