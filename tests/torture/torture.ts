/**
 * Torture tests, as curl has them: in scenario after scenario every call that can fail does so, the n-th time it is
 * made, for every n, once and from then on. After each run `close` has come once (or the constructor threw something
 * documented), nothing is left, nothing was thrown and not caught, and other connections of the thread go on.
 *
 *   npm run torture -- [--only deno|bun] [--scenarios "ws,wss"] [--calls "curl_easy_send error"] [--quick] [--share 0.5] [--seed N]
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { torture } from "./start.ts";
import { SCENARIOS } from "./scenarios.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    only: { type: "string" },
    scenarios: { type: "string" },
    calls: { type: "string" },
    quick: { type: "boolean", default: false },
    share: { type: "string", default: "1" },
    seed: { type: "string" },
  },
});
const scenarios = values.scenarios?.split(/,(?! )/) ?? Object.keys(SCENARIOS);
for (const name of scenarios) if (!(name in SCENARIOS)) throw new Error(`no scenario is named ${name}`);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}`);
const tools = values.only === undefined ? ["deno", "bun"] as const : [values.only as "deno" | "bun"];
let failed = 0, passed = 0;
for (const tool of tools) {
  const { injected, problems } = await torture({
    tool,
    scenarios,
    quick: values.quick,
    share: Number(values.share),
    only: values.calls ?? null,
    seed,
    print: (line) => console.log(`${tool}: ${line}`),
  });
  console.log(`${tool}: ${injected} failures injected, ${problems.length} with problems`);
  failed += problems.length;
  passed += injected - problems.length;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
