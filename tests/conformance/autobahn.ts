/**
 * Runs CurlWebSocket on Deno and on Bun against the fuzzing server of the Autobahn test suite.
 *
 * Usage: deno run -A tests/conformance/autobahn.ts [options]
 *    or: bun tests/conformance/autobahn.ts [options]
 *
 *   --cases LIST      cases to run, comma-separated: `1.*`, `7.1.6`, `1`, `1-7` (default: all that apply to a client,
 *                     1-7,9,10,12,13; with 12 and 13 it takes 15 to 20 minutes a runtime: 216,000 compressed messages)
 *   --runtimes LIST   runtimes to test, comma-separated (default: deno,bun)
 *   --native          test the runtime's own WebSocket instead
 *   --keep            keep the suite's reports, also when every case passes
 *   --split           the subsections of 12 and 13 by turns, on one runtime each: half the time
 *   --optional        skip where the suite cannot be installed
 *
 * The suite needs CPython 2.7 with pip. It is looked for in the environment variable CURLWS_PYTHON2, on the PATH, and
 * among pyenv's versions; the suite itself is installed once, into .cache/autobahn. A case passes when both its
 * behaviour and its close behaviour are OK; the three cases that the suite never judges pass when it says so.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { homedir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const cache = join(root, ".cache", "autobahn");

const PACKAGES = [
  "autobahntestsuite==25.10.1",
  "autobahn==0.10.9",
  "twisted[tls]==20.3.0",
  "pyopenssl<22",
  "service_identity",
  "jinja2<3",
  "markupsafe<2",
  "werkzeug<1",
  "klein",
  "unittest2",
  "ujson",
  "wsaccel",
];

/** Cases whose result the suite sets to INFORMATIONAL whatever the client did. */
const NEVER_JUDGED = new Set(["7.1.6", "7.13.1", "7.13.2"]);

const SERVER_START_TIMEOUT_MS = 30_000;
const CLIENT_TIMEOUT_MS = 60 * 60_000;

interface Options {
  cases: string[];
  runtimes: string[];
  native: boolean;
  keep: boolean;
  split: boolean;
  optional: boolean;
}

interface CaseResult {
  behavior: string;
  behaviorClose: string;
  reportfile: string;
}

/** The suite's index.json: results by agent, then by case. */
type Report = Record<string, Record<string, CaseResult>>;

interface Suite {
  cases: string[];
  categories: Record<string, string>;
}

interface Server extends Suite {
  child: ChildProcess;
  url: string;
  reports: string;
}

/** A mistake in how the command was called, or something missing that it needs. */
class SetupError extends Error {}

function parseOptions(args: string[]): Options {
  const options: Options = {
    cases: casePatterns("1-7,9,10,12,13"),
    runtimes: ["deno", "bun"],
    native: false,
    keep: false,
    split: false,
    optional: false,
  };
  const rest = args.flatMap((arg) => {
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    return equals < 0 ? [arg] : [arg.slice(0, equals), arg.slice(equals + 1)];
  });
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--native") options.native = true;
    else if (arg === "--keep") options.keep = true;
    else if (arg === "--split") options.split = true;
    else if (arg === "--optional") options.optional = true;
    else if (arg === "--cases") options.cases = casePatterns(rest.shift() ?? "");
    else if (arg === "--runtimes") options.runtimes = (rest.shift() ?? "").split(",");
    else throw new SetupError(`unknown option: ${arg}`);
  }
  const unknown = options.runtimes.find((name) => name !== "deno" && name !== "bun");
  if (unknown !== undefined) throw new SetupError(`unknown runtime: ${unknown || "(none)"}`);
  return options;
}

/** Turns `1-3,7.1.6,9.*` into the suite's patterns: `1.*`, `2.*`, `3.*`, `7.1.6`, `9.*`. */
function casePatterns(list: string): string[] {
  return list.split(",").flatMap((item) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(item);
    if (range === null) {
      if (!/^\d+(\.\d+)*(\.\*)?$/.test(item)) throw new SetupError(`not a list of cases: ${list || "(none)"}`);
      return [item];
    }
    const first = Number(range[1]);
    const last = Number(range[2] ?? first);
    if (last < first || last > 99) throw new SetupError(`not a list of cases: ${list}`);
    return Array.from({ length: last - first + 1 }, (_, offset) => `${first + offset}.*`);
  });
}

