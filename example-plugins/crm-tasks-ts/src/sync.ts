// One run: read changes, make tasks, note it on the timeline, remember the place.
// Bounded, so that a backfill of any size is a chain of short runs.
import { Denied, log, overlaps, state, timeline, type Event, type Report } from "@venn/sdk";
import { settings, type Config } from "./config";
import * as crm from "./crm";
import { FIELDS, start, withoutDeniedField } from "./place";
import { operation, timelineText, upsertInput, wanted, type Wanted } from "./task";

/** Changes in one page: HubSpot takes at most 100 tasks in one batch. */
const PAGE_CHANGES = 100;
/** Pages in one run: some 8 calls, a few seconds of HubSpot's time. */
const PAGES_PER_RUN = 2;
/** The key of the state that holds how far changes were read. */
const CURSOR = "cursor";

/** Handles `overlaps-changed`; its subject is the partnership. */
export function run(event: Extract<Event, { kind: "overlaps-changed" }>): Report {
  const partnership = event.subject;
  const config = settings();
  const kept = state.of(partnership);
  const { place, backfill } = start(event, kept.getJson<string>(CURSOR));
  let fields = FIELDS;
  let remaining = 0;
  for (let pages = 0; pages < PAGES_PER_RUN; pages += 1) {
    let page: overlaps.ChangePage;
    [page, fields] = read(partnership, place.cursor, fields);
    const tasks = wanted(page.items, config);
    if (tasks.length > 0) {
      makeTasks(tasks, backfill, config);
      note(partnership, tasks);
    }
    place.done += page.items.length;
    place.tasks += tasks.length;
    place.cursor = page.cursor;
    remaining = page.more ? Math.max(page.remaining, 1) : 0;
    if (!page.more) break;
  }
  // A backfill that is not through yet is behind the kept cursor: leave it.
  if (!backfill || remaining === 0) kept.setJson(CURSOR, place.cursor);
  const report: Report = {
    summary: `tasks made: ${place.tasks}, changes read: ${place.done}`,
    done: place.done,
    total: place.done + remaining,
  };
  return remaining === 0 ? report : { ...report, again: place };
}

/**
 * Reads a page; asks again without a field that is denied if a task can do
 * without it.
 */
function read(
  partnership: string,
  cursor: string | undefined,
  fields: string[],
): [overlaps.ChangePage, string[]] {
  for (;;) {
    try {
      return [overlaps.changes(partnership, cursor, fields, PAGE_CHANGES), fields];
    } catch (error) {
      if (!(error instanceof Denied)) throw error;
      const rest = withoutDeniedField(fields, error.denial);
      if (rest === undefined) throw error;
      log.warn(`going on without ${error.denial.what}: ${error.denial.why}`);
      fields = rest;
    }
  }
}

/** Makes or changes the tasks of one page and links them: at most four calls. */
function makeTasks(batch: Wanted[], backfill: boolean, config: Config): void {
  const name = (what: string) => operation(what, batch);
  // Only a backfill meets tasks that people may have worked on.
  const ids = batch.map(({ overlap }) => overlap.id);
  const known = backfill ? crm.knownTasks(ids, name("known")) : new Map<string, string>();
  const inputs = batch.map((each) => upsertInput(each, known.has(each.overlap.id), config));
  const tasks = crm.upsertTasks(inputs, name("tasks"));
  if (!config.assign_company) return;
  const domains = [...new Set(batch.map(({ overlap }) => overlap.domain))].sort();
  const companies = crm.companies(domains, name("companies"));
  const pairs = batch.flatMap(({ overlap }): [string, string][] => {
    const [task, company] = [tasks.get(overlap.id), companies.get(overlap.domain)];
    return task === undefined || company === undefined ? [] : [[task, company]];
  });
  if (pairs.length > 0) crm.linkCompanies(pairs, name("links"));
}

/**
 * Notes new tasks on the timeline. The tasks are the work and the note is a
 * courtesy: without the permission the work goes on.
 */
function note(partnership: string, batch: Wanted[]): void {
  const entries = batch
    .filter(({ added }) => added)
    .map(({ overlap }) => ({
      account: overlap.ourAccount,
      key: overlap.id,
      kind: "task-created",
      text: timelineText(overlap),
      partnership,
    }));
  if (entries.length === 0) return;
  try {
    timeline.append(entries);
  } catch (error) {
    if (!(error instanceof Denied)) throw error;
    log.warn(`no timeline entries: ${error.denial.why}`);
  }
}
