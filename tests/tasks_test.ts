/** One table of tasks: what npm, Deno and Bun know is what `scripts/run.mjs` runs, and CONTRIBUTING.md tells of each. */
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { test } from "./support/testing.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("package.json, deno.json and scripts/run.mjs have the same tasks", () => {
  const table = /const ENTRIES = \{([^}]*)\}/.exec(read("scripts/run.mjs"))![1]!;
  const names = [...table.matchAll(/^ {2}"?([a-z-]+)"?:/gm)].map(([, name]) => name!);
  assert(names.length > 10);
  const tasks = Object.fromEntries(names.map((name) => [name, `node scripts/run.mjs ${name}`]));
  assertEquals(JSON.parse(read("package.json")).scripts, tasks);
  assertEquals(JSON.parse(read("deno.json")).tasks, tasks);
});

test("CONTRIBUTING.md describes each task", () => {
  const page = read("CONTRIBUTING.md");
  for (const name of Object.keys(JSON.parse(read("package.json")).scripts)) {
    assert(new RegExp(`npm (run )?${name}\\b`).test(page), `npm run ${name} is not in CONTRIBUTING.md`);
  }
});
