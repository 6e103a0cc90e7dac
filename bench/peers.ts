/** The clients that are compared, as far as this machine has them. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findRuntimes } from "./demo/runtimes.ts";
import type { Command } from "./protocol.ts";

export interface Peer {
  /** The runtime, then the client. */
  name: string;
  version: string;
  command: string[];
  actions: Command["action"][];
  /** In `--quick`. */
  quick: boolean;
}

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const ALL: Command["action"][] = ["receive", "roundTrip", "send", "idle"];

export function findPeers(): Promise<Peer[]> {
  const worker = join(here, "peers", "worker.ts");
  const peers: Peer[] = [];
  const runtimes = findRuntimes();
  for (const { name, version, command, args } of runtimes) {
    const run = name === "deno" ? [command, ...args, "--unsafely-ignore-certificate-errors"] : [command, ...args];
    for (const client of ["curlws", "native", "ws"]) {
      peers.push({
        name: `${name} ${client}`,
        version: `${name} ${version}`,
        command: [...run, worker, client],
        actions: ALL,
        quick: client !== "ws",
      });
    }
  }
  const node = nodeWorker(worker, runtimes.find(({ name }) => name === "bun")?.command);
  if (node !== undefined) {
    peers.push({
      name: "node ws",
      version: node.version,
      command: ["node", node.path, "ws"],
      actions: ALL,
      quick: true,
    });
  }
  return Promise.resolve(peers);
}

/** Node 20 takes no TypeScript: Bun's bundler makes JavaScript of the worker. */
function nodeWorker(worker: string, bun: string | undefined): { path: string; version: string } | undefined {
  const { status, stdout } = spawnSync("node", ["--version"], { encoding: "utf8" });
  if (status !== 0 || bun === undefined) return undefined;
  const folder = join(root, ".cache", "bench");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "worker.mjs");
  const args = [
    "build",
    worker,
    "--target=node",
    "--packages=external",
    "--external=../../mod.ts",
    `--outfile=${path}`,
  ];
  const built = spawnSync(bun, args, { encoding: "utf8" });
  return built.status === 0 && existsSync(path) ? { path, version: `node ${stdout.trim().slice(1)}` } : undefined;
}
