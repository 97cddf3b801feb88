// Overlap data. Needs `overlaps:read`; what comes back is within the grant and
// every data owner's sharing rules.
//
// A field outside the grant is a denial; a field that a data owner does not
// share is empty and named in `withheld`. `limit` is at most 1,000; 0 means 100.
import * as raw from "venn:plugin/overlaps@0.1.0";
import type { Overlap as RawOverlap } from "venn:plugin/types@0.1.0";
import { call } from "./error";

export type { Field } from "venn:plugin/types@0.1.0";

/** One account of ours paired with one of a partner's. */
export type Overlap = Omit<RawOverlap, "pairedAt"> & {
  /** When the two were paired, in microseconds since 1970. */
  pairedAtUs: number;
};

/** What to read. What is not said means "all that is granted". */
export interface Query {
  /** Of one partnership only. */
  partnership?: string;
  /** Only where our account is in one of these populations. */
  ourPopulations?: string[];
  /** Only where the partner's account is in one of these populations. */
  theirPopulations?: string[];
  /** Fields to fill, for example `their-name`. */
  fields?: readonly string[];
  /** Goes on after the page that ended with this cursor. */
  cursor?: string;
  /** Overlaps in one page. */
  limit?: number;
}

/** A page of overlaps; `cursor` is there if there is more. */
export type Page = Omit<raw.Page, "items"> & { items: Overlap[] };

/** Overlaps per pair of populations; 0 where `suppressed`. */
export type Count = Omit<raw.Count, "count"> & { count: number };

/** One overlap that appeared (`added`), `changed` or went away (`removed`). */
export interface Change {
  /** Treat others as `changed`. */
  kind: string;
  overlap: Overlap;
}

/** A page of changes; keep `cursor` in `state` for the next time. */
export interface ChangePage {
  items: Change[];
  cursor: string;
  /** There is more to read now. */
  more: boolean;
  /** How many changes remain after this page, as far as is known. */
  remaining: number;
  withheld: string[];
}

/** Reads one page. */
export function find(query: Query = {}): Page {
  const { ourPopulations = [], theirPopulations = [], fields = [], limit = 0 } = query;
  const { partnership, cursor } = query;
  const whole = { partnership, ourPopulations, theirPopulations, fields: [...fields], cursor, limit };
  return page(call(() => raw.find(whole)));
}

/** The overlaps on one domain: a URL, a host or a registrable domain. */
export function lookup(domain: string, fields: readonly string[] = []): Page {
  return page(call(() => raw.lookup(domain, [...fields])));
}

/** Overlap counts per pair of populations. */
export function counts(partnership?: string): Count[] {
  return call(() => raw.counts(partnership)).map((c) => ({ ...c, count: Number(c.count) }));
}

/**
 * Changes of one partnership in commit order. Without a cursor it starts where
 * the install was enabled.
 */
export function changes(
  partnership: string,
  cursor: string | undefined,
  fields: readonly string[],
  limit = 0,
): ChangePage {
  const found = call(() => raw.changes(partnership, cursor, [...fields], limit));
  const items = found.items.map(({ kind, overlap: o }) => ({ kind, overlap: overlap(o) }));
  return { ...found, items, remaining: Number(found.remaining) };
}

function page(found: raw.Page): Page {
  return { ...found, items: found.items.map(overlap) };
}

function overlap({ pairedAt, ...rest }: RawOverlap): Overlap {
  return { ...rest, pairedAtUs: Number(pairedAt) };
}
