// A test guest: what it does stands in the payload, or else in the configuration.
// Used by `tests/it/languages.rs`; its twin in Python is beside it.
import { config, host, http, log, overlaps, plugin, state, VennError, type Event } from "@venn/sdk";

interface Told {
  do?: string;
  url?: string;
}

const told = (value: unknown) => {
  const body = JSON.stringify(value);
  return { summary: body, answer: { contentType: "application/json", body } };
};

const no = (): never => {
  throw new Error("Acme's secret");
};

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const THROWN: Record<string, () => unknown> = {
  error: () => new TypeError("Acme's secret"),
  string: () => "Acme's secret",
  number: () => 42,
  null: () => null,
  nothing: () => undefined,
  unspeakable: () => ({
    get payload() {
      throw new Error("no");
    },
    toJSON() {
      throw new Error("no");
    },
  }),
  hostile: () => new Proxy({}, { get: no, getPrototypeOf: no, has: no, ownKeys: no }),
  revoked,
  nameless: () => Object.assign(new Error("Acme's secret"), { name: Symbol("s") }),
};

async function does(event: Event, { do: what = "", url = "" }: Told) {
  switch (what) {
    case "throw-deep": {
      const deeper = (depth: number): number => deeper(depth + 1) + 1;
      return told(deeper(0));
    }
    case "bad-report":
      return { summary: (() => 1) as unknown as string };
    case "half-report":
      return { summary: "a\ud800" };
    case "never":
      return new Promise<void>(() => {});
    case "loop":
      for (;;);
    case "grow": {
      const kept: Uint8Array[] = [];
      for (;;) kept.push(new Uint8Array(1 << 20).fill(1));
    }
    case "look": {
      log.info("looked");
      console.log("printed");
      return told({
        now: Date.now(),
        random: [Math.random(), crypto.randomUUID()],
        kind: event.kind,
        at: event.occurredAtUs,
        run: host.info().run,
      });
    }
    case "calls": {
      const page = overlaps.find({ fields: ["their-name"] });
      const kept = state.of(event.subject);
      kept.setJson("k", { seen: page.items.map((overlap) => overlap.theirName) });
      const answer = http.post(url, { connection: "echo", json: { a: 1 } });
      return told({ kept: kept.getJson("k"), keys: kept.keys(""), status: answer.status });
    }
    case "fetch": {
      const headers = { "venn-connection": "echo" };
      try {
        const answer = await fetch(url, { method: "POST", headers, body: "b" });
        return told({ status: answer.status, body: (await answer.text()).length > 0 });
      } catch {
        return told({ denied: host.lastDenial()?.what });
      }
    }
    case "denied":
      try {
        http.get(url);
        return told("sent");
      } catch (error) {
        return told(error instanceof VennError ? [error.name, error.kind, error.message] : "other");
      }
    case "uncaught":
      return told(http.get(url).status);
    default: {
      const thrown = THROWN[what.replace(/^(throw|reject)-/, "")];
      if (thrown === undefined) return;
      if (what.startsWith("reject-")) return Promise.reject(thrown());
      throw thrown();
    }
  }
}

export const entry = plugin({
  handle: (event) => does(event, { ...config.get<Told>(), ...(event.payload as Told) }),
});
