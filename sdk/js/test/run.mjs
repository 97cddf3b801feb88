// Runs unit tests without an engine: `node test/run.mjs FOLDER` bundles every
// `*.test.ts` there and hands it to `node --test`. esbuild is the one of
// `venn toolchain typescript`; VENN_TOOLS says where that is.
//
// A host call asks the function of that name in `globalThis.venn`, where a test
// puts its own: `globalThis.venn = { "http.send": (request) => … }`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const CALLS = {
  accounts: ["upsert", "remove"],
  config: ["get"],
  host: ["info", "lastDenial"],
  http: ["send"],
  log: ["write"],
  overlaps: ["find", "lookup", "counts", "changes"],
  state: ["get", "set", "remove", "keys"],
  timeline: ["append"],
};

const tools = resolve(process.env.VENN_TOOLS ?? ".", "package.json");
const { build } = createRequire(tools)("esbuild");
const folder = resolve(process.argv[2] ?? "test");
const entryPoints = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join(folder, name));
const outdir = mkdtempSync(join(tmpdir(), "venn-test-"));

const contract = {
  name: "contract",
  setup(build) {
    build.onResolve({ filter: /^venn:plugin\// }, ({ path }) => ({ path, namespace: "contract" }));
    build.onLoad({ filter: /.*/, namespace: "contract" }, ({ path }) => {
      const name = path.replace(/^venn:plugin\/([a-z]+)@.*$/, "$1");
      const call = (fn) =>
        `export const ${fn} = (...given) => globalThis.venn["${name}.${fn}"](...given);`;
      return { contents: (CALLS[name] ?? []).map(call).join("\n") };
    });
  },
};

await build({
  entryPoints,
  outdir,
  bundle: true,
  format: "esm",
  platform: "node",
  outExtension: { ".js": ".mjs" },
  plugins: [contract],
  logLevel: "warning",
});
const built = readdirSync(outdir, { recursive: true }).filter((name) => name.endsWith(".mjs"));
const files = built.map((name) => join(outdir, name));
const { status } = spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" });
rmSync(outdir, { recursive: true });
process.exit(entryPoints.length === 0 ? 1 : (status ?? 1));
