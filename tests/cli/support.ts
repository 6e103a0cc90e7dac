/** Runs the `curlws` command, and serves what it fetches. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
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

/** The command's own command line, on this runtime. */
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

/** A path's answer: bytes, or a status, or a function that does it all. */
export type Answer = Uint8Array | string | number | ((request: IncomingMessage, response: ServerResponse) => void);

/** An HTTP server on loopback with some paths; the others are 404. */
export class Mirror {
  readonly #server: Server;
  /** What was asked for, as `path` or `user:password@path`. */
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

/** An answer that promises all of it and ends in the middle. */
export function truncated(bytes: Uint8Array): Answer {
  return (_request, response) => {
    response.setHeader("content-length", bytes.length);
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.destroy());
  };
}
