/** The tables of docs/reconnect.md say what the code does. */
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { CurlWebSocketError, type ErrorCode, ReconnectingCurlWebSocket } from "../../mod.ts";
import { isFatalEnd } from "../../src/feed/fatal.ts";
import { test } from "../support/testing.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/reconnect.md");
/** The cells of all rows of all tables. */
const rows = page.split("\n").filter((line) => line.startsWith("| ")).map((line) =>
  line.split("|").slice(1, -1).map((cell) => cell.trim())
);
const ends = rows.filter(([, then]) => then === "ends" || then === "connects again");
const numbersIn = (text: string) => [...text.matchAll(/\b\d{2,}\b/g)].map(([number]) => Number(number));
const codesIn = (text: string) => [...text.matchAll(/`(ERR_\w+)`/g)].map(([, code]) => code as ErrorCode);

test("docs/reconnect.md has each error code, and what follows it", () => {
  const source = read("src/errors.ts");
  const type = source.slice(source.indexOf("export type ErrorCode"));
  const all = [...type.slice(0, type.indexOf(";\n")).matchAll(/"(ERR_\w+)"/g)].map(([, code]) => code!);
  const told = new Set<string>();
  for (const [what = "", then, why] of ends.filter(([what]) => what!.startsWith("`ERR_"))) {
    assert(why !== "");
    const numbers = numbersIn(what);
    for (const code of codesIn(what)) {
      told.add(code);
      const inits = code === "ERR_HANDSHAKE_STATUS"
        ? numbers.map((status) => ({ status }))
        : code === "ERR_TLS"
        ? numbers.map((curlCode) => ({ curlCode }))
        : [{}];
      assert(inits.length > 0, what);
      for (const init of inits) {
        const error = new CurlWebSocketError(code, "", init);
        const end = isFatalEnd({ error, code: 1006, reason: "", wasClean: false });
        assertEquals([what, init, end], [what, init, then === "ends"]);
      }
    }
  }
  assertEquals([...told].sort(), all.sort());
});

/** The numbers of a row, which are all that do not go on. */
function listed(code: ErrorCode): number[] {
  return ends.filter(([what, then]) => what!.includes(`\`${code}\``) && then === "ends")
    .flatMap(([what]) => numbersIn(what!)).sort((a, b) => a - b);
}

test("docs/reconnect.md has all statuses and codes of libcurl after which a feed ends", () => {
  const wasClean = false, reason = "", code = 1006;
  const error = (name: ErrorCode, init: object) => new CurlWebSocketError(name, "", init);
  const all = Array.from({ length: 1000 }, (_, i) => i);
  const statuses = all.filter((status) =>
    isFatalEnd({ error: error("ERR_HANDSHAKE_STATUS", { status }), code, reason, wasClean })
  );
  const curlCodes = all.filter((curlCode) =>
    isFatalEnd({ error: error("ERR_TLS", { curlCode }), code, reason, wasClean })
  );
  assertEquals([listed("ERR_HANDSHAKE_STATUS"), listed("ERR_TLS")], [statuses, curlCodes]);
});

test("docs/reconnect.md has each close code, and what follows it", () => {
  const told = new Map<number, string>();
  for (const [what = "", then] of ends.filter(([what]) => /^\d/.test(what!))) {
    const numbers = numbersIn(what), [from = 0, to = 0] = numbers;
    const codes = what.includes(" to ") ? Array.from({ length: to - from + 1 }, (_, i) => from + i) : numbers;
    for (const code of codes) told.set(code, then!);
  }
  // All that a close event with a closing handshake can have: docs/errors.md.
  const possible = [1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  for (let code = 3000; code <= 4999; code++) possible.push(code);
  assertEquals([...told.keys()].sort((a, b) => a - b), possible);
  for (const [code, then] of told) {
    assertEquals([code, isFatalEnd({ error: null, code, reason: "", wasClean: true })], [code, then === "ends"]);
  }
});

test("docs/reconnect.md has a row for each option of reconnect and rotate, and each counter", () => {
  const known = (options: object) => {
    try {
      new ReconnectingCurlWebSocket("ws://127.0.0.1:9/", options).terminate();
    } catch (error) {
      return /; known are (.+)$/.exec((error as Error).message)![1]!.split(", ");
    }
    throw new Error("nothing was refused");
  };
  const first = rows.flatMap(([cell]) => [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
  const feed = new ReconnectingCurlWebSocket("ws://127.0.0.1:9/");
  feed.terminate();
  const counters = Object.keys(feed.stats);
  const documented = read("docs/observability.md");
  for (const name of [...known({ reconnect: { unknown: 1 } }), ...known({ rotate: { unknown: 1 } })]) {
    assert(first.includes(name), name);
  }
  for (const name of counters) assert(first.includes(name) || documented.includes(`\`${name}\``), name);
});
