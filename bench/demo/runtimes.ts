/** Finds the runtimes to compare and runs child processes that always end with the demo. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface Runtime {
  name: "deno" | "bun";
  version: string;
  command: string;
  args: string[];
}

const children = new Set<ChildProcess>();

/** Ends every child still running, by its id. */
export function endChildren(): void {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
}

export function startChild(runtime: Runtime, script: string, args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const child = spawn(runtime.command, [...runtime.args, path, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

/** Resolves with the first line the child prints that is JSON; rejects if it ends without one. */
export function readJsonLine<T>(child: ChildProcess, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let output = "";
    let errors = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      const line = output.split("\n").slice(0, -1).find((text) => text.startsWith("{"));
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as T);
    });
    child.stderr?.on("data", (chunk) => errors += chunk);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      const lines = errors.trim().split("\n");
      reject(new Error(lines.find((line) => /error:/i.test(line)) ?? lines.at(-1) ?? `exit code ${code}`));
    });
  });
}

/** Where npm puts a runtime: its platform packages have the program even if no install script was allowed to run. */
function installed(name: Runtime["name"]): string[] {
  const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
  const scope = join(modules, name === "deno" ? "@deno" : "@oven");
  const packages = existsSync(scope) ? readdirSync(scope) : [];
  const program = process.platform === "win32" ? `${name}.exe` : name;
  const packaged = packages.map((folder) => join(scope, folder, name === "deno" ? "" : "bin", program));
  return [...packaged, join(modules, ".bin", name)];
}

/** The command may be a launcher script, which could not be ended by its id: ask it for the program behind it. */
function locate(name: Runtime["name"]): Runtime | null {
  const probe = name === "deno"
    ? ["eval", "console.log(JSON.stringify([Deno.execPath(), Deno.version.deno]))"]
    : ["-e", "console.log(JSON.stringify([process.execPath, Bun.version]))"];
  const current = name in process.versions ? [process.execPath] : [];
  for (const candidate of [...current, ...installed(name), name]) {
    const { status, stdout } = spawnSync(candidate, probe, { encoding: "utf8" });
    if (status !== 0) continue;
    const [command, version] = JSON.parse(stdout) as [string, string];
    return { name, version, command, args: name === "deno" ? ["run", "-A", "--no-check"] : [] };
  }
  return null;
}

export function findRuntimes(): Runtime[] {
  return (["deno", "bun"] as const).map(locate).filter((runtime) => runtime !== null);
}
