/** The fuzzing server and the clients: processes that end with this one. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { SetupError } from "./options.ts";
import type { Suite } from "./report.ts";
import { CACHE, pythonEnvironment } from "./suite.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

const SERVER_START_TIMEOUT_MS = 30_000;
const CLIENT_TIMEOUT_MS = 60 * 60_000;

export interface Server extends Suite {
  child: ChildProcess;
  url: string;
  reports: string;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket: Socket) => socket.destroy());
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

const children = new Set<ChildProcess>();
/** Folders of reports to remove when this process ends. */
export const leftovers = new Set<string>();

/** Starts a child that is ended, by its own process ID, when this process ends. */
function start(command: string, args: string[], stdin: "pipe" | "ignore"): ChildProcess {
  const env = stdin === "pipe" ? pythonEnvironment({ PYTHONUNBUFFERED: "1" }) : process.env;
  const child = spawn(command, args, { cwd: root, env, stdio: [stdin, "pipe", "pipe"] });
  children.add(child);
  const forget = () => children.delete(child);
  child.on("exit", forget);
  child.on("error", forget);
  return child;
}

export function cleanUp(): void {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  for (const folder of leftovers) rmSync(folder, { recursive: true, force: true });
  leftovers.clear();
}

export async function startServer(python: string, patterns: string[]): Promise<Server> {
  const port = await freePort();
  const url = `ws://127.0.0.1:${port}`;
  const reports = mkdtempSync(join(CACHE, "run-"));
  leftovers.add(reports);
  const specification = join(reports, "spec.json");
  const spec = { url, outdir: reports, cases: patterns, "exclude-cases": [], "exclude-agent-cases": {} };
  writeFileSync(specification, JSON.stringify(spec));

  const script = join(here, "autobahn_server.py");
  const child = start(python, [script, "-m", "fuzzingserver", "-s", specification, "-u", "0"], "pipe");
  const suite = await new Promise<Suite>((resolve, reject) => {
    let output = "";
    const fail = (reason: string) => reject(new SetupError(`the fuzzing server ${reason}\n${output}`));
    const timer = setTimeout(() => fail("did not start in time"), SERVER_START_TIMEOUT_MS);
    const read = (chunk: Uint8Array) => {
      if (output.length < 100_000) output += new TextDecoder().decode(chunk);
      const line = /^\{"cases": .*\}$/m.exec(output)?.[0];
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(JSON.parse(line));
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", (error) => fail(`could not be started: ${error.message}`));
    child.on("exit", (code) => {
      clearTimeout(timer);
      fail(`ended with code ${code}`);
    });
  });
  return { ...suite, child, url, reports };
}

/** Runs the client to its end. Returns what it printed, and whether it ended well. */
export function runClient(command: string, args: string[]): Promise<{ output: string; well: boolean }> {
  return new Promise((resolve) => {
    const child = start(command, args, "ignore");
    let output = "";
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, CLIENT_TIMEOUT_MS);
    const read = (chunk: Uint8Array) => {
      if (output.length < 20_000) output += new TextDecoder().decode(chunk);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ output: `the client could not be started: ${error.message}`, well: false });
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (late) output += "\nthe client did not end in time";
      else if (code !== 0) output += `\nthe client ended with ${signal ?? `code ${code}`}`;
      resolve({ output: output.trim(), well: code === 0 });
    });
  });
}
