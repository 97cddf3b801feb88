// Reports: what a run that worked returns. Its effects are committed.
import { record, text, whole } from "./shape";

/** A run that worked. Every part may be left out: nothing to do, nothing to say. */
export interface Report {
  /** One line for people, at most 1 KiB. */
  summary?: string;
  /**
   * If present the same event is delivered again at once, with this as its
   * continuation: long work is many short runs. Text goes as it is, any other
   * value as JSON; read it with `continuationJson` of the event.
   */
  again?: unknown;
  /** Progress of the whole work, in the plugin's own unit. */
  done?: number;
  /** The whole work; 0 if not known. */
  total?: number;
  /** The answer to a `request` event, at most 1 MiB. */
  answer?: { contentType: string; body: string | Uint8Array };
}

/** A report as the contract has it. */
export interface RawReport {
  summary: string;
  again: string | undefined;
  done: bigint;
  total: bigint;
  answer: { contentType: string; body: Uint8Array } | undefined;
}

/** The contract's report; throws a `TypeError` for what the contract has no place for. */
export function raw(report: Report | void | null): RawReport {
  const { summary = "", again, done = 0, total = 0, answer } = record("report", report ?? {});
  return {
    summary: text("summary", summary),
    again: again === undefined || typeof again === "string" ? again : json("again", again),
    done: whole("done", 64, done),
    total: whole("total", 64, total),
    answer: answer && rawAnswer(answer),
  };
}

function rawAnswer({ contentType, body }: NonNullable<Report["answer"]>): RawReport["answer"] {
  return { contentType: text("contentType", contentType), body: bytes(body) };
}

// A function or a symbol has no JSON, and the work would end unfinished.
const json = (name: string, value: unknown): string => text(name, JSON.stringify(value));

/** Text as UTF-8; bytes as they are. */
export function bytes(body: string | Uint8Array): Uint8Array {
  return body instanceof Uint8Array ? body : new TextEncoder().encode(text("body", body));
}
