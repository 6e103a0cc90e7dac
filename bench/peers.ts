/** The clients that are compared, if this machine has them. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findRuntimes, type Runtime } from "./demo/runtimes.ts";
import { findImpers, findNodeWs, nodeVersion } from "./peers/node.ts";
import { findPythonPeers } from "./peers/python.ts";
import type { Command } from "./protocol.ts";

/**
 * What a peer may lack. `thousands`: it does not keep up with a dense feed shared by more than 1,000 connections. `options`:
 * scenarios that vary an option of CurlWebSocket.
 */
export type Lack = "deflate" | "tls" | "connections" | "thousands" | "flood" | "paced" | "json" | "options";

export interface Peer {
  /** The runtime, then the client. */
  name: string;
  version: string;
  command: string[];
  /** The command with which it verifies a server's certificate, if that is another one. */
  verifying?: string[];
  env?: Record<string, string>;
  actions: Command["action"][];
  lacks?: Lack[];
  /** Whether it takes part in `--quick`. */
  quick: boolean;
}

export interface Found {
  peers: Peer[];
  skipped: { name: string; why: string }[];
}

export interface Wanted {
  includes(name: string): boolean;
  /** Whether missing clients may be installed. */
  install: boolean;
  /** Another checkout of this project, which takes part as `RUNTIME before`. */
  before?: string;
}

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const inPeers = (file: string) => join(here, "peers", file);
const ALL: Command["action"][] = ["receive", "roundTrip", "send", "idle", "open", "reconnect", "count"];

/** The abilities that a scenario requires beyond its action. */
function needs({ deflate, connections = 1, rate, action, kind, options }: Omit<Command, "url" | "seconds" | "warmUp">) {
  const list: Lack[] = [];
  if (deflate) list.push("deflate");
  if (connections > 1) list.push("connections");
  if (connections > 1000 && action === "receive") list.push("thousands");
  if (action === "receive" && rate === 0) list.push("flood");
  if (rate > 0) list.push("paced");
  if (kind === "json") list.push("json");
  if (options !== undefined) list.push("options");
  return list;
}

/** Whether a peer can take part in a scenario. */
export function takesPart(peer: Peer, command: Parameters<typeof needs>[0], tls: boolean): boolean {
  const lacks = peer.lacks ?? [];
  return peer.actions.includes(command.action) && !(tls && lacks.includes("tls")) &&
    !needs(command).some((need) => lacks.includes(need));
}

function peersOf({ name, version, command, args }: Runtime, before?: string): Peer[] {
  const verifying = [command, ...args];
  const run = name === "deno" ? [...verifying, "--unsafely-ignore-certificate-errors"] : verifying;
  const sockets = ["curlws", "native", "ws"].map((client): Peer => ({
    name: `${name} ${client}`,
    version: `${name} ${version}`,
    command: [...run, inPeers("worker.ts"), client],
    verifying: [...verifying, inPeers("worker.ts"), client],
    actions: ALL,
    // Deno's own WebSocket offers no compression: it would receive more bytes, and inflate none.
    lacks: name === "deno" && client === "native" ? ["deflate"] : [],
    quick: client !== "ws",
  }));
  const loops = ["busy", "sleep-1ms", "adaptive"].map((strategy): Peer => ({
    name: `${name} ${strategy}`,
    version: `${name} ${version}`,
    command: [...run, inPeers("loops.ts"), strategy],
    actions: ["receive"],
    lacks: ["deflate", "tls", "connections", "flood", "json", "options"],
    quick: false,
  }));
  const taken = ["iterator", "batches", "latest", "stream"].map((client): Peer => ({
    name: `${name} ${client}`,
    version: `${name} ${version}`,
    command: [...run, inPeers("worker.ts"), client],
    actions: ["receive"],
    lacks: client === "stream" ? ["connections", "paced", "options"] : ["connections", "options"],
    quick: false,
  }));
  const raw: Peer = {
    name: `${name} raw`,
    version: `${name} ${version}`,
    command: [...run, inPeers("raw.ts")],
    actions: ["receive"],
    lacks: ["paced", "json", "connections", "deflate", "options"],
    quick: false,
  };
  const earlier: Peer[] = before === undefined ? [] : [{
    ...sockets[0]!,
    name: `${name} before`,
    command: [...run, join(before, "bench", "peers", "worker.ts"), "curlws"],
    verifying: [...verifying, join(before, "bench", "peers", "worker.ts"), "curlws"],
  }];
  return [...sockets, ...earlier, ...taken, ...loops, ...(name === "bun" ? [raw] : [])];
}

/** The peers of the runtimes, and the wanted ones among those that have to be installed first. */
export function findPeers(wanted: Wanted): Found {
  const runtimes = findRuntimes();
  const peers = runtimes.flatMap((runtime) => peersOf(runtime, wanted.before));
  const python = findPythonPeers(root, inPeers("worker.py"), wanted);
  const skipped = [...python.skipped];
  const bun = runtimes.find(({ name }) => name === "bun")?.command, node = nodeVersion();
  if (bun !== undefined && node !== undefined) {
    const ws = findNodeWs(root, inPeers("worker.ts"), bun, node);
    if (ws !== undefined) peers.push(ws);
    const impers = findImpers(root, inPeers("impers.ts"), bun, node, wanted);
    peers.push(...impers.peers);
    skipped.push(...impers.skipped);
  } else {
    const why = node === undefined ? "there is no Node" : "there is no Bun, whose bundler makes its JavaScript";
    skipped.push({ name: "node ws", why });
  }
  return { peers: [...peers, ...python.peers], skipped };
}