function pythonEnvironment(extra: Record<string, string> = {}): Record<string, string | undefined> {
  const { PYTHONHOME: _home, PYTHONPATH: _path, ...rest } = process.env;
  return { ...rest, PIP_DISABLE_PIP_VERSION_CHECK: "1", PYTHONDONTWRITEBYTECODE: "1", ...extra };
}

/** Whether `command` is a CPython 2.7 that has pip. */
function isUsablePython(command: string): boolean {
  const script = "import sys, platform, pip; print(platform.python_implementation(), sys.version_info[:2])";
  const { status, stdout } = spawnSync(command, ["-c", script], { env: pythonEnvironment(), encoding: "utf8" });
  return status === 0 && stdout.includes("'CPython', (2, 7)");
}

function findPython(): string | undefined {
  const chosen = process.env.CURLWS_PYTHON2;
  if (chosen) {
    if (isUsablePython(chosen)) return chosen;
    throw new SetupError("CURLWS_PYTHON2 does not name a CPython 2.7 that has pip");
  }
  const versions = join(process.env.PYENV_ROOT || join(homedir(), ".pyenv"), "versions");
  const managed = existsSync(versions) ? readdirSync(versions).filter((name) => /^2\.7(\.|$)/.test(name)) : [];
  const candidates = ["python2.7", "python2", ...managed.map((name) => join(versions, name, "bin", "python"))];
  return candidates.find(isUsablePython);
}

/** The Python of the environment that has the suite; makes the environment where it is not there yet. */
function prepareSuite(): string | undefined {
  const environment = join(cache, "venv");
  const python = join(environment, "bin", "python");
  const marker = join(environment, "packages.json");
  const wanted = JSON.stringify(PACKAGES);
  const ready = existsSync(marker) && readFileSync(marker, "utf8") === wanted &&
    spawnSync(python, ["-c", "import autobahntestsuite.wstest"], { env: pythonEnvironment() }).status === 0;
  if (ready) return python;

  const base = findPython();
  if (base === undefined) return undefined;
  console.log("Installing the Autobahn test suite into .cache/autobahn (about a minute, once) ...");
  rmSync(environment, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, ".gitignore"), "*\n");
  const bootstrap = join(cache, "bootstrap");
  const pip = ["-m", "pip", "install", "--quiet"];
  const install = (step: string, command: string, args: string[], env = pythonEnvironment()) => {
    const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: "utf8" });
    if (status === 0) return;
    throw new SetupError(`could not install ${step}\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
  };
  install("virtualenv", base, [...pip, "--upgrade", "--target", bootstrap, "virtualenv"]);
  const withBootstrap = pythonEnvironment({ PYTHONPATH: bootstrap });
  install("a virtual environment", base, ["-m", "virtualenv", environment], withBootstrap);
  install("the test suite", python, [...pip, ...PACKAGES]);
  writeFileSync(marker, wanted);
  return python;
}

/** The command of a runtime: the project's own where it is installed, else the one on the PATH. */
function findRuntime(name: string): { command: string; version: string } | undefined {
  const directories = [join(root, "node_modules", ".bin"), ...(process.env.PATH ?? "").split(delimiter)];
  for (const directory of directories) {
    const command = join(directory, name);
    if (directory === "" || !existsSync(command)) continue;
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    const version = /\d+\.\d+\.\d+\S*/.exec(stdout ?? "")?.[0];
    if (status === 0 && version !== undefined) return { command, version };
  }
  return undefined;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket: Socket) => socket.destroy());
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

const children = new Set<ChildProcess>();
/** Folders of reports to remove when this process ends. */
const leftovers = new Set<string>();

/** Starts a child that is ended, by its own process ID, when this process ends. */
function start(command: string, args: string[], stdin: "pipe" | "ignore"): ChildProcess {
  const env = stdin === "pipe" ? pythonEnvironment({ PYTHONUNBUFFERED: "1" }) : process.env;
  const child = spawn(command, args, { cwd: root, env, stdio: [stdin, "pipe", "pipe"] });
  children.add(child);
  const forget = () => children.delete(child);
  child.on("exit", forget);
  child.on("error", forget);
  return child;
}

function cleanUp(): void {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  for (const folder of leftovers) rmSync(folder, { recursive: true, force: true });
  leftovers.clear();
}

async function startServer(python: string, patterns: string[]): Promise<Server> {
  const port = await freePort();
  const url = `ws://127.0.0.1:${port}`;
  const reports = mkdtempSync(join(cache, "run-"));
  leftovers.add(reports);
  const specification = join(reports, "spec.json");
  const spec = { url, outdir: reports, cases: patterns, "exclude-cases": [], "exclude-agent-cases": {} };
  writeFileSync(specification, JSON.stringify(spec));

  const script = join(here, "autobahn_server.py");
  const child = start(python, [script, "-m", "fuzzingserver", "-s", specification, "-u", "0"], "pipe");
  const suite = await new Promise<Suite>((resolve, reject) => {
    let output = "";
    const fail = (reason: string) => reject(new SetupError(`the fuzzing server ${reason}\n${output}`));
    const timer = setTimeout(() => fail("did not start in time"), SERVER_START_TIMEOUT_MS);
    const read = (chunk: Uint8Array) => {
      if (output.length < 100_000) output += new TextDecoder().decode(chunk);
      const line = /^\{"cases": .*\}$/m.exec(output)?.[0];
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(JSON.parse(line));
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", (error) => fail(`could not be started: ${error.message}`));
    child.on("exit", (code) => {
      clearTimeout(timer);
      fail(`ended with code ${code}`);
    });
  });
  return { ...suite, child, url, reports };
}

/** Runs the client to its end. Returns what it printed, and whether it ended well. */
function runClient(command: string, args: string[]): Promise<{ output: string; well: boolean }> {
  return new Promise((resolve) => {
    const child = start(command, args, "ignore");
    let output = "";
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, CLIENT_TIMEOUT_MS);
    const read = (chunk: Uint8Array) => {
      if (output.length < 20_000) output += new TextDecoder().decode(chunk);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ output: `the client could not be started: ${error.message}`, well: false });
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (late) output += "\nthe client did not end in time";
      else if (code !== 0) output += `\nthe client ended with ${signal ?? `code ${code}`}`;
      resolve({ output: output.trim(), well: code === 0 });
    });
  });
}

