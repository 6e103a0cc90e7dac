/** Finds the executables of the development tools, and runs them. Works on Deno, Bun and Node. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT: string = dirname(dirname(fileURLToPath(import.meta.url)));

/** A development tool that {@linkcode findTool} knows. */
export type Tool = "deno" | "bun" | "tsc";

/** How a command ended. */
export interface Outcome {
  /** Whether the command ended by itself with exit code 0. */
  ok: boolean;
  /** Standard output and standard error, in the order they arrived. */
  output: string;
}

/** How long the output may go on after the command has ended, ms: enough to read what the pipes still hold. */
const PIPE_GRACE = 2000;
const MODULES = join(ROOT, "node_modules");
const SUFFIX = process.platform === "win32" ? ".exe" : "";

/** The packages that contain a tool's executable for one platform: their scope, and its path in them. */
const PLATFORM_PACKAGES: Record<Tool, { scope: string; executable: string }> = {
  deno: { scope: "@deno", executable: "deno" },
  bun: { scope: "@oven", executable: "bin/bun" },
  tsc: { scope: "@typescript", executable: "lib/tsc" },
};

/**
 * The path of a tool: the runtime this script is running on, else the one in node_modules, else the one on the PATH.
 * Undefined if none of them starts.
 */
export function findTool(tool: Tool): string | undefined {
  return candidates(tool).find((path) => {
    const result = spawnSync(path, ["--version"], { stdio: "ignore" });
    return result.error === undefined && result.status === 0;
  });
}

function candidates(tool: Tool): string[] {
  const versions: Record<string, string | undefined> = process.versions;
  const current = tool !== "tsc" && versions[tool] !== undefined ? [process.execPath] : [];
  const { scope, executable } = PLATFORM_PACKAGES[tool];
  // The executable itself comes before the .bin entry, which may be a script that needs Node.
  const packaged = [join(MODULES, scope), ...denoStore(scope)].flatMap((path) =>
    list(path).map((name) => join(path, name, executable + SUFFIX)).filter((path) => existsSync(path))
  );
  return [...current, ...packaged, join(MODULES, ".bin", tool + SUFFIX), tool];
}

/** Where `deno install` puts the packages of a scope that are not direct dependencies. */
function denoStore(scope: string): string[] {
  const store = join(MODULES, ".deno");
  return list(store).filter((name) => name.startsWith(`${scope}+`)).map((name) =>
    join(store, name, "node_modules", scope)
  );
}

function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

/**
 * Runs a command at the root of the repository and collects its output. Kills it after `timeout` milliseconds. `added` is added
 * to the environment.
 */
export function run(
  command: string,
  args: string[],
  timeout: number,
  added: Record<string, string> = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...added };
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let expired = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        output += text;
      });
    }
    const timer = setTimeout(() => {
      expired = true;
      child.kill("SIGKILL");
    }, timeout);
    child.on("error", (error: Error) => {
      clearTimeout(timer);
      resolve({ ok: false, output: `${output}cannot run ${command}: ${error.message}\n` });
    });
    child.on("exit", () => {
      clearTimeout(timer);
      // A process that the command left behind may hold the pipes open; do not wait for it.
      const grace = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, PIPE_GRACE);
      child.on("close", () => clearTimeout(grace));
    });
    child.on("close", (code: number | null, signal: string | null) => {
      if (expired) output += `killed after ${timeout} ms\n`;
      else if (signal !== null) output += `ended by ${signal}\n`;
      resolve({ ok: code === 0 && !expired, output });
    });
  });
}
