/**
 * The demo. Without a URL it measures the CPU time and latency of receiving WebSocket messages by each way of waiting, on every
 * runtime found. With a URL it connects there with `CurlWebSocket` and shows the messages and their CPU time.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pc from "picocolors";
import { Child, endAll } from "./child.ts";
import { drawChart } from "./demo/chart.ts";
import { type FeedName, FEEDS, type Measurement, secondsOf } from "./demo/feeds.ts";
import { runLive } from "./demo/live.ts";
import { findRuntimes, type Runtime } from "./demo/runtimes.ts";
import { formatNumber, printTables, type Run } from "./demo/table.ts";

const HELP = `usage: npm start -- [--seconds N] [URL [--send TEXT]...]

  (no URL)      compare the ways of waiting on three local feeds; takes about 110 s
  URL           ws://, wss://, http:// or https://: show that server's messages and what they cost
  --seconds N   how long each measurement lasts (default 2; twice as long on the slow feed)
  --send TEXT   a message to send once connected, such as a subscription`;

/** The last two are measured one right after the other. */
const STRATEGIES = ["busy", "sleep-1ms", "adaptive", "native", "curlws"] as const;

/** What each takes beside the measurements: starting, and for the last two being measured cold and warming up, s. */
const EXTRA_SECONDS = { loop: 2, socket: 6 };

function start({ command, args }: Runtime, script: string, ...rest: string[]): Child {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return new Child([command, ...args, path, ...rest], { DENO_NO_UPDATE_CHECK: "1" });
}

function isSocket(strategy: string): boolean {
  return strategy === "native" || strategy === "curlws";
}

async function measure(url: string, run: Run, runtime: Runtime, seconds: number): Promise<void> {
  const child = start(runtime, "./demo/client.ts", run.strategy, url, String(seconds));
  try {
    for (let left = FEEDS.length + (isSocket(run.strategy) ? 1 : 0); left > 0; left--) {
      const limit = 2 * seconds * 1000 + 15_000;
      const { feed, measured } = await child.read<{ feed: FeedName | "cold"; measured: Measurement }>(limit);
      if (measured.messages === 0) throw new Error(`received no messages of the feed ${feed}`);
      run.results[feed] = measured;
    }
  } catch (error) {
    run.error = (error as Error).message;
  } finally {
    child.end();
  }
}

function showProgress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
  else if (text) console.log(text);
}

function save(runs: Run[], runtimes: Runtime[], seconds: number): string {
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${process.platform} ${process.arch}, ${cpus().length} cores`;
  const versions = runtimes.map(({ name, version }) => `${name} ${version}`);
  const panels = FEEDS.flatMap((feed) =>
    runtimes.map((runtime, i) => ({
      title: `${versions[i]}, ${feed.title}`,
      bars: runs.filter((run) => run.runtime === runtime.name).map((
        { strategy, results: { [feed.name]: result } },
      ) => ({
        label: strategy,
        value: result?.cpuPercent ?? null,
        note: result ? `p50 ${formatNumber(result.p50, 2)} ms` : "",
      })),
    }))
  );
  const subtitle =
    `Percent of one core, all threads: less is better; p50: latency from send to handler. ${machine}, ${date}.`;
  writeFileSync(new URL("demo.svg", folder), drawChart("CPU to receive WebSocket messages", subtitle, panels));
  const report = { date, machine, versions, seconds, runs };
  writeFileSync(new URL("demo.json", folder), JSON.stringify(report, null, 2) + "\n");
  return "bench/results/demo.svg and demo.json";
}

async function compare(seconds: number): Promise<number> {
  const runtimes = findRuntimes();
  const [first] = runtimes;
  if (!first) throw new Error("found neither deno nor bun; run npm install first");
  const server = start(first, "./demo/feed_server.ts");
  const { port } = await server.read<{ port: number }>(15_000);
  const runs = runtimes.flatMap((runtime) =>
    STRATEGIES.map((strategy) => ({ runtime, run: { runtime: runtime.name, strategy, results: {} } as Run }))
  );
  const each = FEEDS.reduce((sum, { name }) => sum + secondsOf(name, seconds), 0);
  const estimate = ({ run: { strategy } }: typeof runs[number]) =>
    each + EXTRA_SECONDS[isSocket(strategy) ? "socket" : "loop"];
  const startedAt = performance.now();
  for (const [index, { run, runtime }] of runs.entries()) {
    const left = Math.ceil(runs.slice(index).reduce((sum, one) => sum + estimate(one), 0));
    showProgress(`[${index + 1}/${runs.length}] ${run.runtime}, ${run.strategy} (about ${left} s left)`);
    await measure(`ws://127.0.0.1:${port}/`, run, runtime, seconds);
  }
  showProgress("");
  endAll();
  const results = runs.map(({ run }) => run);
  printTables(results, runtimes);
  const files = save(results, runtimes, seconds);
  console.log(`\n${runs.length} runs in ${((performance.now() - startedAt) / 1000).toFixed(0)} s; saved ${files}`);
  return results.some(({ error }) => error) ? 1 : 0;
}

function readArgs() {
  return parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "2" },
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
      endAll();
      process.exit(130);
    });
  }
  return await compare(seconds);
}

try {
  process.exit(await main());
} catch (error) {
  endAll();
  console.error(pc.red((error as Error).message));
  process.exit(1);
}
