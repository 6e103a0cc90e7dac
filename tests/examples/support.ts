/** Runs the examples as their users do, each in a process of its own on the runtime under test, and feeds for them. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const deno = "Deno" in globalThis;

/** A process whose output is waited for; `await using` ends it. */
export class Child {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exit: Promise<number | string>;
  #wake: () => void = () => {};
  #ended = false;
  out = "";
  err = "";

  constructor(file: string, args: string[], env: Record<string, string> = {}) {
    this.#child = spawn(file, args, { cwd: root, stdio: "pipe", env: { ...process.env, NO_COLOR: "1", ...env } });
    const add = (name: "out" | "err") => (data: Uint8Array) => {
      this[name] += new TextDecoder().decode(data);
      this.#wake();
    };
    this.#child.stdout.on("data", add("out"));
    this.#child.stderr.on("data", add("err"));
    this.#exit = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        this.#ended = true;
        this.#wake();
        resolve(code ?? signal ?? "?");
      });
    });
  }

  /** Waits for text of either output. */
  async says(wanted: RegExp): Promise<RegExpExecArray> {
    while (true) {
      const found = wanted.exec(this.out) ?? wanted.exec(this.err);
      if (found !== null) return found;
      if (this.#ended) throw new Error(`ended without ${wanted}:\n${this.out}\n${this.err}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Not by the child's own kill(), after which Deno tells no exit code. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.#child.pid!, name);
  }

  /** Waits for the end: the exit code, or the signal's name. */
  exit(): Promise<number | string> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 1_000);
    if (this.#child.exitCode === null) this.#child.kill("SIGTERM");
    await this.#exit;
    clearTimeout(timer);
  }
}

/** Where an example lies. */
export const examplePath = (name: string): string => join(root, "examples", `${name}.ts`);

/** Starts an example. */
export function example(name: string, args: string[], env: Record<string, string> = {}): Child {
  return new Child(
    process.execPath,
    [...(deno ? ["run", "-A", "--no-check"] : ["run"]), examplePath(name), ...args],
    { BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0", ...env },
  );
}

/** Starts the feeds of feeds_server.mjs. */
export async function feeds(): Promise<{ server: Child; url(path: string): string } & AsyncDisposable> {
  const node = spawnSync("node", ["--version"]).status === 0;
  const script = fileURLToPath(new URL("./feeds_server.mjs", import.meta.url));
  const server = node
    ? new Child("node", [script])
    : new Child(deno ? process.execPath : "deno", ["run", "-A", script]);
  const [, port] = await server.says(/^port (\d+)$/m);
  return {
    server,
    url: (path) => `ws://127.0.0.1:${port}${path}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A folder of a test's own; `using` removes it. */
export function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "curlws-example-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
