/** A server in its own process that sends as fast as TCP takes it, and reports how much it has sent. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./feeder.mjs", import.meta.url));

/** A running feeder; `await using` ends it. */
export class Feeder {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly url: string;

  private constructor(child: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.url = `ws://127.0.0.1:${port}`;
  }

  static async start(): Promise<Feeder> {
    const node = spawnSync("node", ["--version"]).status === 0;
    const deno = "Deno" in globalThis ? process.execPath : "deno";
    const child = node ? spawn("node", [script]) : spawn(deno, ["run", "-A", script]);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value } = await lines.next();
    return new Feeder(child, lines, Number(value));
  }

  /** The state of its connection: bytes passed to TCP, not yet taken by the kernel, and received. */
  async ask(): Promise<{ sent: number; waiting: number; received: number; blocked: boolean }> {
    this.#child.stdin.write("state\n");
    return JSON.parse((await this.#lines.next()).value as string);
  }

  /** Resolves once `sent` or `received` has stopped growing. */
  async still(): Promise<{ sent: number; waiting: number; received: number; blocked: boolean }> {
    for (let last = await this.ask(), same = 0;; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const now = await this.ask();
      same = now.sent === last.sent && now.received === last.received ? same + 1 : 0;
      if (same === 10) return now;
      last = now;
    }
  }

  /** Starts reading, if the connection was opened with `?read=no`. */
  async read(): Promise<void> {
    this.#child.stdin.write("read\n");
    await this.#lines.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, "close");
    this.#child.stdin.end();
    await exit;
  }
}
