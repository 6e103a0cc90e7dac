/** The clients that run on Node. Bun's bundler turns the workers into JavaScript, as Node 20 does not run TypeScript. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Found, Peer, Wanted } from "../peers.ts";
import { libcurlOfCurlCffi } from "./python.ts";

const IMPERS = "0.0.7";
const NAME = "node impers";

/** The version of Node, or undefined if there is none. */
export function nodeVersion(): string | undefined {
  const { status, stdout } = spawnSync("node", ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.trim().slice(1) : undefined;
}

/** Bundles a worker and its imports into one file, without packages, which are found beside it. */
function bundle(bun: string, worker: string, output: string): boolean {
  const args = ["build", worker, "--target=node", "--packages=external", "--external=../../mod.ts"];
  const { status } = spawnSync(bun, [...args, `--outfile=${output}`], { encoding: "utf8" });
  return status === 0 && existsSync(output);
}

/** `ws` on Node, a development dependency of the project. */
export function findNodeWs(root: string, worker: string, bun: string, version: string): Peer | undefined {
  const folder = join(root, ".cache", "bench");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "worker.mjs");
  if (!bundle(bun, worker, path)) return undefined;
  return {
    name: "node ws",
    version: `node ${version}`,
    command: ["node", path, "ws"],
    actions: ["receive", "roundTrip", "send", "idle"],
    quick: true,
  };
}

/** impers, installed once into .cache, with the first libcurl found that has WebSocket; or the reason why there is none. */
export function findImpers(root: string, worker: string, bun: string, version: string, wanted: Wanted): Found {
  if (!wanted.includes(NAME)) return { peers: [], skipped: [] };
  const skip = (why: string): Found => ({ peers: [], skipped: [{ name: NAME, why }] });
  const folder = join(root, ".cache", "bench", "node");
  const installed = join(folder, "node_modules", "impers");
  if (!existsSync(installed)) {
    if (!wanted.install) return skip("not installed; a run that includes it installs it");
    console.error(`installing impers ${IMPERS} for Node ${version}`);
    mkdirSync(folder, { recursive: true });
    const args = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--no-package-lock", `impers@${IMPERS}`];
    const { status, stderr } = spawnSync("npm", args, { encoding: "utf8", shell: process.platform === "win32" });
    if (status !== 0) {
      rmSync(installed, { recursive: true, force: true });
      return skip(`npm could not install impers: ${(stderr ?? "").trim().split("\n")[0]?.slice(0, 200)}`);
    }
  }
  const path = join(folder, "impers.mjs");
  if (!bundle(bun, worker, path)) return skip("its worker could not be bundled");
  // By itself it would download a libcurl that no package registry has; LIBCURL_PATH names another.
  const base = { IMPER_DOWNLOAD_LIBCURL: "0" };
  const reasons: string[] = [];
  for (const libcurl of [{}, libcurlOfCurlCffi(root)]) {
    if (libcurl === undefined) continue;
    const env = { ...base, ...libcurl };
    const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
    const { status, stdout, stderr } = spawnSync("node", [path, "--probe"], options);
    if (status !== 0) {
      reasons.push(stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "");
      continue;
    }
    const peer: Peer = {
      name: NAME,
      version: `node ${version}, impers ${IMPERS}, ${stdout.trim()}`,
      command: ["node", path],
      env,
      actions: ["receive", "roundTrip"],
      lacks: ["deflate", "tls", "thousands", "json", "options"],
      quick: false,
    };
    return { peers: [peer], skipped: [] };
  }
  return skip(`no libcurl with WebSocket: ${reasons.join("; ")}`);
}