function isPass(id: string, result: CaseResult): boolean {
  const expected = NEVER_JUDGED.has(id) ? ["OK", "INFORMATIONAL"] : ["OK"];
  return expected.includes(result.behavior) && expected.includes(result.behaviorClose);
}

/** One runtime's table and its cases that are not OK, and the number of cases that passed. */
function tabulate(suite: Suite, results: Record<string, CaseResult>): { lines: string[]; passed: number } {
  const rows = new Map<string, { ok: number; informational: number; failed: number }>();
  const notes: string[] = [];
  let passed = 0;
  for (const id of suite.cases) {
    const category = id.split(".", 1)[0] ?? id;
    const row = rows.get(category) ?? { ok: 0, informational: 0, failed: 0 };
    rows.set(category, row);
    const result = results[id];
    if (result === undefined) {
      row.failed++;
      notes.push(`  FAIL ${id}: not in the report`);
      continue;
    }
    const pass = isPass(id, result);
    const ok = result.behavior === "OK" && result.behaviorClose === "OK";
    if (!pass) row.failed++;
    else if (ok) row.ok++;
    else row.informational++;
    if (pass) passed++;
    if (!ok) {
      notes.push(`  ${pass ? "pass" : "FAIL"} ${id}: behavior ${result.behavior}, close ${result.behaviorClose}`);
    }
  }
  const line = (name: string, ...numbers: (string | number)[]) =>
    `  ${name.padEnd(36)}${numbers.map((number) => String(number).padStart(8)).join("")}`;
  const lines = [line("section", "cases", "OK", "info", "failed")];
  const total = { ok: 0, informational: 0, failed: 0 };
  for (const [category, { ok, informational, failed }] of rows) {
    const name = `${category} ${suite.categories[category] ?? ""}`;
    lines.push(line(name.slice(0, 35), ok + informational + failed, ok, informational, failed));
    total.ok += ok;
    total.informational += informational;
    total.failed += failed;
  }
  lines.push(line("total", suite.cases.length, total.ok, total.informational, total.failed), ...notes);
  return { lines, passed };
}

