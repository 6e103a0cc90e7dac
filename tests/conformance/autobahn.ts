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
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Options, parseOptions, SetupError, shareOf } from "./options.ts";
import { cleanUp, leftovers, runClient, startServer } from "./processes.ts";
import { type Report, tabulate } from "./report.ts";
import { prepareSuite } from "./suite.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

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
