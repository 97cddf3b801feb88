// What stands between a plugin and the contract: events, faults, calls.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Denied, Fault, http, NetworkError, plugin, state, VennError, type Event } from "../src/index";
import type { Report } from "../src/index";
import type { RawFault } from "../src/fault";

type Calls = Record<string, (...given: never[]) => unknown>;
declare global {
  var venn: Calls;
}

const event = (more: object = {}) => ({
  id: "evt_1", kind: "overlaps-changed", subject: "pty_1", occurredAt: 7n,
  payload: '{"reason":"backfill","cursor":"c1"}', continuation: undefined, ...more,
});

/** What the contract's `handle` answers. */
const run = (handle: (event: Event) => Report | void | Promise<Report | void>, given = event()) =>
  plugin({ handle }).handle(given);

/** The fault of a run that throws this, and the lines of its log. */
async function throwing(thrown: unknown, unexpected?: string): Promise<[RawFault, unknown[][]]> {
  const lines: unknown[][] = [];
  globalThis.venn = { "log.write": (...line: unknown[]) => void lines.push(line) };
  const entry = plugin({ handle: () => { throw thrown; }, ...(unexpected && { unexpected }) });
  const failed = await entry.handle(event()).then(() => assert.fail(), (error) => error);
  return [failed.payload, lines];
}

test("a plugin sees a typed event and answers a report", async () => {
  const report = await run((event) => {
    assert.ok(event.kind === "overlaps-changed" && event.payload.cursor === "c1");
    const answer = { contentType: "text/plain", body: "x" };
    return { summary: "done", again: { at: 1 }, done: 1, total: 2, answer };
  });
  assert.deepEqual(report, {
    summary: "done", again: '{"at":1}', done: 1n, total: 2n,
    answer: { contentType: "text/plain", body: new TextEncoder().encode("x") },
  });
  const continued = (event: Event) => ({ summary: event.continuationJson<{ at: string }>()!.at });
  const next = await run(continued, event({ continuation: '{"at":"there"}' }));
  assert.equal(next.summary, "there");
});

test("a kind that is younger than the SDK is unknown, and nothing is an empty report", async () => {
  for (const kind of ["deal-won", "toString"]) {
    const report = await run((event) => {
      assert.deepEqual([event.kind, event.kindName], ["unknown", kind]);
    }, event({ kind, payload: "{}" }));
    const empty = { summary: "", again: undefined, done: 0n, total: 0n, answer: undefined };
    assert.deepEqual(report, empty);
  }
});

test("whatever is thrown becomes a fault, and its words stay in the log", async () => {
  const unspeakable = { toJSON() { throw new Error("no"); } };
  const no = () => { throw hostile; };
  const hostile: object = new Proxy({}, { get: no, getPrototypeOf: no, has: no, ownKeys: no });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  for (const [thrown, what] of [
    [new TypeError("Acme's secret"), "TypeError"],
    ["Acme's secret", "a value of type string"],
    [42, "a value of type number"],
    [null, "a value of type object"],
    [undefined, "a value of type undefined"],
    [Symbol("s"), "a value of type symbol"],
    [unspeakable, "a value of type object"],
    [Object.create(null), "a value of type object"],
    [{ payload: { tag: "denied" } }, "a value of type object"],
    [hostile, "a value of type object"],
    [revoked.proxy, "a value of type object"],
    [Object.assign(new Error(), { name: Symbol("s") }), "an Error without a name"],
    [new Proxy(new Error(), { get: no }), "an Error without a name"],
    [new Fault(5 as never, "plugin", "so"), "TypeError"],
    [new Fault("x-y", "plugin", "so", { retryAfterS: -1 }), "TypeError"],
    [new VennError("of-mine" as never, "so"), "TypeError"],
  ] as const) {
    const [fault, lines] = await throwing(thrown);
    assert.deepEqual(fault, {
      code: "unexpected", cause: "plugin", field: undefined, retryAfter: undefined,
      message: `${what} was thrown and not caught; the run's log has the place`,
    });
    assert.deepEqual(lines.map(([level]) => level), ["error"]);
  }
});

