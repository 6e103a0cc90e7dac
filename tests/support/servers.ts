/**
 * A server of the `ws` package in a child process, so that the peer is an independent implementation that never shares
 * the event loop of the test. It runs under node if there is one (Bun replaces `ws` by its own), else in Deno.
 *
 * Paths: /echo, /subprotocol?choose=, /close?code=&reason=, /closed, /push?count=&size=, /ping?data=, /headers, /drop and
 * /slow-reader (until `resume()`).
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { certificates } from "./certificates.ts";

const script = fileURLToPath(new URL("./ws_server.mjs", import.meta.url));

let hasNode: boolean | undefined;

/** The command that runs a server written for Node: on Node, or on Deno if there is no Node. */
export function serverCommand(program: string): [string, string[]] {
  hasNode ??= spawnSync("node", ["--version"]).status === 0;
  if (hasNode) return ["node", [program]];
  const deno = "Deno" in globalThis ? process.execPath : "deno";
  return [deno, ["run", "-A", program]];
}

/** One running server; `await using` ends it. */
export class WsServer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly port: number;
  readonly tls: boolean;

  private constructor(
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    port: number,
    tls: boolean,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
    this.tls = tls;
  }

  /**
   * `deflate` has the options of ws's `perMessageDeflate`; without them it refuses compression. `tls` may have options of
   * Node's TLS server, such as another certificate.
   */
  static async start({ tls = false, deflate }: { tls?: boolean | object; deflate?: object } = {}): Promise<WsServer> {
    const [file, args] = serverCommand(script);
    const child = spawn(file, args, { stdio: "pipe" });
    let errors = "";
    child.stderr.on("data", (data: Uint8Array) => errors += new TextDecoder().decode(data));
    const { key, cert } = tls ? certificates() : { key: "", cert: "" };
    const secure = { key, cert, ...(typeof tls === "object" ? tls : {}) };
    child.stdin.write(JSON.stringify(tls ? { tls: secure, deflate } : { deflate }) + "\n");
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value, done } = await lines.next();
    if (done || !value.startsWith("port ")) throw new Error(`the test server did not start: ${value ?? ""} ${errors}`);
    return new WsServer(child, lines, Number(value.slice("port ".length)), tls !== false);
  }

  /** The ws: or wss: URL of a path. */
  url(path: string, host = "127.0.0.1"): string {
    return `${this.tls ? "wss" : "ws"}://${host}:${this.port}${path}`;
  }

  /** Lets every connection of /slow-reader read. */
  async resume(): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.port}/resume`, { headers: { connection: "close" } });
    await response.text();
  }

  /** The close code and reason that a connection of /closed got. */
  async closed(): Promise<{ code: number; reason: string }> {
    const { value } = await this.#lines.next();
    const match = /^closed (?<code>\d+) (?<reason>.*)$/.exec(String(value));
    if (!match?.groups) throw new Error(`the test server said ${value}`);
    return { code: Number(match.groups.code), reason: match.groups.reason ?? "" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#child, "close");
    this.#child.stdin.end();
    await exit;
  }
}
