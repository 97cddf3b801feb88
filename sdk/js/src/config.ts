// The customer's configuration of this install. Needs no capability.
import * as raw from "venn:plugin/config@0.1.0";
import { read } from "./error";

/** The configuration as a value. The host has held it against `config_schema`. */
export function get<T>(): T {
  return read("configuration", raw.get());
}

/** The configuration as JSON text. */
export function text(): string {
  return raw.get();
}
