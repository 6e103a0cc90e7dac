import { assert, assertEquals } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { CurlWebSocket, type CurlWebSocketInit } from "../../mod.ts";
import { test } from "../support/testing.ts";
import { blocksOf } from "./support/markdown.ts";
import { ROWS } from "./support/option_rows.ts";
import { optionsPage, type Recording, testsOf } from "./support/options_page.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const recording: Recording = JSON.parse(read("tests/docs/options.json"));

/** The options that the constructor says it knows. */
function known(options: object): string[] {
  try {
    new CurlWebSocket("ws://127.0.0.1:9/", options as CurlWebSocketInit).terminate();
  } catch (error) {
    return /; known are (.+)$/.exec((error as Error).message)![1]!.split(", ");
  }
  throw new Error("nothing was refused");
}

/** What a row is about, without values: `proxy.url: "http:…"` is about `proxy.url`. */
const subjects = (option: string) => option.replace(/: ".*"$/, "").split(", ");

test("docs/options.md has a row for each option, and for no other", () => {
  const url = "https://127.0.0.1:9";
  const names = [
    ["protocols"],
    known({ unknown: 1 }),
    known({ auth: { unknown: 1 } }).map((name) => `auth.${name}`),
    known({ proxy: { url, unknown: 1 } }).map((name) => `proxy.${name}`),
    known({ impersonate: { unknown: 1 } }).map((name) => `impersonate.${name}`),
    known({ tls: { unknown: 1 } }).map((name) => `tls.${name}`),
    known({ keepAlive: { unknown: 1 } }).map((name) => `keepAlive.${name}`),
    known({ perMessageDeflate: { unknown: 1 } }).map((name) => `perMessageDeflate.${name}`),
  ].flat();
  assert(names.length > 50);
  assertEquals([...new Set(ROWS.flatMap(({ option }) => subjects(option)))].sort(), names.sort());
});

/** What may be the name of a test in a file: texts, and templates with anything in their holes. */
function namesIn(file: string): RegExp[] {
  const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const names = /\btest(?:With)?\(\s*(?:NAMES,|NEW,|\[[^\]]*\],)?\s*(?:"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;
  return [...read(`tests/${file}`).matchAll(names)].map(([whole, text, template]) => {
    const pattern = text !== undefined ? escape(text) : template!.split(/\$\{.*?\}(?![^{]*\})/).map(escape).join(".*");
    return new RegExp(`^${pattern}${whole.startsWith("testWith") ? " \\(libcurl [^)]+\\)" : ""}$`);
  });
}

test("each test that docs/options.md names is in its file, and its result is recorded", () => {
  for (const row of ROWS) {
    for (const [file, ...names] of row.tests) {
      const there = namesIn(file);
      for (const name of names) {
        const filled = name.replace("{libcurl}", "impersonate-8.23");
        assert(there.some((pattern) => pattern.test(filled)), `${row.option}: tests/${file} has no test "${filled}"`);
      }
    }
    for (const libcurl of recording.libcurls) {
      const missing = testsOf(row, libcurl.name).filter((name) => libcurl.tests[name] === undefined);
      assertEquals(missing, [], `${row.option} with ${libcurl.name}: run npm run options`);
    }
  }
});

test("docs/options.md matches the recorded results: npm run options writes it", () => {
  // Whatever the formatter does with spaces and rules.
  const plain = (text: string) => text.replace(/-{3,}/g, "---").replace(/\s+/g, " ").trim();
  assertEquals(plain(read("docs/options.md")), plain(optionsPage(recording)));
});

/** The anchor that GitHub gives a heading. */
const anchor = (heading: string) => heading.toLowerCase().replace(/[^\w\- ]/g, "").trim().replaceAll(" ", "-");

test("each row of docs/options.md links to a page with an example of the option", () => {
  for (const { option, guide } of ROWS) {
    const [file = "", heading] = guide.split("#"), path = `docs/${file}`;
    assert(existsSync(new URL(`../../${path}`, import.meta.url)), `${option}: there is no ${path}`);
    const text = read(path);
    const headings = [...text.matchAll(/^#+ +(.+)$/gm)].map(([, title]) => anchor(title!));
    assert(headings.includes(heading!), `${option}: ${path} has no #${heading}, but ${headings.join(", ")}`);
    const examples = blocksOf(path, text).map(({ code }) => code).join("\n");
    for (const subject of subjects(option)) {
      const name = subject.split(".").at(-1)!;
      assert(new RegExp(`\\b${name}\\b`).test(examples), `${subject}: ${path} has no example with ${name}`);
    }
  }
});
