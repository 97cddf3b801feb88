// Events: what a run is about. Kinds and payloads are open: `unknown` is not an
// error. The payload of each kind has a schema in the contract's `events/`.
//
// To add a kind: its payload in `Payloads`, its name in `KINDS`.
import { read } from "./error";

/** `reason` of `overlaps-changed` where the customer chose to start over. */
export const BACKFILL = "backfill";

/** An entry that another plugin added to the timeline. */
export interface AddedEntry {
  /** The other plugin's name. */
  plugin: string;
  /** One of our accounts. */
  account: string;
  /** The other plugin's own key. */
  key: string;
  /** The other plugin's own kind of entry. */
  kind: string;
  /** One sentence. */
  text: string;
  /** When it happened, in microseconds since 1970. */
  at: number;
}

/** The payload of each kind that this SDK knows. A payload may have more. */
export interface Payloads {
  /** Overlaps of one partnership (the subject) appeared, changed or went away. */
  "overlaps-changed": {
    /** `changes`, or `backfill`; others may follow. */
    reason: string;
    /** Where to start reading, if not at the plugin's own cursor. */
    cursor: string | null;
  };
  /**
   * Another plugin added entries to the timeline of accounts, derived from a
   * partnership (the subject) or from none. Needs `timeline:read`.
   */
  "timeline-added": { entries: AddedEntry[] };
  /** A schedule of the manifest (the subject) is due, or a person asked for a run now. */
  schedule: { schedule: string; due_at: number; asked_by: string | null };
  /** A third party called the install's URL. */
  webhook: {
    method: string;
    path: string;
    query: string;
    headers: { name: string; value: string }[];
    body_base64: string;
  };
  /** A person asks and waits for the report's `answer`. */
  request: {
    action: string;
    text: string;
    input: Record<string, unknown>;
    user: string | null;
  };
  /** The install was enabled. */
  installed: Record<string, never>;
  /** The configuration changed. */
  configured: { changed: string[] };
  /** What the install may do changed. */
  "grant-changed": { gained: string[]; lost: string[] };
  /** The install moved to another release. */
  upgraded: { old_version: string; new_version: string };
  /** The install is about to go. */
  uninstalling: { reason: string };
  /** What was derived from a partnership (the subject) must go. */
  erase: { reason: string; since: number | null };
}

/** The kinds that this SDK knows. */
export type EventKind = keyof Payloads;

const KINDS: Record<EventKind, true> = {
  "overlaps-changed": true,
  "timeline-added": true,
  schedule: true,
  webhook: true,
  request: true,
  installed: true,
  configured: true,
  "grant-changed": true,
  upgraded: true,
  uninstalling: true,
  erase: true,
};

interface Common {
  /** The event's id; the same on every attempt. */
  id: string;
  /** The kind as the host names it, also one that is younger than this SDK. */
  kindName: string;
  /** What it is about, for example a partnership; empty if nothing. */
  subject: string;
  /** When it happened, in microseconds since 1970. */
  occurredAtUs: number;
  /** What the run before returned as `again`, if this run continues it. */
  continuation: string | undefined;
  /** The same as a value, if `again` was one. */
  continuationJson<T>(): T | undefined;
}

/**
 * Something that happened. `kind` tells which `payload` it has; answer a kind
 * that you do not know, or `unknown`, with an empty report.
 */
export type Event =
  | { [K in EventKind]: Common & { kind: K; payload: Payloads[K] } }[EventKind]
  | (Common & { kind: "unknown"; payload: unknown });

/** An event as the contract has it. */
export interface RawEvent {
  id: string;
  kind: string;
  subject: string;
  occurredAt: bigint;
  payload: string;
  continuation: string | undefined;
}

/** The event of the contract as plugins see it. */
export function event(raw: RawEvent): Event {
  const { continuation } = raw;
  return {
    id: raw.id,
    kind: Object.hasOwn(KINDS, raw.kind) ? (raw.kind as EventKind) : "unknown",
    kindName: raw.kind,
    subject: raw.subject,
    occurredAtUs: Number(raw.occurredAt),
    payload: read("payload", raw.payload),
    continuation,
    continuationJson: () =>
      continuation === undefined ? undefined : read("continuation", continuation),
  } as Event;
}
