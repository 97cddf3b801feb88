// Faults: what a run that did not work ends with. Nothing is committed.
//
// A fault is the plugin's claim. The host draws its own conclusion from what it
// saw; an honest claim makes that quicker, a wrong one changes nothing. Declare
// every code in the manifest's `faults`, with an answer for people.
import { NetworkError, VennError, type ErrorKind } from "./error";
import type { Response } from "./http";
import { maybe, text, whole } from "./shape";

/** Where the plugin sees the cause. */
export type Cause =
  | "plugin"
  | "third-party"
  | "customer-config"
  | "grant-missing"
  | "platform"
  | "unknown";

/** More on a fault. */
export interface FaultDetails {
  /** The configuration field or connection to fix. */
  field?: string | undefined;
  /** Seconds to wait before the next attempt. */
  retryAfterS?: number | undefined;
}

/** A fault as the contract has it. */
export interface RawFault {
  code: string;
  cause: string;
  field: string | undefined;
  message: string;
  retryAfter: number | undefined;
}

/** A run that did not work: throw it. */
export class Fault extends Error {
  readonly code: string;
  override readonly cause: Cause;
  readonly field: string | undefined;
  readonly retryAfterS: number | undefined;

  /**
   * A fault with one of the manifest's codes and a sentence for people. No
   * secrets in the sentence.
   */
  constructor(code: string, cause: Cause, message: string, details: FaultDetails = {}) {
    super(message);
    this.name = "Fault";
    this.code = code;
    this.cause = cause;
    this.field = details.field;
    this.retryAfterS = details.retryAfterS;
  }

  /**
   * The fault of an HTTP answer that is no success, from a service that the
   * manifest's fault codes call `service` and the connection `connection`:
   *
   * | status | code | cause |
   * |---|---|---|
   * | 401, 403 | `<service>-unauthorized` | customer-config, field = connection |
   * | 429 | `<service>-rate-limited` | third-party, with its `Retry-After` |
   * | 408, 5xx | `<service>-unavailable` | third-party, with its `Retry-After` |
   * | others | `<service>-rejected` | plugin |
   */
  static ofStatus(service: string, connection: string, answer: Response): Fault {
    const { status, retryAfterS } = answer;
    // The answer's body may hold a customer's values: it stays out.
    const message = `${service} answered with status ${status}`;
    const fault = (suffix: string, cause: Cause, field?: string) =>
      new Fault(`${service}-${suffix}`, cause, message, { field, retryAfterS });
    if (status === 401 || status === 403) {
      return fault("unauthorized", "customer-config", connection);
    }
    if (status === 429) return fault("rate-limited", "third-party");
    if (status === 408 || (status >= 500 && status < 600)) {
      return fault("unavailable", "third-party");
    }
    return fault("rejected", "plugin");
  }

  /**
   * The fault of an HTTP call that brought no answer: `<service>-unavailable`
   * for a broken network; anything else that was thrown stays what it is.
   */
  static ofCall(service: string, thrown: unknown): unknown {
    if (!(thrown instanceof NetworkError)) return thrown;
    const message = `${service} cannot be reached (${thrown.failure})`;
    return new Fault(`${service}-unavailable`, "third-party", message);
  }

  /**
   * What an uncaught error becomes: `not-allowed`, `bad-call`,
   * `limit-reached`, `state-conflict`, `venn-unavailable`, `network`, `bad-data`.
   */
  static of(error: VennError): Fault {
    const [code, cause] = CODES[error.kind];
    return new Fault(code, cause, error.message);
  }

  /** The contract's fault; throws a `TypeError` for what the contract has no place for. */
  raw(): RawFault {
    const { code, cause, field, message, retryAfterS: wait } = this;
    return {
      code: text("code", code),
      cause: text("cause", cause),
      field: maybe("field", field),
      message: text("message", message),
      retryAfter: wait === undefined ? undefined : Number(whole("retryAfterS", 32, wait)),
    };
  }
}

const CODES: Record<ErrorKind, [string, Cause]> = {
  denied: ["not-allowed", "grant-missing"],
  invalid: ["bad-call", "plugin"],
  limit: ["limit-reached", "plugin"],
  conflict: ["state-conflict", "platform"],
  unavailable: ["venn-unavailable", "platform"],
  network: ["network", "third-party"],
  data: ["bad-data", "plugin"],
};
