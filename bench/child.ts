/** The processes of a benchmark: the load server and the peers. */
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Command, Measured } from "./protocol.ts";

/** A process that writes a line of JSON when it is ready, and one for each line that it reads. */
export class Child {
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  /** Starts it; a variable of `env` that is undefined is taken away. */
  constructor(command: string[], env: Record<string, string | undefined> = {}) {
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stderr.on("data", (data) => this.#errors = (this.#errors + data).slice(-2000));
    this.#child.on("error", (error) => this.#errors += error.message);
    this.#child.stdin.on("error", () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    children.add(this);
  }

  /** Reads the next line, which is JSON. */
  async read<T>(milliseconds: number): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
    });
    try {
      const { value, done } = await Promise.race([this.#lines.next(), late]);
      if (done) throw new Error(this.#errors.trim().split("\n").at(-1) || "it ended");
      return JSON.parse(value) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Has a peer measure. Never rejects: a failure is in the result. */
  async ask(command: Command): Promise<Measured> {
    this.#child.stdin.write(JSON.stringify(command) + "\n");
    const slow = command.connections ?? 1;
    const limit = command.seconds * 1000 * 10 + command.warmUp + 20_000 + slow * 20;
    return await this.read<Measured>(limit).catch((error): Measured => ({ error: error.message } as Measured));
  }

  end(): void {
    this.#child.kill("SIGKILL");
    children.delete(this);
  }
}

const children = new Set<Child>();

/** Ends every process that is still running, by its id. */
export function endAll(): void {
  for (const child of [...children]) child.end();
}
