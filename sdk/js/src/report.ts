// Reports: what a run that worked returns. Its effects are committed.

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

/** The contract's report. */
export function raw(report: Report | void): RawReport {
  const { summary = "", again, done = 0, total = 0, answer } = report ?? {};
  return {
    summary,
    again: again === undefined || typeof again === "string" ? again : JSON.stringify(again),
    done: BigInt(done),
    total: BigInt(total),
    answer: answer && { contentType: answer.contentType, body: bytes(answer.body) },
  };
}

/** Text as UTF-8; bytes as they are. */
export function bytes(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}
