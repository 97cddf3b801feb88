// What a plugin is, and what stands between it and the contract's exports.
// Nothing that a plugin throws traps: it becomes a fault, and what was thrown
// goes to the run's log with its place.
import { read, VennError } from "./error";
import { event, type Event, type RawEvent } from "./event";
import { Fault, type RawFault } from "./fault";
import * as log from "./log";
import { raw, type RawReport, type Report } from "./report";
import { maybe, text } from "./shape";

/**
 * A plugin. Every run is a fresh instance: what must last goes to `state`.
 * Each function may be `async`, for libraries that use `fetch`.
 */
export interface Plugin {
  /**
   * Something happened. Answer a kind that you do not know with nothing: newer
   * hosts may send more kinds.
   */
  handle(event: Event): Report | void | Promise<Report | void>;
  /**
   * Looks before an install is enabled: `GET` and `HEAD` only, no partner data,
   * no effects, 5 seconds. Says nothing by default.
   */
  check?(draft: Draft): Finding[] | Promise<Finding[]>;
  /**
   * Moves the state of an older release: state only, no egress. What it throws
   * keeps the old release running. Does nothing by default.
   */
  migrate?(oldVersion: string): void | Promise<void>;
  /**
   * The fault code for whatever is thrown that is neither a `Fault` nor a
   * `VennError`: a bug. Declare it in the manifest. `unexpected` by default.
   */
  unexpected?: string;
}

/** What is to be checked before an install is enabled. */
export class Draft {
  /** JSON text, valid under the manifest's `config_schema`. */
  readonly text: string;
  /** Names of the connections that are in place. */
  readonly connections: string[];

  constructor(text: string, connections: string[]) {
    this.text = text;
    this.connections = connections;
  }

  /** The configuration as a value. */
  config<T>(): T {
    return read("configuration", this.text);
  }

  /** Whether the connection of that name is in place. */
  hasConnection(name: string): boolean {
    return this.connections.includes(name);
  }
}

/** One line of what a check found; `field` is the configuration field or connection. */
export interface Finding {
  level: "ok" | "warning" | "error";
  message: string;
  field?: string | undefined;
}

export const Finding = {
  /** All is well. */
  ok: (message: string, field?: string): Finding => ({ level: "ok", message, field }),
  /** Worth knowing; the install can be enabled. */
  warning: (message: string, field?: string): Finding => ({ level: "warning", message, field }),
  /** Keeps the install from being enabled. Say what to do about it. */
  error: (message: string, field?: string): Finding => ({ level: "error", message, field }),
};

/** The contract's exports, served by a plugin. */
export interface Entry {
  handle(event: RawEvent): Promise<RawReport>;
  check(draft: { config: string; connections: string[] }): Promise<Finding[]>;
  migrate(oldVersion: string): Promise<void>;
}

/** Makes the plugin of this component: `export const entry = plugin({ handle })`. */
export function plugin(plugin: Plugin): Entry {
  const unexpected = text("unexpected", plugin.unexpected ?? "unexpected");
  const guarded = async <T>(run: () => T | Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (thrown) {
      throw new Failed(faultOf(thrown, unexpected));
    }
  };
  return {
    handle: (given) => guarded(async () => raw(await plugin.handle(event(given)))),
    check: ({ config, connections }) =>
      guarded(async () => {
        const findings = await plugin.check?.(new Draft(config, connections));
        return Array.from(findings ?? [], rawFinding);
      }),
    migrate: (oldVersion) =>
      guarded(async () => {
        await plugin.migrate?.(oldVersion);
      }),
  };
}

// componentize-js takes the `payload` of what an export throws as its error.
class Failed extends Error {
  constructor(readonly payload: RawFault) {
    super(payload.message);
  }
}

function rawFinding({ level, field, message }: Finding): Finding {
  return {
    level: text("level", level) as Finding["level"],
    field: maybe("field", field),
    message: text("message", message),
  };
}

/** The contract's fault that ends a run in which this was thrown. */
export function faultOf(thrown: unknown, unexpected: string): RawFault {
  // Anything can be thrown, and looking at it can throw again.
  let bug = thrown;
  try {
    if (thrown instanceof VennError) return Fault.of(thrown).raw();
    if (thrown instanceof Fault) return thrown.raw();
  } catch (worse) {
    // A fault that does not fit the contract is a bug like any other.
    if (isError(thrown)) bug = worse;
  }
  log.error(told(bug));
  // The words of an error may quote a customer's values: they stay in the log.
  const message = `${named(bug)} was thrown and not caught; the run's log has the place`;
  return { code: unexpected, cause: "plugin", field: undefined, message, retryAfter: undefined };
}

// A Proxy may throw when it is asked.
function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}

function named(thrown: unknown): string {
  if (!isError(thrown)) return `a value of type ${typeof thrown}`;
  try {
    return text("name", thrown.name);
  } catch {
    return "an Error without a name";
  }
}

// Whatever was thrown, in words.
function told(thrown: unknown): string {
  try {
    if (isError(thrown)) return `${named(thrown)}: ${thrown.message}\n${thrown.stack ?? ""}`;
    return `thrown: ${typeof thrown === "object" ? JSON.stringify(thrown) : String(thrown)}`;
  } catch {
    return "thrown: a value that cannot be shown";
  }
}
