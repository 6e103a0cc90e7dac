/** The demo's results as tables on the terminal. */
import pc from "picocolors";
import { type FeedName, FEEDS, type Measurement } from "./feeds.ts";
import type { Runtime } from "./runtimes.ts";

/** One way of waiting on one runtime. */
export interface Run {
  runtime: Runtime["name"];
  strategy: string;
  /** By feed; `cold` is the fast feed in the first moments of the process, for those that have code to compile. */
  results: Partial<Record<FeedName | "cold", Measurement>>;
  error?: string;
}

export function formatNumber(value: number | null, digits: number): string {
  if (value === null) return "-";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function tableRow(cells: string[]): string {
  return cells.map((cell, i) => i === 0 ? `  ${cell.padEnd(11)}` : cell.padStart(12)).join("");
}

/** One line that compares `curlws` with the busy loop that it replaces, and with the runtime's own class. */
function summarize(runs: Run[], feed: FeedName): string | null {
  const result = (strategy: string) => runs.find((run) => run.strategy === strategy)?.results[feed];
  const own = result("curlws"), busy = result("busy"), native = result("native");
  if (!own || !busy || !native) return null;
  const times = (other: Measurement) => other.cpuPercent / own.cpuPercent;
  const many = times(busy);
  return `  the busy loop takes ${formatNumber(many, many < 10 ? 1 : 0)} times the CPU of curlws, ` +
    `the runtime's own WebSocket ${formatNumber(times(native), 1)} times`;
}

function printPanel(title: string, runs: Run[], feed: FeedName | "cold"): void {
  console.log(`\n${pc.bold(title)}`);
  console.log(pc.dim(tableRow(["strategy", "CPU %", "p50 ms", "p99 ms", "messages/s", "wake-ups/s", "polls/s"])));
  for (const { strategy, results, error } of runs) {
    const result = results[feed];
    if (!result) {
      console.log(pc.red(`  ${strategy.padEnd(11)} failed: ${error}`));
      continue;
    }
    const line = tableRow([
      strategy,
      formatNumber(result.cpuPercent, 2),
      formatNumber(result.p50, 2),
      formatNumber(result.p99, 2),
      formatNumber(result.messages / result.seconds, 0),
      formatNumber(result.wakeupsPerSecond, 0),
      formatNumber(result.pollsPerSecond, 0),
    ]);
    console.log(strategy === "curlws" ? pc.green(line) : line);
  }
}

export function printTables(runs: Run[], runtimes: Runtime[]): void {
  for (const { name, title } of FEEDS) {
    for (const runtime of runtimes) {
      const panel = runs.filter((run) => run.runtime === runtime.name);
      printPanel(`${runtime.name} ${runtime.version}, ${title}`, panel, name);
      const summary = summarize(panel, name);
      if (summary) console.log(summary);
    }
  }
  for (const runtime of runtimes) {
    const panel = runs.filter((run) => run.runtime === runtime.name && run.results.cold !== undefined);
    const title = `${runtime.name} ${runtime.version}, the fast feed in the first moments of a process`;
    if (panel.length > 0) printPanel(title, panel, "cold");
  }
  console.log(pc.dim(`
  busy, sleep-1ms, adaptive: loops around curl_easy_recv on a libcurl connection; native: the runtime's own WebSocket
  CPU % of one core, all threads; p50, p99: from send to handler; wake-ups/s: voluntary context switches, all threads
  less is better, of all but messages; measured when the engines have compiled what they run, but for the last tables`));
}
