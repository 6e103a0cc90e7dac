import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { comparisonPage, type Results } from "../compare/page.ts";
import { CLIENTS, LACKED, MEANINGLESS, ROWS } from "../compare/rows.ts";
import { test } from "../support/testing.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const results: Results = JSON.parse(read("tests/compare/results.json"));

test("docs/comparison.md matches the recorded results: npm run compare writes it", () => {
  const plain = (text: string) => text.replace(/-{3,}/g, "---").replace(/\s+/g, " ").trim();
  assertEquals(plain(read("docs/comparison.md")), plain(comparisonPage(results)));
});

test("each row has a result for each client, and no result is without a row", () => {
  assertEquals(Object.keys(results.rows).sort(), ROWS.map(([id]) => id).sort());
  for (const [id] of ROWS) {
    const clients = CLIENTS.filter((name) => !MEANINGLESS[name]?.includes(id));
    assertEquals(Object.keys(results.rows[id]!).sort(), [...clients].sort(), id);
  }
});

test("each capability of CurlWebSocket passed on both runtimes, but for those that it lacks", () => {
  for (const [id, title] of ROWS) {
    for (const name of ["curlws on Deno", "curlws on Bun"]) {
      const { verdict, how } = results.rows[id]![name]!;
      assert(verdict === (LACKED.includes(id) ? "no" : "yes"), `${title}, ${name}: ${verdict} (${how})`);
    }
  }
});
