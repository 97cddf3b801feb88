// How far the work is, over many short runs. Pure.
//
// Where to start reading: a run that continues another one starts where that one
// stopped; a backfill starts where its event says; anything else at the cursor
// that was kept after the last run.
import { BACKFILL, type Denial, type Event } from "@venn/sdk";

/** What one run hands to the next. */
export interface Place {
  /** Where to go on reading. */
  cursor: string | undefined;
  /** Changes read so far, over all runs of this event. */
  done: number;
  /** Tasks made so far, over all runs of this event. */
  tasks: number;
}

/** How a run starts. */
export interface Start {
  place: Place;
  /** The customer chose to start over: tasks may exist already. */
  backfill: boolean;
}

type Changed = Extract<Event, { kind: "overlaps-changed" }>;

/** `kept` is the cursor that the last run left in state. */
export function start(event: Changed, kept: string | undefined): Start {
  const { reason, cursor } = event.payload;
  const backfill = reason === BACKFILL;
  const first = (backfill ? undefined : kept) ?? cursor ?? undefined;
  const place = event.continuationJson<Place>() ?? { cursor: first, done: 0, tasks: 0 };
  return { place, backfill };
}

/** The fields to ask for at first; the same as in `venn.toml`. */
export const FIELDS = ["our-name", "their-name", "their-owner"];
/** Fields that a task can do without. */
const OPTIONAL_FIELDS = ["their-owner"];

/**
 * After a denial: the fields without the one that was denied, if a task can do
 * without it. None if there is nothing to do but give up.
 */
export function withoutDeniedField(fields: string[], denial: Denial): string[] | undefined {
  const words = denial.what.split(/\s+/);
  const denied = (field: string) => OPTIONAL_FIELDS.includes(field) && words.includes(field);
  const rest = fields.filter((field) => !denied(field));
  return rest.length < fields.length ? rest : undefined;
}
