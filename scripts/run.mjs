// The bootstrap behind `npm test` and `npm start` (and the Deno and Bun tasks of the same names). It is in
// JavaScript, as it has to run before anything that understands TypeScript is installed. It installs the development
// dependencies if they are missing, then hands over to a TypeScript file on Deno.
//
//   node scripts/run.mjs test [-- options of scripts/test.ts]
//   node scripts/run.mjs ok
//   node scripts/run.mjs conformance [-- options of tests/conformance/autobahn.ts]
//   node scripts/run.mjs fuzz [-- options of tests/fuzz/fuzz.ts]
//   node scripts/run.mjs torture [-- options of tests/torture/torture.ts]
//   node scripts/run.mjs bench [-- options of bench/bench.ts]
//   node scripts/run.mjs libcurls [-- options of scripts/libcurls.ts]
//   node scripts/run.mjs options [-- options of scripts/options.ts]
//   node scripts/run.mjs compare [-- options of scripts/compare.ts]
//   node scripts/run.mjs ws-suite [-- options of tests/ws/suite/main.ts]
//   node scripts/run.mjs build
//   node scripts/run.mjs api-docs
//   node scripts/run.mjs start [-- options of bench/demo.ts]
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const ENTRIES = {
  test: "scripts/test.ts",
  ok: "scripts/test.ts --quick",
  start: "bench/demo.ts",
  conformance: "tests/conformance/autobahn.ts",
  fuzz: "tests/fuzz/fuzz.ts",
  torture: "tests/torture/torture.ts",
  bench: "bench/bench.ts",
  libcurls: "scripts/libcurls.ts",
  options: "scripts/options.ts",
  compare: "scripts/compare.ts",
  "ws-suite": "tests/ws/suite/main.ts",
  build: "scripts/build_npm.ts",
  "api-docs": "scripts/api_docs.ts",
};
const WINDOWS = process.platform === "win32";

// Ctrl-C is for the child, which ends by itself.
process.on("SIGINT", () => {});

function run(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", shell: WINDOWS && /^\w+$/.test(command) });
  if (result.error) {
    console.error(`cannot run ${command}: ${result.error.message}`);
    return 1;
  }
  return result.status ?? 1;
}

function works(command) {
  const result = spawnSync(command, ["--version"], { stdio: "ignore", shell: WINDOWS && /^\w+$/.test(command) });
  return !result.error && result.status === 0;
}

function missingPackages() {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return Object.keys(manifest.devDependencies).filter((name) => !existsSync(join(MODULES, name, "package.json")));
}

function install() {
  if (works("npm")) return run("npm", ["install", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"]);
  if (process.versions.bun) return run(process.execPath, ["install", "--no-save"]);
  if (process.versions.deno) return run(process.execPath, ["install"]);
  console.error("the development dependencies are missing, and there is no npm, Bun or Deno to install them");
  return 1;
}

function findDeno() {
  if (process.versions.deno) return process.execPath;
  const scope = join(MODULES, "@deno");
  const executable = WINDOWS ? "deno.exe" : "deno";
  // The platform package has the executable itself, whether or not install scripts were allowed to run.
  const packaged = existsSync(scope) ? readdirSync(scope).map((name) => join(scope, name, executable)) : [];
  return [...packaged, join(MODULES, ".bin", "deno"), "deno"].find(works);
}

const [name = "", ...rest] = process.argv.slice(2);
if (!Object.hasOwn(ENTRIES, name)) {
  console.error(`usage: run.mjs ${Object.keys(ENTRIES).join("|")} [-- arguments]`);
  process.exit(2);
}
const args = rest[0] === "--" ? rest.slice(1) : rest;

const missing = missingPackages();
if (missing.length > 0) {
  console.error(`installing development dependencies (missing: ${missing.join(", ")})`);
  const status = install();
  if (status !== 0) process.exit(status);
}

const deno = findDeno();
if (deno === undefined) {
  console.error("no working Deno found in node_modules or on the PATH");
  process.exit(1);
}
// If the machine has no libcurl, one is downloaded into the user's cache, with a notice.
if (name === "start" || name === "test") {
  const status = run(deno, ["run", "-A", "cli/mod.ts", "install-libcurl", "--if-missing"]);
  if (status !== 0) process.exit(status);
}
process.exit(run(deno, ["run", "-A", ...ENTRIES[name].split(" "), ...args]));
