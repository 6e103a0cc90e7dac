/**
 * Runs the tests on Deno and on Bun with one libcurl after another: the system's, and each that `tests/support/libcurls.ts`
 * can download. Ends with a table and the tally of all runs; a libcurl that is not available counts as skipped.
 *
 *   --only <names>     only these, comma-separated: system, or a name of tests/support/libcurls.ts
 *   --except <names>   all but these
 *   --split            each on one of the two runtimes, alternating
 *   --filter <text>    the tests whose names contain the text
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { LIBCURL_NAMES, type LibcurlName, libcurlNamed, whyNoLibcurl } from "../tests/support/libcurls.ts";
import type { Counts } from "./junit.ts";
import { findTool, run } from "./tools.ts";

const RUNTIMES = ["deno", "bun"] as const;
/** A run takes some 2 minutes; a busy machine needs a multiple of that. */
const TIMEOUT = 15 * 60_000;
/** The folders of tests/ that go through libcurl; what the others test does not depend on it. */
const WITHIN = "connection,curl,observe,options,platform,runtimes,web";

/** With these another thread waits, as where the kernel does not ring (docs/architecture.md). One runs on each runtime. */
const BY_THREAD: ReadonlySet<string> = new Set(["gnutls", "8.14.1"]);

interface Row {
  name: string;
  library: string;
  cells: string[];
}

function list(option: string, value: string | undefined): string[] {
  const names = value === undefined ? [] : value.split(",");
  const unknown = names.find((name) => name !== "system" && !LIBCURL_NAMES.includes(name as LibcurlName));
  if (unknown !== undefined) {
    throw new Error(`--${option} takes system, ${LIBCURL_NAMES.join(", ")}, and not ${unknown || "nothing"}`);
  }
  return names;
}

function describe({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed` + (skipped > 0 ? `, ${skipped} skipped` : "");
}

/** Runs `scripts/test.ts`, whose last line is its tally. */
async function suite(
  runtime: string,
  name: string,
  path: string,
  filter: string[],
): Promise<{ counts: Counts; output: string }> {
  // An empty variable counts as unset.
  const env = { CURLWS_LIBCURL: path, CURLWS_IO_URING: BY_THREAD.has(name) ? "0" : "" };
  const args = ["run", "-A", "scripts/test.ts", "--only", runtime, "--within", WITHIN, ...filter];
  const { ok, output } = await run(findTool("deno")!, args, TIMEOUT, env);
  const tally = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(output.trimEnd().split("\n").at(-1) ?? "");
  const [passed, failed, skipped] = [1, 2, 3].map((group) => Number(tally?.[group] ?? 0)) as [number, number, number];
  return { counts: { passed, failed: ok ? failed : Math.max(1, failed), skipped }, output };
}

/** The version and TLS library of a libcurl, found by a new process: in one process, opening two may return the same twice. */
async function versionOf(path: string): Promise<string> {
  const program = `import { libcurl } from "./mod.ts"; const { version, tls } = libcurl(${
    JSON.stringify(path || undefined)
  });
    console.log(version, tls);`;
  const { output } = await run(findTool("deno")!, ["eval", program], 60_000);
  return output.trim().split("\n").at(-1) ?? "";
}

function table(rows: Row[]): string {
  const lines = [
    ["libcurl", "which", "Deno", "Bun"],
    ...rows.map(({ name, library, cells }) => [name, library, ...cells]),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()).join("\n");
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      only: { type: "string" },
      except: { type: "string" },
      split: { type: "boolean", default: false },
      filter: { type: "string" },
    },
  });
  const only = list("only", values.only), except = list("except", values.except);
  const filter = values.filter === undefined ? [] : ["--filter", values.filter];
  const names = (["system", ...LIBCURL_NAMES] as const).filter((name) =>
    (only.length === 0 || only.includes(name)) && !except.includes(name)
  );
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const rows: Row[] = [];
  for (const [index, name] of names.entries()) {
    const path = name === "system" ? "" : libcurlNamed(name);
    if (path === null) {
      const reason = whyNoLibcurl(name as LibcurlName)!;
      console.log(`skipped ${reason}`);
      total.skipped++;
      rows.push({ name, library: reason, cells: [] });
      continue;
    }
    const cells: string[] = [];
    for (const [turn, runtime] of RUNTIMES.entries()) {
      if (values.split && turn !== index % 2) {
        cells.push("-");
        continue;
      }
      const started = performance.now();
      const { counts, output } = await suite(runtime, name, path, filter);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      const how = BY_THREAD.has(name) ? ", another thread waits" : "";
      console.log(
        `${counts.failed === 0 ? "ok    " : "FAILED"} ${name} on ${runtime}${how}: ${describe(counts)} (${seconds} s)`,
      );
      if (counts.failed > 0) console.log(output.trimEnd().replace(/^/gm, "       "));
      for (const kind of ["passed", "failed", "skipped"] as const) total[kind] += counts[kind];
      cells.push(`${counts.passed}/${counts.passed + counts.failed} (${seconds} s)`);
    }
    rows.push({ name, library: await versionOf(path), cells });
  }
  console.log(`\n${table(rows)}\n`);
  console.log(describe(total));
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
