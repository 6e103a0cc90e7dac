import { assert, assertEquals, assertThrows } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "../support/testing.ts";
import { blocksOf, promisesOf } from "./support/markdown.ts";
import { runBlocks, testSnippets } from "./support/snippets.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** tests/dropin runs the programs of these, with the libraries that they need. */
const WITH_LIBRARIES = ["drop-in.md", "many_connections.md", "moving.md", "workers.md", "ws.md"];

for (const file of readdirSync(`${ROOT}/docs`).filter((name) => name.endsWith(".md")).sort()) {
  if (!WITH_LIBRARIES.includes(file)) testSnippets(`docs/${file}`);
}

testSnippets("README.md");

test("a snippet whose connection fails says so: it has an error listener, a loop or an await that throws", () => {
  const speaks = /onerror|"error"|for await|\.opened\b|\.receive\(|\bcatch\b/;
  // Other interfaces, which tell of a failure in their own way.
  const others = ["drop-in.md", "ws.md"];
  const pages = readdirSync(`${ROOT}/docs`).filter((name) => name.endsWith(".md") && !others.includes(name));
  const silent = pages.flatMap((name) =>
    blocksOf(`docs/${name}`, readFileSync(`${ROOT}/docs/${name}`, "utf8"))
      .filter(({ code }) => /new (?:\w*WebSocket|Feed)\(/.test(code) && !speaks.test(code))
  );
  assertEquals(silent.map(({ name, line }) => `${name}, line ${line}`), []);
});

test("the code blocks of a page have names, marks and expectations", () => {
  const page = [
    "# A `page`",
    "```sh",
    "# no heading",
    "```",
    "<!-- faster: 10 -->",
    "",
    "```ts",
    "one(); // prints 1 …",
    "```",
    "<!-- no-run: why -->",
    "```ts no-run",
    "two();",
    "```",
  ].join("\n");
  const [first, second] = blocksOf("docs/a.md", page);
  assertEquals([first?.name, first?.line, first?.faster, first?.noRun], ["docs/a.md, A page 1", 7, 10, undefined]);
  assertEquals([second?.name, second?.code, second?.noRun], ["docs/a.md, A page 2", "two();", "why"]);
  assertEquals(promisesOf(first!.code), ["1 …"]);
});

test("a block that cannot run needs the mark and a reason", () => {
  for (const text of ["```ts no-run\n```", "<!-- no-run: why -->\n```ts\n```", "```ts never\n```", "```ts\n"]) {
    assertThrows(() => blocksOf("docs/a.md", text), Error, "docs/a.md:");
  }
});

test("a snippet that does not behave as it says fails", async () => {
  const bad: [code: string, problem: string][] = [
    ['new CurlWebSocket("wss://stream.example.com/account");', "failed with ERR_HANDSHAKE_STATUS"],
    ['new CurlWebSocket("wss://internal.example/", { tls: { verify: false } });', "failed with ERR_TLS"],
    ['new CurlWebSocket("wss://stream.example.com/"); console.log(1); // prints 2', "did not print: 2"],
    ['throw new Error("thrown");', "thrown"],
    ['new CurlWebSocket("wss://stream.example.com/").onopen = () => { throw new Error("later"); };', "later"],
    ["await new Promise(() => {});", "not done after 300 ms"],
    [
      'const socket = new CurlWebSocket("wss://stream.example.com/"); socket.onopen = () => socket.terminate();',
      "got no message",
    ],
  ];
  const head = 'import { CurlWebSocket } from "@curlws/curlws";\n';
  const blocks = blocksOf("docs/a.md", bad.map(([code]) => `\`\`\`ts\n${head}${code}\n\`\`\`\n`).join("\n"));
  const results = await runBlocks("docs/a.md", blocks, 300);
  for (const [index, [code, problem]] of bad.entries()) {
    const { problems } = results[index]!;
    assert(problems.some((text) => text.includes(problem)), `${code}: ${problems.join("; ")}`);
  }
});
