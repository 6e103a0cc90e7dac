/** Writes the API reference from the docstrings into dist/api: pages to open at index.html, and api.json for tools. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { findTool, ROOT } from "./tools.ts";

const { name, exports } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8")) as {
  name: string;
  exports: Record<string, string>;
};
const deno = findTool("deno");
if (deno === undefined) throw new Error("deno is neither in node_modules nor on the PATH");

/** Returns standard output; standard error has warnings about types of the development tools. */
function doc(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(deno!, ["doc", ...args, ...Object.values(exports)], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`deno doc ${args.join(" ")} ended with ${status}:\n${stderr}`);
  return stdout;
}

const folder = join(ROOT, "dist", "api");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
doc("--html", `--name=${name}`, `--output=${folder}`);
writeFileSync(join(folder, "api.json"), doc("--json"));
console.log("dist/api/index.html, dist/api/api.json");
