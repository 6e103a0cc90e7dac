/**
 * Runs the tests of `ws` on Deno and on Bun, and compares with what `expected.ts` says of them:
 *
 *   --runtimes LIST   comma-separated; default deno,bun
 *   --client ws       with the WebSocket of `ws` itself, to see what it makes of a runtime
 *   --only TEXT       those whose names have the text
 *
 * A test that fails is run once more by itself: it may have had too little time on a busy machine.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { findTool } from "../../../scripts/tools.ts";
import { REASONS, TESTS } from "./expected.ts";
import type { Outcome } from "./mocha.ts";
import { runSuite, type SuiteOptions, whyNoSuite } from "./suite.ts";

/** Why a test may fail on this runtime; undefined if it may not. */
function reasonOf({ name }: Outcome, runtime: string): (typeof REASONS)[number] | undefined {
  return REASONS.find(({ tests, runtime: only }) =>
    (only ?? runtime) === runtime && tests.some((each) => name.endsWith(each))
  );
}

/** How many tests pass, do not as they should, and fail for a reason that is known. */
interface Tally {
  passed: number;
  failed: number;
  known: number;
}

/** Runs the tests on one runtime, and prints what is not as expected. */
async function testRuntime(runtime: "deno" | "bun", options: Omit<SuiteOptions, "command">): Promise<Tally> {
  const command = findTool(runtime);
  if (command === undefined) throw new Error(`${runtime} is neither in node_modules nor on the PATH`);
  const run = (only: string) => runSuite({ ...options, command, only });
  const outcomes = await run(options.only);
  let passed = 0;
  const wrong: string[] = [];
  for (const outcome of outcomes) {
    const reason = options.client === "ws" ? undefined : reasonOf(outcome, runtime);
    let { status, reason: words } = outcome;
    if (status === "failed" && reason === undefined) {
      const [again] = (await run(outcome.name)).filter(({ name }) => name === outcome.name);
      ({ status, reason: words } = again ?? outcome);
    }
    if (status === "passed" && reason?.mayPass !== false) passed++;
    if (status === "failed" && reason === undefined) wrong.push(`failed: ${outcome.name}\n    ${words}`);
    if (status === "passed" && reason?.mayPass === false) wrong.push(`passes after all: ${outcome.name}`);
  }
  if (options.only === "" && outcomes.length !== TESTS) wrong.push(`${outcomes.length} tests, and not ${TESTS}`);
  console.log(`${runtime}, with the WebSocket of ${options.client}: ${passed} of ${outcomes.length} tests pass`);
  for (const line of wrong) console.log(`  ${line}`);
  return { passed, failed: wrong.length, known: outcomes.length - passed - wrong.length };
}

const { values } = parseArgs({
  options: {
    runtimes: { type: "string", default: "deno,bun" },
    client: { type: "string", default: "curlws" },
    only: { type: "string", default: "" },
  },
});
const reason = whyNoSuite();
if (reason !== undefined) {
  console.log(`Skipped: ${reason}`);
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}
const all: Tally = { passed: 0, failed: 0, known: 0 };
for (const runtime of values.runtimes.split(",") as ("deno" | "bun")[]) {
  const tally = await testRuntime(runtime, {
    client: values.client === "ws" ? "ws" : "curlws",
    only: values.only,
  });
  for (const key of Object.keys(all) as (keyof Tally)[]) all[key] += tally[key];
}
console.log(`${all.passed} passed, ${all.failed} failed, ${all.known} skipped`);
process.exitCode = all.failed === 0 ? 0 : 1;
