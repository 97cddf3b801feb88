// Dated facts on an account of the customer. Needs `timeline:write`. Entries are
// committed with a report, or not at all; the same key is the same entry for
// ever, so writing it again does no harm.
import * as raw from "venn:plugin/timeline@0.1.0";
import { call } from "./error";

/** One fact. */
export interface Entry {
  /** One of our accounts: `ourAccount` of an overlap. */
  account: string;
  /** Chosen by the plugin. */
  key: string;
  /** A short kind of the plugin's own. */
  kind: string;
  /** At most 2 KiB. */
  text: string;
  /** When it happened, in microseconds since 1970; now if not said. */
  atUs?: number;
  /**
   * The partnership that it was derived from. A run that has read a partner's
   * rows writes only to that partnership.
   */
  partnership?: string;
}

/** Appends entries; at most 500 at once. */
export function append(entries: Entry[]): void {
  const rows = entries.map(({ account, key, kind, text, atUs, partnership }) => {
    const at = atUs === undefined ? undefined : BigInt(atUs);
    return { account, key, kind, text, at, partnership };
  });
  call(() => raw.append(rows));
}
