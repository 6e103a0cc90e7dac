/**
 * Runs every check of the repository, one after another: format, lint, types, documentation, packaging, and the tests on
 * Deno and on Bun. It goes on after a failure. Its last line is the tally of checks and tests.
 *
 *   --quick            what to run before a commit, in under a minute: the quick checks, and the tests of what does no I/O
 *   --only deno|bun    only the tests on that runtime
 *   --filter <text>    the tests whose names contain the text, without the other checks
 *   --within <names>   only the tests of these folders of tests/, comma-separated
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Counts, countTests } from "./junit.ts";
import { findTool, ROOT, run, type Tool } from "./tools.ts";

/** Ms, several times what an idle machine takes: these only end what hangs. */
const STEP_TIMEOUT = 5 * 60_000;
const SUITE_TIMEOUT = 20 * 60_000;

interface Check {
  name: string;
  tool: Tool;
  args: string[];
}

interface Suite extends Check {
  runtime: "deno" | "bun";
  report: string;
}

const TYPE_CHECKED = ["mod.ts", "global.ts", "src", "runtimes", "ws", "cli", "tests", "bench", "examples", "scripts"];
/** The modules whose docstrings users read. */
const DOCUMENTED = ["mod.ts", "global.ts", "src", "runtimes", "ws", "cli"].filter((path) =>
  existsSync(join(ROOT, path))
);

/** The folders of tests/ that need no server, and the tests of the repository itself. */
const QUICK_TESTS = ["protocol", "handshake", "reactor", "rooms_test.ts", "tasks_test.ts"];
/** The checks that take longer than the others. */
const SLOW_CHECKS = ["coverage", "packaging", "types of the examples"];

const CHECKS: Check[] = [
  { name: "format", tool: "deno", args: ["fmt", "--check"] },
  { name: "lint", tool: "deno", args: ["lint"] },
  { name: "types", tool: "deno", args: ["check", ...TYPE_CHECKED.filter((path) => existsSync(join(ROOT, path)))] },
  { name: "types of the examples in docstrings", tool: "deno", args: ["check", "--doc-only", ...DOCUMENTED] },
  { name: "types of src without any runtime", tool: "tsc", args: ["-p", "tsconfig.src.json"] },
  {
    name: "documentation",
    tool: "deno",
    args: ["doc", "--lint", "mod.ts", "global.ts", "ws/mod.ts", "cli/har/mod.ts"],
  },
  { name: "coverage of src/protocol and src/handshake", tool: "deno", args: ["run", "-A", "scripts/coverage.ts"] },
  { name: "packaging", tool: "deno", args: ["publish", "--dry-run", "--allow-dirty"] },
];

/** The test files that both runtimes run, relative to the root; the conformance tests have their own command. */
function testFiles(within: string[] | undefined): string[] {
  const tests = join(ROOT, "tests");
  if (!existsSync(tests)) return [];
  return readdirSync(tests, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => {
      const folder = path.split("/")[0]!;
      return path.endsWith("_test.ts") && folder !== "conformance" && (within?.includes(folder) ?? true);
    })
    .sort()
    .map((path) => `./tests/${path}`);
}

function suites(files: string[], reports: string, filter: string | undefined): Suite[] {
  const denoReport = join(reports, "deno.xml");
  const denoFilter = filter === undefined ? [] : [`--filter=${filter}`];
  const bunReport = join(reports, "bun.xml");
  // Bun's filter is a regular expression, Deno's plain text.
  const bunFilter = filter === undefined ? [] : ["-t", filter.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")];
  return [
    {
      name: "tests on Deno",
      runtime: "deno",
      tool: "deno",
      args: ["test", "-A", "--no-check", `--junit-path=${denoReport}`, ...denoFilter, ...files],
      report: denoReport,
    },
    {
      name: "tests on Bun",
      runtime: "bun",
      tool: "bun",
      args: ["test", "--reporter=junit", `--reporter-outfile=${bunReport}`, ...bunFilter, ...files],
      report: bunReport,
    },
  ];
}

/** Runs Autobahn's quick cases, if the suite is available. `npm run conformance` runs all. */
async function runConformance(): Promise<Counts> {
  const started = performance.now();
  const args = ["run", "-A", "tests/conformance/autobahn.ts", "--cases", "1-7,10", "--optional"];
  const { ok, output } = await runTool("deno", args, SUITE_TIMEOUT);
  const match = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/m.exec(output);
  const counts = { passed: Number(match?.[1] ?? 0), failed: Number(match?.[2] ?? 0), skipped: Number(match?.[3] ?? 0) };
  if (!ok && counts.failed === 0) counts.failed = 1;
  announce(ok, "Autobahn 1-7 and 10 on both", started, describe(counts), output);
  return counts;
}

function describe({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed` + (skipped > 0 ? `, ${skipped} skipped` : "");
}

function announce(ok: boolean, name: string, started: number, detail: string, output: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? "ok    " : "FAILED"} ${name}${detail && `: ${detail}`} (${seconds} s)`);
  if (!ok) console.log(output.trimEnd().replace(/^/gm, "       "));
}

async function runTool(tool: Tool, args: string[], timeout: number): Promise<{ ok: boolean; output: string }> {
  const path = findTool(tool);
  if (path === undefined) return { ok: false, output: `${tool} is neither in node_modules nor on the PATH` };
  return await run(path, args, timeout);
}

async function runCheck(check: Check): Promise<Counts> {
  const started = performance.now();
  const { ok, output } = await runTool(check.tool, check.args, STEP_TIMEOUT);
  announce(ok, check.name, started, "", output);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/** Runs a suite and counts its tests. One that fails outside any test, or runs none, counts as one failure itself. */
async function runSuite(suite: Suite, files: string[]): Promise<Counts> {
  const started = performance.now();
  if (files.length === 0) {
    announce(false, suite.name, started, "", "there are no test files");
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const { ok, output } = await runTool(suite.tool, suite.args, SUITE_TIMEOUT);
  const counts = existsSync(suite.report)
    ? countTests(readFileSync(suite.report, "utf8"))
    : { passed: 0, failed: 0, skipped: 0 };
  const ran = counts.passed + counts.failed > 0;
  const detail = ran ? describe(counts) : "no test ran";
  if (counts.failed === 0 && (!ok || !ran)) counts.failed = 1;
  announce(counts.failed === 0, suite.name, started, detail, output);
  return counts;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      filter: { type: "string" },
      within: { type: "string" },
    },
  });
  const { quick, only, filter, within } = values;
  if (only !== undefined && only !== "deno" && only !== "bun") throw new Error("--only takes deno or bun");

  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const add = (counts: Counts) => {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  };

  if (only === undefined && filter === undefined) {
    const wanted = CHECKS.filter(({ name }) => !quick || !SLOW_CHECKS.some((slow) => name.startsWith(slow)));
    // Each keeps a core busy, but for moments.
    const waiting = wanted.values();
    const worker = async () => {
      for (const check of waiting) add(await runCheck(check));
    };
    await Promise.all([worker(), worker()]);
  }
  const files = testFiles(within?.split(",") ?? (quick ? QUICK_TESTS : undefined));
  const reports = mkdtempSync(join(tmpdir(), "curlws-test-"));
  try {
    // Both at once: most of their time is waiting.
    const wanted = suites(files, reports, filter).filter(({ runtime }) => only === undefined || only === runtime);
    for (const counts of await Promise.all(wanted.map((suite) => runSuite(suite, files)))) add(counts);
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  if (!quick && only === undefined && filter === undefined) add(await runConformance());
  console.log(describe(total));
  return total.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
