// Small state of the install, kept between runs. Needs `state`. A run reads its
// own writes; they are committed with a report, or not at all.
//
// Each partnership has its own partition (`of`) and there is a common one
// (`common`). A run that has read a partner's rows writes only to that partner's
// partition, so that the end of a partnership can purge it. Keys have at most
// 512 bytes, values 64 KiB, an install 10,000 keys.
import * as raw from "venn:plugin/state@0.1.0";
import { call, read } from "./error";

/** The partition that belongs to no partnership. */
export const common = (): Partition => new Partition(undefined);

/** The partition of a partnership. */
export const of = (partnership: string): Partition => new Partition(partnership);

/** One partition. */
export class Partition {
  readonly #partnership: string | undefined;

  constructor(partnership: string | undefined) {
    this.#partnership = partnership;
  }

  /** A value. */
  get(key: string): Uint8Array | undefined {
    return call(() => raw.get(this.#partnership, key));
  }

  /** Writes a value. */
  set(key: string, value: Uint8Array): void {
    call(() => raw.set(this.#partnership, key, value));
  }

  /** A value kept as JSON. */
  getJson<T>(key: string): T | undefined {
    const value = this.get(key);
    return value && read(`state \`${key}\``, new TextDecoder().decode(value));
  }

  /** Writes a value as JSON. */
  setJson(key: string, value: unknown): void {
    this.set(key, new TextEncoder().encode(JSON.stringify(value)));
  }

  /** Removes a value; fine if there is none. */
  remove(key: string): void {
    call(() => raw.remove(this.#partnership, key));
  }

  /**
   * Keys that start with `prefix`, in byte order, after the key `cursor`; none
   * left when it answers with an empty list.
   */
  keys(prefix: string, cursor?: string): string[] {
    return call(() => raw.keys(this.#partnership, prefix, cursor));
  }
}
