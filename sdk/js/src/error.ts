// What a host call throws when it does not answer with a value. One class for
// all interfaces; uncaught, it becomes a fault with a code of its own per kind
// (see `Fault.of`).
import type { Denial } from "venn:plugin/types@0.1.0";

export type { Denial };

/**
 * - `denied`: not allowed; see `Denied`.
 * - `invalid`: the argument makes no sense; the text says which and why.
 * - `limit`: a limit of this run was reached; the text names it.
 * - `conflict`: someone else wrote the same state meanwhile; read again and retry.
 * - `unavailable`: the host cannot serve this now, or does not serve it yet.
 * - `network`: an HTTP call was allowed but did not work; see `NetworkError`.
 * - `data`: text that should be JSON of some shape is not.
 */
export type ErrorKind =
  | "denied"
  | "invalid"
  | "limit"
  | "conflict"
  | "unavailable"
  | "network"
  | "data";

/** Why a call did not work. Nothing happened, except where said. */
export class VennError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string) {
    super(message);
    this.name = "VennError";
    this.kind = kind;
  }
}

/**
 * Not allowed: by the manifest, the platform, the customer or a data owner.
 * `denial.whoCanChangeIt` says by whom.
 */
export class Denied extends VennError {
  readonly denial: Denial;

  constructor(denial: Denial) {
    super("denied", `${denial.capability}: ${denial.why} (${denial.what})`);
    this.name = "Denied";
    this.denial = denial;
  }
}

/** An HTTP call was allowed but did not work; it may have arrived. */
export class NetworkError extends VennError {
  /**
   * `dns`, `connect`, `tls`, `timeout`, `protocol`, `body-too-large`; others
   * may follow.
   */
  readonly failure: string;

  constructor(failure: string, message: string) {
    super("network", `${failure}: ${message}`);
    this.name = "NetworkError";
    this.failure = failure;
  }
}

/** Makes a host call; what it throws is a `VennError`. */
export function call<T>(host: () => T): T {
  try {
    return host();
  } catch (thrown) {
    throw fromHost(thrown);
  }
}

/** JSON text as a value; a `VennError` of kind `data` for the named thing. */
export function read<T>(what: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new VennError("data", `the ${what} cannot be read: ${(error as Error).message}`);
  }
}

// A result's error arrives as the `payload` of what componentize-js throws.
// Anything else is not the host's, and is thrown on as it is.
function fromHost(thrown: unknown): unknown {
  const payload = (thrown as { payload?: { tag?: string; val?: unknown } } | null)?.payload;
  switch (payload?.tag) {
    case "denied":
      return new Denied(payload.val as Denial);
    case "failed": {
      const { kind, message } = payload.val as { kind: string; message: string };
      return new NetworkError(kind, message);
    }
    case "invalid":
    case "limit":
    case "conflict":
    case "unavailable":
      return new VennError(payload.tag, String(payload.val));
    default:
      return thrown;
  }
}
