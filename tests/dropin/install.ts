/**
 * The libraries of docs/drop-in.md and their servers. They take some 150 MB, so they are no dependency of the project:
 * the first test that wants them has npm put them into `.cache/dropin`. Where they cannot be had there is a reason, and
 * what needs them is skipped.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Where the libraries are; git ignores it. */
export const FOLDER: string = join(ROOT, ".cache", "dropin");

const PACKAGES: Record<string, string> = {
  "@nats-io/nats-core": "3.4.0",
  "@supabase/realtime-js": "2.109.0",
  "aedes": "1.2.0",
  "engine.io-client": "6.6.8",
  "ethers": "6.17.0",
  "graphql": "16.15.0",
  "graphql-ws": "6.4.2",
  "mqtt": "5.16.0",
  "nats.ws": "1.30.3",
  "partysocket": "1.3.0",
  "reconnecting-websocket": "4.4.0",
  "rxjs": "7.8.2",
  "socket.io": "4.8.4",
  "socket.io-client": "4.8.4",
  "viem": "2.57.20",
  "ws": "8.23.0",
};

/** How long a failed attempt holds, so that each test file does not wait for the network again. */
const RETRY_MS = 10 * 60_000;
const TIMEOUT_MS = 5 * 60_000;

/** Runs a program in a folder; throws its last line of errors. */
function run(command: string, args: string[], cwd: string): void {
  const shell = process.platform === "win32";
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: TIMEOUT_MS, shell });
  if (error !== undefined) throw new Error(`cannot run ${command}: ${error.message}`);
  if (status !== 0) {
    const line = stderr.trim().split("\n").find((text) => /error/i.test(text)) ?? "";
    throw new Error(`${command} ${args[0]} failed with ${status}: ${line.slice(0, 200)}`);
  }
}

/** Does `make` once, in a folder aside that then gets its name. Gives why it failed, or undefined. */
function once(name: string, pin: string, make: (folder: string) => void): string | undefined {
  const folder = join(FOLDER, name), mark = join(folder, "pin"), failure = join(FOLDER, `${name}.failure`);
  const there = () => existsSync(mark) && readFileSync(mark, "utf8") === pin;
  if (there()) return undefined;
  if (existsSync(failure)) {
    const failed = JSON.parse(readFileSync(failure, "utf8"));
    if (failed.pin === pin && Date.now() - failed.at < RETRY_MS) return failed.reason;
  }
  const aside = join(FOLDER, `.${name}-${process.pid}`);
  try {
    rmSync(aside, { recursive: true, force: true });
    mkdirSync(aside, { recursive: true });
    make(aside);
    writeFileSync(join(aside, "pin"), pin);
    if (!there()) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(aside, folder);
    }
    rmSync(failure, { force: true });
    return undefined;
  } catch (error) {
    if (there()) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    writeFileSync(failure, JSON.stringify({ pin, at: Date.now(), reason }));
    return reason;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

let libraries: { reason: string | undefined } | undefined;

/** Why the libraries cannot be had, in a line; undefined where they are there: as the `skip` of a test. */
export function whyNoLibraries(): string | undefined {
  if (libraries === undefined) {
    const reason = once("packages", JSON.stringify(PACKAGES), (folder) => {
      console.error("installing the libraries of docs/drop-in.md into .cache/dropin, some 150 MB, once");
      writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: PACKAGES }));
      run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--fetch-retries=1"], folder);
    });
    libraries = { reason: reason && `the libraries cannot be had: ${reason}` };
  }
  return libraries.reason;
}
