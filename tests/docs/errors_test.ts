import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { isSendableCloseCode, VIOLATIONS } from "../../src/protocol/constants.ts";
import { test } from "../support/testing.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/errors.md");
/** The first two cells of each row of the page's tables. */
const rows = page.split("\n").filter((line) => /^\| +`?\w/.test(line)).map((line) =>
  line.split("|").slice(1, 3).map((cell) => cell.trim())
);

test("docs/errors.md has a row for each error code, and for no other", () => {
  const source = read("src/errors.ts");
  const type = source.slice(source.indexOf("export type ErrorCode"));
  const codes = [...type.slice(0, type.indexOf(";\n")).matchAll(/"(ERR_\w+)"/g)].map(([, code]) => code!);
  assert(codes.length > 10);
  const documented = rows.map(([first]) => first!).filter((cell) => cell.startsWith("`ERR_"));
  assertEquals(documented.sort(), codes.map((code) => `\`${code}\``).sort());
});

test("docs/errors.md has each violation with its close code", () => {
  const documented = rows.filter(([, second]) => /^`[A-Z_0-9]+`$/.test(second!) && !second!.startsWith("`ERR"));
  const wanted = Object.entries(VIOLATIONS).map(([name, [code]]) => [String(code), `\`${name}\``]);
  assertEquals(documented.map(String).sort(), wanted.map(String).sort());
});

test("docs/errors.md has each close code that a close event can have", () => {
  const codes = rows.filter(([, second]) => second === "true" || second === "false").map(([first]) => first!);
  for (let code = 0; code <= 5000; code++) {
    const covered = codes.some((cell) => {
      const [from, to = from] = cell.split(" to ").map(Number);
      return code >= from! && code <= to!;
    });
    assertEquals(covered, isSendableCloseCode(code) || code === 1005 || code === 1006, String(code));
  }
});
