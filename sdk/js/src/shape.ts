// What may cross into the contract with an answer. Its types are TypeScript's only
// until it runs; what does not fit would trap on the way out, so it is thrown here,
// with the name of what does not fit.

/** The value, if it is text. */
export function text(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError(`\`${name}\` must be a string, not ${kind(value)}`);
}

/** The value, if it is text or left out. */
export function maybe(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : text(name, value);
}

/** The value, if it is a whole number of so many bits without a sign. */
export function whole(name: string, bits: number, value: unknown): bigint {
  const number = typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value;
  if (typeof number === "bigint" && BigInt.asUintN(bits, number) === number) return number;
  throw new TypeError(`\`${name}\` must be a whole number of ${bits} bits, not ${kind(value)}`);
}

/** The value, if it is an object. */
export function record<T extends object>(name: string, value: T): T {
  if (typeof value === "object" && value !== null) return value;
  throw new TypeError(`\`${name}\` must be an object, not ${kind(value)}`);
}

// Numbers are told, words may be a customer's.
function kind(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return value === null ? "null" : typeof value;
}
