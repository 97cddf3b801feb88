// The customer's own accounts, for plugins that sync a CRM. Needs
// `accounts:write`. Writes are committed with a report, or not at all.
import * as raw from "venn:plugin/accounts@0.1.0";
import { call } from "./error";

export type { UpsertResult } from "venn:plugin/accounts@0.1.0";

/** An account as the CRM has it: dates `YYYY-MM-DD`, amounts decimal text; what is left out is empty. */
export type AccountRow = { externalId: string } & Partial<Omit<raw.AccountRow, "externalId">>;

const EMPTY = {
  name: "", website: "", owner: "", stage: "", amount: "", createdOn: "", population: "",
};

/** Adds or changes accounts by external id; at most 500 at once. */
export function upsert(rows: AccountRow[]): raw.UpsertResult {
  const whole = rows.map((row) => ({ ...EMPTY, extra: [], ...row }));
  return call(() => raw.upsert(whole));
}

/** Removes accounts by external id, at most 500 at once; answers how many are this source's. */
export function remove(externalIds: string[]): number {
  return call(() => raw.remove(externalIds));
}
