/** Runs programs for tests: finds them on PATH, starts them on a free port of loopback, and ends them by their process id. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { closedPort } from "./raw_server.ts";

/** The path of the first of these programs that exists, or undefined. */
export function findProgram(...names: string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).concat("/usr/sbin", "/usr/local/sbin", "/usr/bin");
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** How to start a program. */
export interface ProgramOptions {
  /** Files that it reads, written into its own folder. */
  files?: Record<string, string>;
  /** Its arguments, with its port and the path of a file in its folder. */
  args(port: number, at: (name: string) => string): string[];
  /** The text of its output that means it is ready; without it, the program is ready once its port accepts connections. */
  ready?: RegExp;
  env?: Record<string, string>;
  /** How long it may take until it is ready, ms; 5,000 by default. */
  patience?: number;
}

/** How often it is looked whether a program is ready, ms. */
const LOOK = 25;

/** One running program; `await using` ends it. */
export class Program {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #exit: Promise<unknown>;
  /** All that it printed. */
  output = "";

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child;
    this.port = port;
    this.#folder = folder;
    this.#exit = new Promise((resolve) => child.once("close", resolve));
    const add = (data: Uint8Array) => this.output += new TextDecoder().decode(data);
    child.stdout?.on("data", add);
    child.stderr?.on("data", add);
  }

  static async start(path: string, options: ProgramOptions): Promise<Program> {
    const { files = {}, args, ready, env = {}, patience = 5_000 } = options;
    const folder = mkdtempSync(join(tmpdir(), "curlws-program-"));
    // A program that is started as root may read its files as another user.
    chmodSync(folder, 0o777);
    const at = (name: string) => join(folder, name);
    const port = await closedPort();
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(at(name), text.replaceAll("{port}", String(port)).replaceAll("{folder}", folder));
    }
    const child = spawn(path, args(port, at), {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: folder,
      env: { ...process.env, ...env },
    });
    const program = new Program(child, port, folder);
    for (let attempt = 0; attempt < patience / LOOK; attempt++) {
      if (child.exitCode !== null) break;
      if (ready === undefined ? await listens(port) : ready.test(program.output)) return program;
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
    await program[Symbol.asyncDispose]();
    throw new Error(`${path} did not start: ${program.output}`);
  }

  /** Not by the child's own kill(), after which Deno takes it for dead. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.#child.pid!, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Asked first: some have children, or leave files behind.
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 2_000);
    await this.#exit;
    clearTimeout(timer);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Whether something accepts connections at a port. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** `openssl s_server`, which sends alerts with the reason when it rejects a client. */
export function startOpenssl(args: string[]): Promise<Program> {
  return Program.start("openssl", {
    args: (port) => ["s_server", "-accept", `127.0.0.1:${port}`, "-naccept", "20", ...args],
    ready: /ACCEPT/,
  });
}
