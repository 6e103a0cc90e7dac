/**
 * The benchmark: measures each scenario with each peer in interleaved rounds. The result is the median of the rounds, and its
 * ratio to the runtime's own WebSocket.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import pc from "picocolors";
import { findPeers, type Peer, takesPart } from "./peers.ts";
import { BUCKETS, type Command, type Measured } from "./protocol.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";
import { drawBars } from "./svg.ts";

const HELP = `usage: npm run bench -- [options]

  --quick            a few scenarios, 3 short rounds: under 2 minutes
  --only LIST        scenarios whose names begin so, comma-separated: flood,paced-1000,json,send,idle,connections,round,open,memory
  --peers LIST       peers, comma-separated; see --list
  --rounds N         rounds of each (default 5)
  --seconds N        how long one measurement lasts (default 1)
  --tls              over TLS
  --before FOLDER    another checkout of this project, with its node_modules: it takes part as "deno before" and "bun before",
                     and ratios are to it
  --list             the scenarios and the peers found here`;

/** A peer's process, or the load server's. */
class Child {
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  constructor(command: string[], env: Record<string, string> = {}) {
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stderr.on("data", (data) => this.#errors = (this.#errors + data).slice(-2000));
    this.#child.on("error", (error) => this.#errors += error.message);
    this.#child.stdin.on("error", () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    children.add(this);
  }

  /** Reads the next line, which is JSON. */
  async read<T>(milliseconds: number): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
    });
    try {
      const { value, done } = await Promise.race([this.#lines.next(), late]);
      if (done) throw new Error(this.#errors.trim().split("\n").at(-1) || "it ended");
      return JSON.parse(value) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  async ask(command: Command): Promise<Measured> {
    this.#child.stdin.write(JSON.stringify(command) + "\n");
    const slow = command.connections ?? 1;
    return await this.read(command.seconds * 1000 * 10 + command.warmUp + 20_000 + slow * 20);
  }

  end(): void {
    this.#child.kill("SIGKILL");
    children.delete(this);
  }
}

const children = new Set<Child>();

/** The result of one peer in one scenario. */
interface Row {
  peer: string;
  rounds: Measured[];
  value: number | null;
  /** Its figure relative to the runtime's own WebSocket's, or the text in its place. */
  ratio: number | null;
  error?: string;
}

interface Result {
  scenario: string;
  title: string;
  tls: boolean;
  figure: Scenario["figure"];
  rows: Row[];
  histogram: boolean;
}

function figureOf(figure: Scenario["figure"], { cpuMs, wallMs, bytes, ...measured }: Measured): number | undefined {
  if (figure === "cpuPercent") return cpuMs / wallMs * 100;
  if (figure === "bytesPerSecond") return bytes! / wallMs * 1000;
  return measured[figure];
}

function median(values: number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return null;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== "") console.error(text);
}

async function runScenario(
  scenario: Scenario,
  peers: Peer[],
  base: { url: string; tls: boolean; rounds: number; seconds: number; warmUp: number; label: string; before: boolean },
): Promise<Result> {
  const { rounds, seconds, tls, before } = base;
  const rows: Row[] = peers.map(({ name }) => ({ peer: name, rounds: [], value: null, ratio: null }));
  const started: (Child | null)[] = [];
  for (const peer of peers) {
    const child = new Child(peer.command, { NODE_TLS_REJECT_UNAUTHORIZED: "0", ...peer.env });
    started.push(child);
    await child.read(60_000).catch((error) => {
      rows[started.length - 1]!.error = error.message;
      child.end();
      started[started.length - 1] = null;
    });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [index, peer] of peers.entries()) {
      const child = started[index], row = rows[index]!;
      if (!child) continue;
      progress(`${base.label} ${scenario.title}${tls ? ", TLS" : ""}: round ${round + 1} of ${rounds}, ${peer.name}`);
      // A slow feed has few messages. An idle client has to finish starting up, and its runtime's garbage collection too.
      const idle = scenario.command.action === "idle", slow = scenario.command.rate > 0 && scenario.command.rate < 50;
      const command = {
        ...scenario.command,
        url: base.url + scenario.path,
        seconds: idle || slow ? Math.max(3, seconds) : seconds,
        warmUp: idle ? Math.max(2000, base.warmUp) : base.warmUp,
      };
      const measured = await child.ask(command).catch((error): Measured => ({ error: error.message } as Measured));
      if (measured.error === undefined) {
        row.rounds.push(measured);
        continue;
      }
      row.error = measured.error;
      child.end();
      started[index] = null;
    }
  }
  for (const child of started) child?.end();
  for (const row of rows) {
    const values = row.rounds.flatMap((round) => figureOf(scenario.figure, round) ?? []);
    // Later openings reuse the memory of the first.
    row.value = scenario.figure === "memoryEach" && values.length > 0 ? Math.max(...values) : median(values);
  }
  for (const row of rows) {
    const runtime = row.peer.split(" ")[0];
    const native = scenario.command.deflate && runtime === "deno" ? "deno ws" : `${runtime} native`;
    const own = before ? `${runtime} before` : native;
    const reference = rows.find(({ peer }) => peer === own)?.value;
    row.ratio = reference && row.value !== null ? row.value / reference : null;
  }
  return {
    scenario: scenario.name,
    title: scenario.title,
    tls,
    figure: scenario.figure,
    rows,
    histogram: scenario.histogram === true,
  };
}

const UNITS = {
  perSecond: "messages/s",
  cpuUs: "us CPU a message",
  p50: "ms",
  cpuPercent: "% CPU",
  bytesPerSecond: "MB/s",
  stallMs: "ms",
  memoryEach: "KiB",
};

function format(figure: Scenario["figure"], value: number | null): string {
  if (value === null) return "-";
  if (figure === "bytesPerSecond") return (value / 1e6).toFixed(0);
  if (figure === "memoryEach") return (value / 1024).toFixed(1);
  if (figure === "perSecond") return Math.round(value).toLocaleString("en-US");
  return value.toFixed(figure === "p50" || value < 10 ? 3 : 1);
}

function print({ title, tls, figure, rows, histogram }: Result): void {
  console.log(`\n${pc.bold(`${title}${tls ? ", over TLS" : ""}`)} ${pc.dim(`(${UNITS[figure]})`)}`);
  for (const { peer, rounds, value, ratio, error } of rows) {
    const values = rounds.flatMap((round) => figureOf(figure, round) ?? []);
    const spread = values.length > 1
      ? `${format(figure, Math.min(...values))} to ${format(figure, Math.max(...values))}`
      : "";
    const p99 = median(rounds.flatMap(({ p99 }) => p99 ?? []));
    const p50 = median(rounds.flatMap(({ p50 }) => p50 ?? []));
    const latency = p50 === null ? "" : `  p50 ${p50.toFixed(3)} ms, p99 ${p99?.toFixed(3)} ms`;
    const times = ratio === null ? "" : `${ratio.toFixed(2)} x`;
    const line = `  ${peer.padEnd(24)}${format(figure, value).padStart(12)}${times.padStart(10)}   ${
      pc.dim(spread)
    }${latency}`;
    if (error !== undefined) console.log(pc.red(`  ${peer.padEnd(24)}${error}`));
    else console.log(peer.includes("curlws") ? pc.green(line) : line);
  }
  if (histogram) { for (const { peer, rounds } of rows) console.log(histogramLine(peer, rounds)); }
}

/** The distribution of the latencies of all rounds, in percent. */
function histogramLine(peer: string, rounds: Measured[]): string {
  const sums = [...BUCKETS, Infinity].map((_, i) => rounds.reduce((sum, r) => sum + (r.histogram?.[i] ?? 0), 0));
  const all = sums.reduce((sum, count) => sum + count, 0);
  const parts = sums.flatMap((count, i) =>
    count === 0 ? [] : `${i < BUCKETS.length ? `<=${BUCKETS[i]}` : "more"}: ${(count / all * 100).toFixed(1)}`
  );
  return pc.dim(`  ${peer.padEnd(24)}% by ms  ${parts.join("  ")}`);
}

function save(results: Result[], peers: Peer[], started: number): string {
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const machine = `${process.platform} ${process.arch}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}`;
  const versions = peers.map(({ name, version }) => `${name}: ${version}`);
  const seconds = Math.round((performance.now() - started) / 1000);
  const report = { date: new Date().toISOString(), machine, versions, seconds, results };
  writeFileSync(new URL("bench.json", folder), JSON.stringify(report, null, 1) + "\n");
  const panels = results.map(({ title, tls, figure, rows }) => ({
    title: `${title}${tls ? ", TLS" : ""} (${UNITS[figure]})`,
    bars: rows.map(({ peer, value, ratio }) => ({
      label: peer,
      value,
      text: format(figure, value) + (ratio === null ? "" : `  ${ratio.toFixed(2)} x`),
      own: peer.includes("curlws"),
    })),
  }));
  writeFileSync(new URL("bench.svg", folder), drawBars("CurlWebSocket and its peers", machine, panels));
  return "bench/results/bench.json and bench.svg";
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      peers: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      tls: { type: "boolean", default: false },
      before: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  const seconds = Number(values.seconds ?? (values.quick ? 0.3 : 1));
  const warmUp = values.quick ? 150 : 300;
  if (!(rounds >= 1) || !(seconds > 0)) throw new Error("--rounds and --seconds must be numbers above 0");
  const wanted = values.peers?.split(",");
  const { peers: found, skipped } = findPeers({
    includes: (name) => wanted?.includes(name) ?? !values.quick,
    install: !values.list,
    ...(values.before === undefined ? {} : { before: resolve(values.before) }),
  });
  const peers = found.filter(({ name, quick }) => wanted ? wanted.includes(name) : quick || !values.quick);
  const only = values.only?.split(",");
  const scenarios = SCENARIOS.filter(({ name, quick, tls }) =>
    (only ? only.some((prefix) => name.startsWith(prefix)) : quick || !values.quick) && (tls || !values.tls)
  );
  if (values.list) {
    for (const { name, title } of SCENARIOS) console.log(`${name.padEnd(24)}${title}`);
    for (const { name, version } of found) console.log(`${pc.bold(name.padEnd(24))}${version}`);
    for (const { name, why } of skipped) console.log(pc.dim(`${name.padEnd(24)}left out: ${why}`));
    return 0;
  }
  for (const { name, why } of skipped) console.error(pc.yellow(`left out: ${name}: ${why}`));
  if (peers.length === 0) throw new Error(`no such peer; found are ${found.map(({ name }) => name).join(", ")}`);
  if (scenarios.length === 0) throw new Error("no such scenario; see --list");
  const started = performance.now();
  const runtime = found.find(({ name }) => name === "bun native") ?? found[0]!;
  const server = new Child([...runtime.command.slice(0, -2), new URL("./load/server.ts", import.meta.url).pathname]);
  const { port, tlsPort } = await server.read<{ port: number; tlsPort: number }>(30_000);
  const url = values.tls ? `wss://localhost:${tlsPort}` : `ws://127.0.0.1:${port}`;
  const results: Result[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    const label = `[${index + 1}/${scenarios.length}]`;
    const able = peers.filter((peer) => takesPart(peer, scenario.command, values.tls));
    if (able.length === 0) continue;
    const result = await runScenario(scenario, able, {
      url,
      tls: values.tls,
      rounds,
      seconds,
      warmUp,
      label,
      before: values.before !== undefined,
    });
    progress("");
    print(result);
    results.push(result);
    if (results.length > 0) save(results, peers, started);
  }
  server.end();
  console.log(`\nsaved ${save(results, peers, started)}`);
  return results.some(({ rows }) => rows.some(({ error }) => error !== undefined)) ? 1 : 0;
}

function endAll(): void {
  for (const child of [...children]) child.end();
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    endAll();
    process.exit(130);
  });
}
let code = 1;
try {
  code = await main();
} catch (error) {
  console.error(pc.red(error instanceof Error ? error.message : String(error)));
} finally {
  endAll();
}
process.exit(code);
