/** Runs scripts in their own process, on the runtime that runs the test. */
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";

/** The options of a script. */
export interface ScriptOptions {
  /** Flags of Deno, such as `--location=…`. */
  denoFlags?: string[];
  /** Variables to add to the environment. */
  env?: Record<string, string>;
  /** How many descriptors the process may have; not on Windows. */
  openFiles?: number;
}

/**
 * Runs a script with `CurlWebSocket`, the whole `module`, `url` and `collectGarbage()` in scope, and returns its output. A script that fails
 * rejects.
 */
export async function runScript(
  url: string,
  script: string,
  { denoFlags = [], env = {}, openFiles }: ScriptOptions = {},
): Promise<string> {
  const module = new URL("../../mod.ts", import.meta.url).href;
  const source = `import * as module from ${JSON.stringify(module)};
  const { CurlWebSocket } = module;
  const url = ${JSON.stringify(url)};
  const collectGarbage = () => globalThis.Bun ? Bun.gc(true) : gc();
  ${script}`;
  const args = "Deno" in globalThis ? ["eval", "--v8-flags=--expose-gc", ...denoFlags, source] : ["-e", source];
  const command: [string, string[]] = openFiles === undefined
    ? [process.execPath, args]
    : ["/bin/sh", ["-c", `ulimit -n ${openFiles}; exec "$0" "$@"`, process.execPath, ...args]];
  const { stdout } = await promisify(execFile)(...command, {
    timeout: 20_000,
    // Deno looks for a newer version of itself in the background, with descriptors and threads of its own.
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", ...env },
  });
  return stdout.trim();
}
