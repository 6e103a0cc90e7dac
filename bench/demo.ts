/**
 * The demo. Without a URL it measures the CPU time and latency of receiving WebSocket messages by each way of waiting, on every
 * runtime found. With a URL it connects there with `CurlWebSocket` and shows the messages and their CPU time.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import pc from "picocolors";
import { drawChart } from "./demo/chart.ts";
import { runLive } from "./demo/live.ts";
import { endChildren, findRuntimes, readJsonLine, type Runtime, startChild } from "./demo/runtimes.ts";

const HELP = `usage: npm start -- [--seconds N] [URL [--send TEXT]...]

  (no URL)      compare the ways of waiting on two local feeds; takes about 80 s
  URL           ws://, wss://, http:// or https://: show that server's messages and what they cost
  --seconds N   how long each measurement lasts (default 3)
  --send TEXT   a message to send once connected, such as a subscription`;

const STRATEGIES = ["busy", "sleep-1ms", "adaptive", "native", "curlws"] as const;
const FEEDS = [
  { path: "slow", title: "slow feed, about 5 messages/s" },
  { path: "fast", title: "fast feed, about 2,000 messages/s" },
] as const;

interface Measurement {
  cpuPercent: number;
  wakeupsPerSecond: number | null;
  pollsPerSecond: number | null;
  seconds: number;
  messages: number;
  p50: number | null;
  p99: number | null;
}

interface Run {
  feed: typeof FEEDS[number]["path"];
  runtime: Runtime["name"];
  strategy: typeof STRATEGIES[number];
  result?: Measurement;
  error?: string;
}

async function measure(port: number, run: Run, runtime: Runtime, seconds: number): Promise<void> {
  const url = `ws://127.0.0.1:${port}/${run.feed}`;
  const child = startChild(runtime, "./client.ts", [run.strategy, url, String(seconds)]);
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    const result = await readJsonLine<Measurement>(child, seconds * 1000 + 8000);
    if (result.messages === 0) throw new Error("received no messages");
    run.result = result;
  } catch (error) {
    run.error = (error as Error).message;
  }
  await ended;
}

function showProgress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
  else if (text) console.log(text);
}

function formatNumber(value: number | null, digits: number): string {
  if (value === null) return "-";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function tableRow(cells: string[]): string {
  return cells.map((cell, i) => i === 0 ? `  ${cell.padEnd(11)}` : cell.padStart(12)).join("");
}

/** One line that compares `curlws` with the busy loop that it replaces. */
function summarize(runs: Run[]): string | null {
  const result = (strategy: Run["strategy"]) => runs.find((run) => run.strategy === strategy)?.result;
  const own = result("curlws");
  const busy = result("busy");
  if (!own || !busy) return null;
  const times = busy.cpuPercent / own.cpuPercent;
  return `  busy takes ${formatNumber(times, times < 10 ? 1 : 0)} times the CPU of curlws; median latency: ` +
    `curlws ${formatNumber(own.p50, 2)} ms, busy ${formatNumber(busy.p50, 2)} ms`;
}

function printTable(runs: Run[], runtimes: Runtime[]): void {
  for (const feed of FEEDS) {
    for (const runtime of runtimes) {
      console.log(`\n${pc.bold(`${runtime.name} ${runtime.version}, ${feed.title}`)}`);
      console.log(pc.dim(tableRow(["strategy", "CPU %", "wake-ups/s", "polls/s", "messages/s", "p50 ms", "p99 ms"])));
      const panel = runs.filter((run) => run.feed === feed.path && run.runtime === runtime.name);
      for (const { strategy, result, error } of panel) {
        if (!result) {
          console.log(pc.red(`  ${strategy.padEnd(11)} failed: ${error}`));
          continue;
        }
        const line = tableRow([
          strategy,
          formatNumber(result.cpuPercent, 2),
          formatNumber(result.wakeupsPerSecond, 0),
          formatNumber(result.pollsPerSecond, 0),
          formatNumber(result.messages / result.seconds, 0),
          formatNumber(result.p50, 2),
          formatNumber(result.p99, 2),
        ]);
        console.log(strategy === "curlws" ? pc.green(line) : line);
      }
      const summary = summarize(panel);
      if (summary) console.log(summary);
    }
  }
  console.log(pc.dim(`
  busy, sleep-1ms, adaptive: loops around curl_easy_recv on a libcurl connection; native: the runtime's own WebSocket
  CPU % of one core, all threads; wake-ups/s: voluntary context switches, all threads; p50, p99: from send to handler`));
}

function save(runs: Run[], runtimes: Runtime[], seconds: number): string {
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const machine = `${process.platform} ${process.arch}, ${cpus().length} cores`;
  const versions = runtimes.map(({ name, version }) => `${name} ${version}`);
  const panels = FEEDS.flatMap((feed) =>
    runtimes.map((runtime, i) => ({
      title: `${versions[i]}, ${feed.title}`,
      bars: runs.filter((run) => run.feed === feed.path && run.runtime === runtime.name).map((run) => ({
        label: run.strategy,
        value: run.result?.cpuPercent ?? null,
        note: run.result ? `p50 ${formatNumber(run.result.p50, 2)} ms` : "",
      })),
    }))
  );
  const subtitle =
    `Percent of one core, all threads, over ${seconds} s; p50: latency from send to handler. ${machine}.`;
  writeFileSync(new URL("demo.svg", folder), drawChart("CPU to receive WebSocket messages", subtitle, panels));
  writeFileSync(new URL("demo.json", folder), JSON.stringify({ machine, versions, seconds, runs }, null, 2) + "\n");
  return "bench/results/demo.svg and demo.json";
}

async function compare(seconds: number): Promise<number> {
  const runtimes = findRuntimes();
  const [first] = runtimes;
  if (!first) throw new Error("found neither deno nor bun; run npm install first");
  const server = startChild(first, "./feed_server.ts", []);
  const { port } = await readJsonLine<{ port: number }>(server, 15_000);
  const runs: Run[] = FEEDS.flatMap((feed) =>
    runtimes.flatMap((runtime) => STRATEGIES.map((strategy) => ({ feed: feed.path, runtime: runtime.name, strategy })))
  );
  const startedAt = performance.now();
  for (const [index, run] of runs.entries()) {
    const runtime = runtimes.find(({ name }) => name === run.runtime)!;
    const left = Math.ceil((runs.length - index) * (seconds + 0.8));
    showProgress(
      `[${index + 1}/${runs.length}] ${run.feed} feed, ${run.runtime}, ${run.strategy} (about ${left} s left)`,
    );
    await measure(port, run, runtime, seconds);
  }
  showProgress("");
  endChildren();
  printTable(runs, runtimes);
  const files = save(runs, runtimes, seconds);
  console.log(`\n${runs.length} runs in ${((performance.now() - startedAt) / 1000).toFixed(0)} s; saved ${files}`);
  return runs.some(({ error }) => error) ? 1 : 0;
}

function readArgs() {
  return parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "3" },
      send: { type: "string", multiple: true, default: [] },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}

async function main(): Promise<number> {
  let parsed: ReturnType<typeof readArgs>;
  try {
    parsed = readArgs();
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const seconds = Number(values.seconds);
  if (!(seconds > 0) || positionals.length > 1) {
    console.error(HELP);
    return 2;
  }
  const [url] = positionals;
  if (url !== undefined) return await runLive(url, values.send);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      endChildren();
      process.exit(130);
    });
  }
  return await compare(seconds);
}

try {
  process.exit(await main());
} catch (error) {
  endChildren();
  console.error(pc.red((error as Error).message));
  process.exit(1);
}
