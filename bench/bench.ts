/**
 * The benchmark: measures each scenario with each peer in interleaved rounds. The result is the median of the rounds, and its
 * ratio to the runtime's own WebSocket.
 */
import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import pc from "picocolors";
import { Child, endAll } from "./child.ts";
import { delaysTable } from "./delays.ts";
import { median, valueOf } from "./figures.ts";
import { findPeers, type Peer, takesPart } from "./peers.ts";
import type { Command } from "./protocol.ts";
import { print, type Result, type Row, save } from "./report.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";
import { addToSystemCas, type SystemCas, whyNoSystemCas } from "./system_cas.ts";

const HELP = `usage: npm run bench -- [options]

  --quick            a few scenarios, 3 short rounds: under 2 minutes
  --only LIST        scenarios by name, or by how their names begin, comma-separated: flood,paced-1000,json,send,idle,connections,round,open,first,
                     reconnect,count,cold,bursts,delays
  --peers LIST       peers, comma-separated; see --list
  --rounds N         rounds of each (default 5)
  --seconds N        how long one measurement lasts (default 1)
  --tls              over TLS
  --before FOLDER    another checkout of this project, with its node_modules: it takes part as "deno before" and "bun before",
                     and ratios are to it
  --list             the scenarios and the peers found here`;

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== "") console.error(text);
}

/** Whether `--only` means a scenario: by its name, or by how its name begins if none has that name. */
function isMeant(given: string, name: string): boolean {
  return SCENARIOS.some((scenario) => scenario.name === given) ? name === given : name.startsWith(given);
}

/** How the peers of a scenario are run. */
interface Base {
  url: string;
  tls: boolean;
  rounds: number;
  seconds: number;
  warmUp: number;
  label: string;
  cas: SystemCas | null;
  /** Whether another checkout takes part. */
  before: boolean;
}

/**
 * What a process receives before a paced feed is measured for the first time: some 5,000 wake-ups, one message each and not moderated, after which the
 * engines have compiled what a wake-up runs. On a feed of 5 messages/s that would take them a quarter of an hour.
 */
const WARMING = {
  action: "receive",
  rate: 2000,
  seconds: 2.5,
  batch: 100,
  warmUp: 0,
  size: 200,
  kind: "text",
} as const;

/** Starts a peer. */
async function start(peer: Peer, { command, fresh = false }: Scenario, { cas, url }: Base): Promise<Child> {
  const child = command.verify && cas !== null
    ? new Child(cas.inside(peer.verifying ?? peer.command), { ...peer.env, ...cas.env })
    : new Child(peer.command, { NODE_TLS_REJECT_UNAUTHORIZED: "0", ...peer.env });
  try {
    await child.read(60_000);
    if (command.rate > 0 && !fresh) await child.ask({ ...WARMING, url: `${url}/feed?rate=2000&size=200` });
  } catch (error) {
    child.end();
    throw error;
  }
  return child;
}

/** The command for one measurement. */
function commandOf({ command, path, fresh = false }: Scenario, { url, seconds, warmUp }: Base): Command {
  const isIdle = command.action === "idle", isPaced = command.action === "receive" && command.rate > 0;
  // A slow feed has few messages.
  const isShort = (isPaced && command.rate < 50) || isIdle || (isPaced && fresh);
  return {
    ...command,
    url: url + path,
    seconds: isShort ? Math.max(3, seconds) : seconds,
    // An idle client has to finish starting up, and its runtime's garbage collection too.
    warmUp: isIdle ? Math.max(2000, warmUp) : isPaced && fresh ? 0 : warmUp,
  };
}

async function runScenario(scenario: Scenario, peers: Peer[], base: Base): Promise<Result> {
  const { rounds, tls } = base;
  const rows: Row[] = peers.map(({ name }) => ({ peer: name, rounds: [], values: {}, ratios: {} }));
  const started: (Child | undefined)[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [index, peer] of peers.entries()) {
      const row = rows[index]!;
      if (row.error !== undefined) continue;
      progress(`${base.label} ${scenario.title}${tls ? ", TLS" : ""}: round ${round + 1} of ${rounds}, ${peer.name}`);
      try {
        const child = started[index] ??= await start(peer, scenario, base);
        const measured = await child.ask(commandOf(scenario, base));
        if (measured.error === undefined) row.rounds.push(measured);
        else row.error = measured.error;
      } catch (error) {
        row.error = (error as Error).message;
      }
      if (row.error === undefined && !scenario.fresh) continue;
      started[index]?.end();
      started[index] = undefined;
    }
  }
  for (const child of started) child?.end();
  compare(scenario, rows, base.before);
  const { name, title, figures, histogram = false } = scenario;
  return { scenario: name, title, tls, figures, rows, histogram };
}

/** The medians of the rounds, and their ratios to the runtime's own WebSocket, or to the other checkout. */
function compare({ figures, command }: Scenario, rows: Row[], before: boolean): void {
  for (const row of rows) {
    for (const figure of figures) {
      row.values[figure] = median(row.rounds.flatMap((round) => valueOf(figure, round) ?? []));
    }
  }
  for (const row of rows) {
    const runtime = row.peer.split(" ")[0];
    const native = command.deflate && runtime === "deno" ? "deno ws" : `${runtime} native`;
    const own = before ? `${runtime} before` : native;
    for (const figure of figures) {
      const reference = rows.find(({ peer }) => peer === own)?.values[figure], value = row.values[figure];
      if (reference && value !== null && value !== undefined) row.ratios[figure] = value / reference;
    }
  }
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
  const scenarios = SCENARIOS.filter(({ name, quick, onRequest = false, tls }) =>
    (only ? only.some((given) => isMeant(given, name)) : quick || (!values.quick && !onRequest)) &&
    (tls || !values.tls)
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
  const { port, tlsPort, ca } = await server.read<{ port: number; tlsPort: number; ca: string }>(30_000);
  const why = scenarios.some(({ command }) => command.verify) ? whyNoSystemCas() : undefined;
  if (why !== undefined) console.error(pc.yellow(`left out: what needs the system's CAs: ${why}`));
  const cas = why === undefined ? addToSystemCas(ca) : null;
  const results: Result[] = [];
  try {
    for (const [index, scenario] of scenarios.entries()) {
      const label = `[${index + 1}/${scenarios.length}]`;
      const tls = values.tls || scenario.tls === "always";
      const able = peers.filter((peer) => takesPart(peer, scenario.command, tls));
      if (able.length === 0 || (scenario.command.verify && cas === null)) continue;
      const url = tls ? `wss://localhost:${tlsPort}` : `ws://127.0.0.1:${port}`;
      const before = values.before !== undefined;
      const result = await runScenario(scenario, able, { url, tls, rounds, seconds, warmUp, label, cas, before });
      progress("");
      print(result);
      results.push(result);
      save(results, peers, started);
    }
  } finally {
    cas?.remove();
  }
  server.end();
  const table = delaysTable(results);
  if (table !== null) console.log(`\n${table}`);
  console.log(`\nsaved ${save(results, peers, started)}`);
  return results.some(({ rows }) => rows.some(({ error }) => error !== undefined)) ? 1 : 0;
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
