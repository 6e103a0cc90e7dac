/** Runs the `curlws` command, and serves what it downloads. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface Result {
  code: number | string | null;
  out: string;
  err: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const deno = "Deno" in globalThis;

/** The command line that starts the command on this runtime. */
export const CLI: string[] = [
  process.execPath,
  ...(deno ? ["run", "-A", "--no-check"] : ["run"]),
  join(root, "cli", "mod.ts"),
];

/** Bun would keep compiled modules in XDG_CACHE_HOME, and without any in the working directory. */
const BUN = { BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };

/** Runs a program, such as {@linkcode CLI}, to its end. */
export function run(command: string[], env: Record<string, string>, timeout = 20_000): Promise<Result> {
  const [file = "", ...args] = command;
  return new Promise((resolve) => {
    const options = { env: { ...process.env, CURLWS_LIBCURL: "", NO_COLOR: "1", ...BUN, ...env }, timeout, cwd: root };
    execFile(
      file,
      args,
      options,
      (error, out, err) => resolve({ code: error === null ? 0 : error.code ?? null, out, err }),
    );
  });
}

/** The options of {@linkcode Running.start}. */
export interface StartOptions {
  /** Whether standard input is a pipe, which the test writes to and ends; else it is /dev/null. */
  piped?: boolean;
  env?: Record<string, string>;
  /** The command instead of {@linkcode CLI}. */
  command?: string[];
}

/** A running `curlws`; `await using` ends it. */
export class Running {
  readonly child: ChildProcess;
  /** Its end, with all that it printed. */
  readonly result: Promise<Result & { bytes: Uint8Array }>;
  readonly #out: Uint8Array[] = [];
  #err = "";
  #wake: () => void = () => {};

  private constructor(child: ChildProcess) {
    this.child = child;
    child.stdout!.on("data", (data: Uint8Array) => {
      this.#out.push(data);
      this.#wake();
    });
    child.stderr!.on("data", (data: Uint8Array) => {
      this.#err += new TextDecoder().decode(data);
      this.#wake();
    });
    // A program that ends does not read the rest of its input.
    child.stdin?.on("error", () => {});
    this.result = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        const bytes = new Uint8Array(Buffer.concat(this.#out));
        // Deno tells an exit code of 128 and more as if a signal had ended the program.
        const told = deno && signal !== null ? 128 + constants.signals[signal] : signal;
        resolve({ code: code ?? told, out: this.out, err: this.#err, bytes });
        this.#wake();
      });
    });
  }

  static start(args: string[], { piped = false, env = {}, command = CLI }: StartOptions = {}): Running {
    const [file = "", ...before] = command;
    return new Running(spawn(file, [...before, ...args], {
      stdio: [piped ? "pipe" : "ignore", "pipe", "pipe"],
      env: { ...process.env, CURLWS_LIBCURL: process.env.CURLWS_LIBCURL ?? "", NO_COLOR: "1", ...BUN, ...env },
      cwd: root,
    }));
  }

  /** Sends a signal; Deno's `child.kill` sends only one per child. */
  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.child.pid!, name);
  }

  get out(): string {
    return new TextDecoder().decode(Buffer.concat(this.#out));
  }

  get err(): string {
    return this.#err;
  }

  /** Resolves once its output, on either stream, is as wanted; rejects if it ends before. */
  async until(wanted: (running: Running) => boolean): Promise<void> {
    let ended = false;
    void this.result.then(() => ended = true);
    while (!wanted(this)) {
      if (ended) throw new Error(`curlws ended: ${this.out}${this.#err}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Writes to its standard input, and ends it unless told otherwise. */
  input(data: string | Uint8Array, { end = true }: { end?: boolean } = {}): this {
    if (end) this.child.stdin!.end(data);
    else this.child.stdin!.write(data);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal("SIGKILL");
    await this.result;
  }
}

/** Runs `curlws` to its end, with a standard input of its own, or none. */
export async function curlws(args: string[], input?: string | Uint8Array): Promise<Result & { bytes: Uint8Array }> {
  await using running = Running.start(args, { piped: input !== undefined });
  if (input !== undefined) running.input(input);
  return await running.result;
}

/** A cache folder of a test's own; `using` removes it. */
export class Cache {
  readonly home: string = mkdtempSync(join(tmpdir(), "curlws-cache-"));
  readonly folder: string = join(this.home, "curlws");

  /** Runs the command with it. */
  cli(args: string[], env: Record<string, string> = {}): Promise<Result> {
    // Deno keeps compiled modules in XDG_CACHE_HOME too, unless told otherwise.
    return run([...CLI, ...args], { XDG_CACHE_HOME: this.home, ...env });
  }

  /** All that is in it. */
  get files(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder, { recursive: true, encoding: "utf8" }).sort() : [];
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** The response for a path: bytes, a status, or a function that sends it. */
export type Answer = Uint8Array | string | number | ((request: IncomingMessage, response: ServerResponse) => void);

/** An HTTP server on loopback with some paths; the others are 404. */
export class Mirror {
  readonly #server: Server;
  /** The requests, as `path` or `user:password@path`. */
  readonly asked: string[] = [];

  private constructor(paths: Record<string, Answer>) {
    this.#server = createServer((request, response) => {
      const [, credentials] = request.headers.authorization?.split(" ") ?? [];
      this.asked.push((credentials === undefined ? "" : `${atob(credentials)}@`) + request.url);
      const answer = paths[request.url ?? ""] ?? 404;
      if (typeof answer === "function") return answer(request, response);
      if (typeof answer === "number") response.statusCode = answer;
      else if (request.url?.endsWith("/")) {
        response.setHeader("content-type", String(answer).startsWith("{") ? "application/json" : "text/html");
      }
      response.end(typeof answer === "number" ? "" : answer);
    });
  }

  static async start(paths: Record<string, Answer>): Promise<Mirror> {
    const mirror = new Mirror(paths);
    await new Promise<void>((resolve) => mirror.#server.listen(0, "127.0.0.1", resolve));
    return mirror;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A response that ends in the middle of its announced length. */
export function truncated(bytes: Uint8Array): Answer {
  return (_request, response) => {
    response.setHeader("content-length", bytes.length);
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.destroy());
  };
}