test("an answer that cannot cross into the contract is a fault that says what", async () => {
  const not = async (handle: () => unknown) => {
    const lines: string[] = [];
    globalThis.venn = { "log.write": (...[, line]: string[]) => void lines.push(line!) } as Calls;
    const failed = await run(handle as () => Report).catch((error) => error);
    assert.deepEqual([failed.payload.code, failed.payload.cause], ["unexpected", "plugin"]);
    return lines.map((line) => line.split("\n")[0]);
  };
  for (const [report, why] of [
    [5, "`report` must be an object, not 5"],
    [{ summary: () => 1 }, "`summary` must be a string, not function"],
    [{ summary: null }, "`summary` must be a string, not null"],
    [{ again: () => 1 }, "`again` must be a string, not undefined"],
    [{ done: -1 }, "`done` must be a whole number of 64 bits, not -1"],
    [{ done: 0.5 }, "`done` must be a whole number of 64 bits, not 0.5"],
    [{ total: 2n ** 64n }, "`total` must be a whole number of 64 bits, not 18446744073709551616"],
    [{ answer: { contentType: 1, body: "" } }, "`contentType` must be a string, not 1"],
    [{ answer: { contentType: "", body: [1] } }, "`body` must be a string, not object"],
  ] as const) {
    assert.deepEqual(await not(() => report), [`TypeError: ${why}`]);
  }
  globalThis.venn = { "log.write": () => {} };
  const check = plugin({ handle: () => {}, check: () => [{ level: "ok", message: 5 as never }] }).check;
  const failed = await check({ config: "{}", connections: [] }).catch((error) => error);
  assert.equal(failed.payload.code, "unexpected");
  assert.throws(() => plugin({ handle: () => {}, unexpected: 5 as never }), TypeError);
});

test("a rejected promise is as what is thrown, and the plugin names the code", async () => {
  globalThis.venn = { "log.write": () => {} };
  const failed = await run(() => Promise.reject(1)).catch((error) => error);
  assert.equal(failed.payload.code, "unexpected");
  assert.equal((await throwing(1, "bug"))[0].code, "bug");
});

test("a fault is told as it is", async () => {
  const given = new Fault("x-y", "third-party", "so", { field: "f", retryAfterS: 3 });
  const [fault, lines] = await throwing(given);
  assert.deepEqual(fault, {
    code: "x-y", cause: "third-party", field: "f", message: "so", retryAfter: 3,
  });
  assert.deepEqual(lines, []);
});

const failing = (payload: unknown): Calls => ({
  "http.send": () => { throw Object.assign(new Error(), { payload }); },
});

test("a call goes out with connection, operation and JSON", () => {
  let sent: Record<string, unknown> = {};
  const headers = [{ name: "Retry-After", value: "7" }];
  globalThis.venn = {
    "http.send": (request: Record<string, unknown>) => {
      sent = request;
      return { status: 429, headers, body: new TextEncoder().encode('{"a":1}') };
    },
  } as Calls;
  const options = { json: { x: 1 }, connection: "crm", operation: "task/1" };
  const answer = http.post("https://a.example/b", options);
  assert.deepEqual([sent["method"], sent["connection"], sent["operation"]], ["POST", "crm", "task/1"]);
  assert.deepEqual(sent["body"], new TextEncoder().encode('{"x":1}'));
  assert.deepEqual(sent["headers"], [{ name: "content-type", value: "application/json" }]);
  assert.deepEqual([answer.ok, answer.retryAfterS, answer.json()], [false, 7, { a: 1 }]);
  const fault = Fault.ofStatus("crm", "key", answer);
  assert.deepEqual([fault.code, fault.retryAfterS], ["crm-rate-limited", 7]);
  assert.equal(fault.message, "crm answered with status 429");
});

test("a status names who can fix it", () => {
  const told = (status: number) => {
    const answer = new http.Response({ status, headers: [], body: new Uint8Array() });
    const { code, cause, field } = Fault.ofStatus("crm", "key", answer);
    return [code, cause, field];
  };
  assert.deepEqual(told(403), ["crm-unauthorized", "customer-config", "key"]);
  assert.deepEqual(told(503), ["crm-unavailable", "third-party", undefined]);
  assert.deepEqual(told(400), ["crm-rejected", "plugin", undefined]);
});

test("a denial is typed, and uncaught a fault", async () => {
  const val = {
    capability: "http:egress", what: "host a.example", why: "not granted",
    whoCanChangeIt: "customer-admin",
  };
  globalThis.venn = failing({ tag: "denied", val });
  assert.throws(() => http.get("https://a.example"), (error: Denied) =>
    error instanceof Denied && error.denial.whoCanChangeIt === "customer-admin");
  const failed = await run(() => void http.get("https://a.example")).catch((error) => error);
  assert.deepEqual([failed.payload.code, failed.payload.cause], ["not-allowed", "grant-missing"]);
  assert.equal(failed.payload.message, "http:egress: not granted (host a.example)");
});

test("a broken network is the service's", () => {
  globalThis.venn = failing({ tag: "failed", val: { kind: "tls", message: "expired" } });
  assert.throws(() => http.get("https://a.example"), (error: NetworkError) => {
    const fault = Fault.ofCall("crm", error) as Fault;
    assert.deepEqual([fault.code, fault.message], ["crm-unavailable", "crm cannot be reached (tls)"]);
    return error.failure === "tls";
  });
});

test("state is read as JSON and says what is wrong", () => {
  globalThis.venn = { "state.get": () => new TextEncoder().encode("{") };
  assert.throws(() => state.of("pty_1").getJson("cursor"), (error: VennError) =>
    error.kind === "data" && error.message.startsWith("the state `cursor` cannot be read: "));
});
