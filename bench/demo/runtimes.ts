/** Finds the runtimes to compare. */
import { spawnSync } from "node:child_process";
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
