/// <reference path="./contract.d.ts" />
/**
 * Write a Venn plugin in TypeScript.
 *
 * A plugin is an object with a `handle`, given once to `plugin` and exported as
 * `entry`. Everything that it can reach is a namespace here, one for each
 * interface of the contract in `wit/`; what a call costs in permissions stands
 * at the head of its file.
 *
 * One event arrives, `handle` runs once in a fresh instance, and what it wrote
 * (state, timeline, accounts) is committed only if it returns a report. After a
 * fault, or anything else that is thrown, nothing is.
 */
export * as accounts from "./accounts";
export * as config from "./config";
export * as host from "./host";
export * as http from "./http";
export * as log from "./log";
export * as overlaps from "./overlaps";
export * as state from "./state";
export * as timeline from "./timeline";

export { Denied, NetworkError, VennError } from "./error";
export type { Denial, ErrorKind } from "./error";
export { BACKFILL } from "./event";
export type { AddedEntry, Event, EventKind, Payloads } from "./event";
export { Fault } from "./fault";
export type { Cause } from "./fault";
export { Draft, Finding, plugin } from "./plugin";
export type { Plugin } from "./plugin";
export type { Report } from "./report";