/** What came of one runtime. */
interface Outcome {
  /** What is printed of it. */
  lines: string[];
  cases: number;
  passed: number;
  /** Whether the client itself ended well. */
  well: boolean;
  reports: string;
}

/** What `--split` leaves to the runtime at `index` of `count`: what these sections test is the same code on each. */
function shareOf(cases: string[], index: number, count: number): string[] {
  const subsections = Object.entries({ "12.*": 5, "13.*": 7 });
  return cases.flatMap((pattern) => {
    const found = subsections.find(([section]) => section === pattern);
    if (found === undefined) return [pattern];
    const all = Array.from({ length: found[1] }, (_, at) => pattern.replace("*", `${at + 1}.*`));
    return all.filter((_, at) => (at + (pattern === "13.*" ? 1 : 0)) % count === index);
  });
}

/** Runs the cases on one runtime, with a server of its own, so that runtimes can be tested side by side. */
async function testRuntime(name: string, python: string, { native, cases }: Options): Promise<Outcome> {
  const server = await startServer(python, cases);
  if (server.cases.length === 0) throw new SetupError("the suite has no such cases");
  const outcome = {
    lines: [] as string[],
    cases: server.cases.length,
    passed: 0,
    well: false,
    reports: server.reports,
  };
  const runtime = findRuntime(name);
  if (runtime === undefined) {
    outcome.lines.push(`${name}: not found in node_modules/.bin nor on the PATH`);
    return outcome;
  }
  const agent = `${name}-${runtime.version}${native ? "-native" : ""}`;
  outcome.lines.push(`${name} ${runtime.version}, ${native ? "its own WebSocket" : "CurlWebSocket"}`);
  const started = performance.now();
  const run = name === "deno" ? ["run", "-A", "--quiet"] : ["run"];
  const args = [...run, join(here, "autobahn_client.ts"), server.url, agent, ...(native ? ["--native"] : [])];
  const { output, well } = await runClient(runtime.command, args);
  const index = join(server.reports, "index.json");
  const report: Report = existsSync(index) ? JSON.parse(readFileSync(index, "utf8")) : {};
  const results = report[agent];
  if (output !== "") outcome.lines.push(output.replaceAll(/^/gm, "  "));
  if (results === undefined) {
    outcome.lines.push(`  no report: none of the ${server.cases.length} cases counts as passed`);
    return outcome;
  }
  const { lines, passed } = tabulate(server, results);
  outcome.lines.push(...lines, `  ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return { ...outcome, passed, well };
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  let python: string | undefined, why = "";
  try {
    python = prepareSuite();
  } catch (error) {
    if (!options.optional || !(error instanceof SetupError)) throw error;
    why = `: ${error.message.split("\n", 1)[0]}`;
  }
  if (python === undefined) {
    console.log(`Skipped: the Autobahn test suite needs a CPython 2.7 with pip, and none was found${why}.`);
    console.log("Name one in the environment variable CURLWS_PYTHON2 to run it.");
    console.log("0 passed, 0 failed, 1 skipped");
    return 0;
  }
  let passed = 0, failed = 0;
  const outcomes = await Promise.all(
    options.runtimes.map((name, index, { length }) =>
      testRuntime(name, python, options.split ? { ...options, cases: shareOf(options.cases, index, length) } : options)
    ),
  );
  for (const outcome of outcomes) {
    console.log(`\n${outcome.lines.join("\n")}`);
    const missing = outcome.cases - outcome.passed;
    passed += outcome.passed;
    // A client that did not end well fails the run even where the suite was content with every case.
    failed += outcome.well ? missing : Math.max(missing, 1);
    const index = join(outcome.reports, "index.html");
    if ((missing > 0 || !outcome.well || options.keep) && existsSync(index)) {
      leftovers.delete(outcome.reports);
      console.log(`  reports: ${relative(root, index)}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    cleanUp();
    process.exit(1);
  });
}

let code = 1;
try {
  code = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  console.log("0 passed, 1 failed");
} finally {
  cleanUp();
}
process.exit(code);
