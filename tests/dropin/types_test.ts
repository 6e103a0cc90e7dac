/** The programs of docs/drop-in.md need no cast: the runtime's own type checker takes them, with its own types alone. */
import { assert, assertEquals } from "@std/assert";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { buildNpm } from "../../scripts/build_npm.ts";
import { findTool, run } from "../../scripts/tools.ts";
import { ROOT } from "../support/fetched.ts";
import { test } from "../support/testing.ts";
import { FOLDER, whyNoLibraries } from "./install.ts";

const RUNTIME = "Deno" in globalThis ? "deno" : "bun";
/** Beside the libraries, where both checkers find them. */
const PACKAGES = join(FOLDER, "packages");
const PROJECT = join(PACKAGES, `${RUNTIME}_types`);

/** Its types are written for CommonJS, whose default export Deno's checker does not call: that is no matter of ours. */
const NOT_ON_DENO = "reconnecting-websocket";

/** Writes the programs into the project, each into a file that is named after its heading. */
function writePrograms(): string[] {
  const page = readFileSync(join(ROOT, "docs", "drop-in.md"), "utf8");
  const files: string[] = [];
  for (const section of page.split(/^## /m).slice(1)) {
    const [heading = ""] = section.split("\n", 1);
    const program = /```ts\n(?<code>[^]*?)```/.exec(section)?.groups?.code;
    if (program === undefined || (RUNTIME === "deno" && heading === NOT_ON_DENO)) continue;
    const file = join(PROJECT, `${heading.replace(/\W+/g, "_")}.ts`);
    writeFileSync(file, program);
    files.push(file);
  }
  return files;
}

/** Has them checked; what the checker says of them is the reason of the failure. */
async function check(tool: "deno" | "tsc", args: string[]): Promise<void> {
  const { ok, output } = await run(findTool(tool)!, args, 60_000);
  assert(ok, output);
}

test("the programs of docs/drop-in.md are right to this runtime's type checker, without a cast", async () => {
  rmSync(PROJECT, { recursive: true, force: true });
  mkdirSync(PROJECT, { recursive: true });
  const files = writePrograms();
  assertEquals(files.length, RUNTIME === "deno" ? 11 : 12);
  if (RUNTIME === "deno") {
    const module = (file: string) => relative(PACKAGES, join(ROOT, file)).replaceAll("\\", "/");
    const imports = { "@curlws/curlws": module("mod.ts"), "@curlws/curlws/global": module("global.ts") };
    // Its folder is where Deno looks for node_modules.
    const config = join(PACKAGES, "deno_types.json");
    writeFileSync(config, JSON.stringify({ imports, nodeModulesDir: "manual" }));
    return await check("deno", ["check", "--config", config, ...files]);
  }
  await buildNpm(join(PROJECT, "built"));
  const compilerOptions = {
    ...{ lib: ["ESNext"], target: "ESNext", module: "Preserve", moduleResolution: "bundler", noEmit: true },
    ...{ strict: true, noImplicitOverride: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true },
    // The libraries' own declarations have faults that are theirs.
    skipLibCheck: true,
    typeRoots: [join(ROOT, "node_modules", "@types")],
    types: ["bun"],
    paths: { "@curlws/curlws": ["./built/mod.d.ts"], "@curlws/curlws/global": ["./built/global.d.ts"] },
  };
  writeFileSync(join(PROJECT, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  await check("tsc", ["-p", PROJECT]);
}, { timeout: 90_000, skip: whyNoLibraries() });
