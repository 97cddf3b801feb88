// What a task says. Pure: overlaps go in, HubSpot's JSON comes out.
import type { overlaps } from "@venn/sdk";
import { accepts, type Config } from "./config";

type Overlap = overlaps.Overlap;

/**
 * The task property that holds the overlap's id. It is unique, so an upsert by
 * it makes one task per overlap however often a run is repeated.
 */
export const OVERLAP_PROPERTY = "venn_overlap";

/** An overlap that becomes a task; `added` says that it is new, not just changed. */
export interface Wanted {
  overlap: Overlap;
  added: boolean;
}

/**
 * The overlaps of a page that become tasks, each once: HubSpot refuses a batch
 * that names one task twice, and only the newest state counts.
 */
export function wanted(changes: overlaps.Change[], config: Config): Wanted[] {
  const byId = new Map<string, Wanted>();
  for (const { kind, overlap } of changes) {
    if (kind === "removed" || !accepts(config.min_confidence, overlap.confidence)) {
      byId.delete(overlap.id);
      continue;
    }
    const added = kind === "added" || byId.get(overlap.id)?.added === true;
    byId.set(overlap.id, { overlap, added });
  }
  return [...byId.values()].sort((a, b) => (a.overlap.id < b.overlap.id ? -1 : 1));
}

/** Names the batch, the same on every attempt: `tasks/<first>-<last>`. */
export function operation(what: string, batch: Wanted[]): string {
  return `${what}/${batch[0]?.overlap.id ?? ""}-${batch.at(-1)?.overlap.id ?? ""}`;
}

/** One input of HubSpot's batch upsert. */
export interface UpsertInput {
  idProperty: string;
  id: string;
  properties: Record<string, string>;
}

/**
 * `known` says that the task exists: its status then belongs to the people who
 * work on it.
 */
export function upsertInput({ overlap, added }: Wanted, known: boolean, config: Config): UpsertInput {
  const properties: Record<string, string> = {
    [OVERLAP_PROPERTY]: overlap.id,
    hs_task_subject: subject(overlap, config.task_prefix),
    hs_task_body: body(overlap),
    hs_task_priority: config.task_priority,
    hs_task_type: "TODO",
    // Due when the two were paired: a repeated run does not move it. HubSpot
    // counts milliseconds, Venn microseconds.
    hs_timestamp: String(Math.floor(overlap.pairedAtUs / 1_000)),
  };
  if (added && !known) properties["hs_task_status"] = "NOT_STARTED";
  return { idProperty: OVERLAP_PROPERTY, id: overlap.id, properties };
}

/** The task's title, for example `Overlap: Acme is known to Globex (ask Ann)`. */
export function subject(overlap: Overlap, prefix: string): string {
  const name = firstOf(overlap.ourName, overlap.theirName, overlap.domain);
  const partner = firstOf(overlap.partner, "a partner");
  const owner = overlap.theirOwner.trim();
  const ask = owner === "" ? "" : ` (ask ${owner})`;
  return `${prefix} ${name} is known to ${partner}${ask}`.trimStart();
}

function body(overlap: Overlap): string {
  const theirs = firstOf(overlap.theirName, overlap.domain);
  const partner = firstOf(overlap.partner, "the partner");
  return (
    `${theirs} is in ${partner}'s list as "${overlap.theirPopulation}", ` +
    `in yours as "${overlap.ourPopulation}". Paired by ${overlap.evidence}.`
  );
}

/** What a timeline entry says. */
export function timelineText(overlap: Overlap): string {
  const partner = firstOf(overlap.partner, "a partner");
  return `A task was made in HubSpot: this account is known to ${partner}.`;
}

function firstOf(...texts: string[]): string {
  return texts.map((text) => text.trim()).find((text) => text !== "") ?? "";
}
