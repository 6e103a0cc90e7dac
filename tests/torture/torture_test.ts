import { assertEquals } from "@std/assert";
import { test } from "../support/testing.ts";
import { SCENARIOS } from "./scenarios.ts";
import { torture } from "./start.ts";

test("whatever fails, a connection ends once, leaves nothing, and harms no other", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { injected, problems } = await torture({
    tool: "Deno" in globalThis ? "deno" : "bun",
    scenarios: Object.keys(SCENARIOS),
    // Some 500 failures, each run others, in 20 s. `npm run torture` makes them all.
    quick: true,
    share: 0.15,
    only: null,
    seed,
    print: () => {},
  });
  assertEquals(problems, [], `with the seed ${seed}, of ${injected} failures`);
  console.log(`torture: ${injected} failures injected, seed ${seed}`);
}, { timeout: 200_000 });
