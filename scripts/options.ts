/**
 * Tests every option with one libcurl after another, on Deno and Bun, records the result of each test in
 * `tests/docs/options.json`, and writes `docs/options.md` from it.
 *
 *   --only <names>     only these libcurls, comma-separated; the recorded results of the others stay
 *   --render           writes the page from the recorded results, without running anything
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { ROWS } from "../tests/docs/support/option_rows.ts";
import {
  optionsPage,
  type Outcome,
  type Record,
  type Recording,
  testsOf,
  verdict,
} from "../tests/docs/support/options_page.ts";
import { LIBCURL_NAMES, libcurlNamed, whyNoLibcurl } from "../tests/support/libcurls.ts";
import { testResults } from "./junit.ts";
import { findTool, ROOT, run } from "./tools.ts";

const RUNTIMES = ["deno", "bun"] as const;
const TIMEOUT = 10 * 60_000;
const RESULTS = join(ROOT, "tests", "docs", "options.json"), PAGE = join(ROOT, "docs", "options.md");
const FILES = [...new Set(ROWS.flatMap(({ tests }) => tests.map(([file]) => `./tests/${file}`)))].sort();

/** Version, TLS library and features of a libcurl, in a new process: in one process, opening two may return one of them twice. */
async function about(name: string, path: string): Promise<Omit<Record, "tests">> {
  const program = `import { libcurl } from "./mod.ts"; import { loadCurl } from "./src/curl/library.ts";
    const path = ${JSON.stringify(path || undefined)}, { version, tls, features } = libcurl(path);
    console.log(JSON.stringify({ version, tls, features, number: loadCurl(path).versionNumber }));`;
  const { output } = await run(findTool("deno")!, ["eval", program], 60_000);
  const { version, tls, features, number } = JSON.parse(output.trim().split("\n").at(-1)!);
  // 0xXXYYZZ.
  const numbers = [number >> 16, number >> 8 & 255, number & 255] as const;
  return {
    name,
    versionText: version,
    version: numbers[0] * 10_000 + numbers[1] * 100 + numbers[2],
    tls: tls ?? "none",
    features,
    impersonates: name.startsWith("impersonate"),
  };
}

/** The tests of all rows with a libcurl on a runtime. */
async function outcomes(runtime: "deno" | "bun", name: string, path: string): Promise<Map<string, Outcome>> {
  const names = [...new Set(ROWS.flatMap((row) => testsOf(row, name)))];
  // The name of a skipped test is followed by the reason.
  const pattern = `^(${
    names.map((each) => each.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join("|")
  })( \\(skipped: .*)?$`;
  const folder = mkdtempSync(join(tmpdir(), "curlws-options-")), report = join(folder, "report.xml");
  const args = runtime === "deno"
    ? ["test", "-A", "--no-check", `--junit-path=${report}`, `--filter=/${pattern}/`, ...FILES]
    : ["test", "--reporter=junit", `--reporter-outfile=${report}`, "-t", pattern, ...FILES];
  try {
    // An empty variable counts as unset.
    const { output } = await run(findTool(runtime)!, args, TIMEOUT, { CURLWS_LIBCURL: path });
    if (!existsSync(report)) throw new Error(`the tests on ${runtime} with ${name} gave no report: ${output}`);
    const results = testResults(readFileSync(report, "utf8"));
    const missing = names.filter((each) => !results.has(each) && !each.includes("(libcurl "));
    if (missing.length > 0) throw new Error(`no such test on ${runtime}: ${missing.join("; ")}`);
    return new Map(names.map((each) => [each, results.get(each) ?? "not run"]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function record(name: string, path: string): Promise<Record> {
  const [deno, bun] = [await outcomes("deno", name, path), await outcomes("bun", name, path)];
  const tests = Object.fromEntries([...deno].map(([each, outcome]) => [each, [outcome, bun.get(each)!] as const]));
  return { ...await about(name, path), tests };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { only: { type: "string" }, render: { type: "boolean", default: false } },
  });
  const only = values.only?.split(",");
  let recording: Recording = existsSync(RESULTS)
    ? JSON.parse(readFileSync(RESULTS, "utf8"))
    : { date: "", runtimes: "", libcurls: [] };
  const known = ["system", ...LIBCURL_NAMES] as const;
  for (const name of values.render ? [] : known) {
    if (only !== undefined && !only.includes(name)) continue;
    const path = name === "system" ? "" : libcurlNamed(name);
    if (path === null) {
      console.log(`skipped ${whyNoLibcurl(name as Exclude<typeof name, "system">)}`);
      continue;
    }
    const made = await record(name, path);
    const rest = recording.libcurls.filter((each) => each.name !== name);
    const libcurls = [...rest, made].sort((a, b) => a.version - b.version || a.name.localeCompare(b.name));
    const versions = await Promise.all(RUNTIMES.map((each) => run(findTool(each)!, ["--version"], 10_000)));
    const runtimes = RUNTIMES.map((each, index) => `${each} ${/\d+\.\d+\.\d+/.exec(versions[index]!.output)?.[0]}`);
    recording = { date: new Date().toISOString().slice(0, 10), runtimes: runtimes.join(" and "), libcurls };
    writeFileSync(RESULTS, `${JSON.stringify(recording, null, 2)}\n`);
    const failed = ROWS.filter((row) => verdict(row, made) === "**fails**").map(({ option }) => option);
    console.log(
      `${name} (${made.versionText}): ${failed.length === 0 ? "no test failed" : `failed: ${failed.join()}`}`,
    );
  }
  writeFileSync(PAGE, optionsPage(recording));
  await run(findTool("deno")!, ["fmt", "--quiet", PAGE, RESULTS], 30_000);
}

await main();
