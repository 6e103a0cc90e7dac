/**
 * Runs the tests of `src/protocol/` and `src/handshake/` on Deno, and prints how many lines and branches they reach: a table,
 * then each line that is not reached. Fails if a total is below the threshold, or a file is not loaded at all.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { findTool, ROOT, run } from "./tools.ts";

/** Percent: a floor that catches a file without tests, with room for lines that no test can reach. */
const THRESHOLD = 95;
const SOURCES = ["src/protocol", "src/handshake"];
const TESTS = ["tests/protocol", "tests/handshake"];
const TIMEOUT = 5 * 60_000;

/** How many there are, and how many of them were reached. */
interface Share {
  found: number;
  hit: number;
}

interface FileCoverage {
  lines: Share;
  branches: Share;
  /** The lines that were not reached, and those on which a branch was not taken. */
  missedLines: number[];
  missedBranches: number[];
}

const nothing = (): FileCoverage => ({
  lines: { found: 0, hit: 0 },
  branches: { found: 0, hit: 0 },
  missedLines: [],
  missedBranches: [],
});

/** Reads a report in lcov's format: per file, its lines (`DA`) and branches (`BRDA`). */
function parseLcov(report: string): Map<string, FileCoverage> {
  const files = new Map<string, FileCoverage>();
  let file = nothing();
  for (const record of report.split("\n")) {
    const [kind, fields = ""] = record.split(/:(.*)/, 2);
    const values = fields.split(",");
    const line = Number(values[0]), hit = Number(values.at(-1)) > 0;
    if (kind === "SF") files.set(relative(ROOT, fields).replaceAll("\\", "/"), file = nothing());
    else if (kind === "DA") count(file.lines, file.missedLines, line, hit);
    else if (kind === "BRDA") count(file.branches, file.missedBranches, line, hit);
  }
  return files;
}

function count(share: Share, missed: number[], line: number, hit: boolean): void {
  share.found++;
  if (hit) share.hit++;
  else if (!missed.includes(line)) missed.push(line);
}

function add(total: Share, { found, hit }: Share): void {
  total.found += found;
  total.hit += hit;
}

function percentage({ found, hit }: Share): number {
  return found === 0 ? 100 : hit / found * 100;
}

function row(name: string, lines: string, branches: string): string {
  return `${name.padEnd(34)} ${lines.padStart(22)} ${branches.padStart(22)}`;
}

function describe(share: Share): string {
  return `${percentage(share).toFixed(1)} % (${share.hit} of ${share.found})`;
}

/** The report of the tests in lcov's format. */
async function measure(): Promise<string> {
  const deno = findTool("deno");
  if (deno === undefined) throw new Error("deno is neither in node_modules nor on the PATH");
  const directory = mkdtempSync(join(tmpdir(), "curlws-coverage-"));
  try {
    const tests = await run(
      deno,
      ["test", "-A", "--no-check", "--reporter=dot", `--coverage=${directory}`, ...TESTS],
      TIMEOUT,
    );
    // If its output is no terminal, the reporter prints each test's dot on a line of its own.
    if (!tests.ok) {
      throw new Error(`the tests of ${TESTS.join(" and ")} failed\n${tests.output.replace(/^[.,!]\n/gm, "").trim()}`);
    }
    const report = await run(deno, ["coverage", "--lcov", directory], TIMEOUT);
    if (!report.ok) throw new Error(`deno coverage failed\n${report.output.trimEnd()}`);
    return report.output;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Whether a file has more than types, which no runtime loads. */
function hasCode(source: string): boolean {
  return /^(?:export )?(?:abstract |async )?(?:const|let|function|class|enum)\b/m.test(
    readFileSync(join(ROOT, source), "utf8"),
  );
}

async function main(): Promise<number> {
  const covered = parseLcov(await measure());
  const sources = SOURCES.flatMap((folder) =>
    readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".ts")).sort().map((name) => `${folder}/${name}`)
  );
  const total = nothing(), problems: string[] = [], missed: string[] = [];
  console.log(row("", "lines", "branches"));
  for (const source of sources) {
    const file = covered.get(source);
    if (file === undefined) {
      if (hasCode(source)) problems.push(`no test loads ${source}`);
      continue;
    }
    console.log(row(source, describe(file.lines), describe(file.branches)));
    add(total.lines, file.lines);
    add(total.branches, file.branches);
    for (const line of file.missedLines) missed.push(`${source}:${line}: not reached`);
    for (const line of file.missedBranches) missed.push(`${source}:${line}: a branch not taken`);
  }
  console.log(row("total", describe(total.lines), describe(total.branches)));
  for (const line of missed) console.log(line);
  for (const [what, share] of [["lines", total.lines], ["branches", total.branches]] as const) {
    if (share.found === 0) problems.push(`the report has no ${what} of ${SOURCES.join(", ")}`);
    else if (percentage(share) < THRESHOLD) problems.push(`${what}: ${describe(share)}, less than ${THRESHOLD} %`);
  }
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
