// HTTP calls to third parties. Needs `http:egress` with an approved and granted
// host; credentials come from connections and are never seen here.
//
// Bodies are whole, at most 5 MiB each way; a redirect is an answer, not
// followed. `fetch` works too (the connection is its header `venn-connection`);
// both doors have the same guard.
import * as raw from "venn:plugin/http@0.1.0";
import { call, read } from "./error";
import { bytes } from "./report";

/** What a call says besides its method and URL. */
export interface Options {
  /**
   * Those that carry credentials or frame the message are the host's, and are
   * denied.
   */
  headers?: Record<string, string>;
  /** The body as it is. */
  body?: string | Uint8Array;
  /** The body as JSON, with its content type. */
  json?: unknown;
  /** The connection whose credential the host adds, by its manifest name. */
  connection?: string;
  /**
   * Names what the call does, for example `task/42`: the idempotency key that
   * goes out is then the same on every attempt at this delivery.
   */
  operation?: string;
  /** At most 30,000, which is the default too. */
  timeoutMs?: number;
}

/** Sends a call; the method is upper case, the URL absolute. An answer of any status is no error. */
export function send(method: string, url: string, options: Options = {}): Response {
  const { connection, operation, timeoutMs } = options;
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => ({ name, value }));
  let body = bytes(options.body ?? "");
  if (options.json !== undefined) {
    headers.push({ name: "content-type", value: "application/json" });
    body = bytes(JSON.stringify(options.json));
  }
  const request = { method, url, headers, body, connection, operation, timeoutMs };
  return new Response(call(() => raw.send(request)));
}

/** A `GET`. */
export const get = (url: string, options?: Options): Response => send("GET", url, options);
/** A `POST`. */
export const post = (url: string, options?: Options): Response => send("POST", url, options);
/** A `PUT`. */
export const put = (url: string, options?: Options): Response => send("PUT", url, options);
/** A `PATCH`. */
export const patch = (url: string, options?: Options): Response => send("PATCH", url, options);
/** A `DELETE`. */
export const del = (url: string, options?: Options): Response => send("DELETE", url, options);

/** An answer. */
export class Response {
  readonly status: number;
  /** Names and values, as they came. */
  readonly headers: { name: string; value: string }[];
  /** The whole body. */
  readonly body: Uint8Array;

  constructor(answer: raw.Response) {
    this.status = answer.status;
    this.headers = answer.headers;
    this.body = answer.body;
  }

  /** Whether the status is 2xx. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The first header of that name, in any case. */
  header(name: string): string | undefined {
    return this.headers.find((header) => header.name.toLowerCase() === name.toLowerCase())?.value;
  }

  /** Seconds from `Retry-After`; none for the form with a date. */
  get retryAfterS(): number | undefined {
    const text = this.header("retry-after")?.trim() ?? "";
    return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  }

  /** The body as a value. */
  json<T>(): T {
    return read("answer's body", this.text());
  }

  /** The body as text; bytes that are no UTF-8 become replacement characters. */
  text(): string {
    return new TextDecoder().decode(this.body);
  }
}
