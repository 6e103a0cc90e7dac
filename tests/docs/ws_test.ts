/** docs/ws.md: its programs do what they say, and its numbers are those of the suite's expectations. */
import { assert, assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { ROOT } from "../support/fetched.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { REASONS, TESTS } from "../ws/suite/expected.ts";
import { blocksOf, promisesOf } from "./support/markdown.ts";

const PAGE = "docs/ws.md";
const page = readFileSync(join(ROOT, PAGE), "utf8");

/** Refuses each connection. */
async function refuse(server: RawServer): Promise<void> {
  const peer = await server.connection();
  await peer.request();
  await peer.send("HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno");
  peer.end();
}

/** Runs a program in a process of its own; returns its lines. */
async function run(code: string, echo: string, refused: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "curlws-ws-"));
  try {
    const path = join(folder, "program.ts");
    const module = JSON.stringify(pathToFileURL(join(ROOT, "ws", "mod.ts")).href);
    writeFileSync(
      path,
      code.replaceAll('"@curlws/curlws/ws"', module).replaceAll("wss://echo.example.com/feed", echo)
        .replaceAll("wss://refused.example.com/", refused),
    );
    const args = "Deno" in globalThis ? ["run", "-A", "--no-check", path] : [path];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 });
    return stdout.trim().split("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const { name, code } of blocksOf(PAGE, page)) {
  test(`${name} runs`, async () => {
    await using server = await WsServer.start();
    await using other = await RawServer.start();
    if (code.includes("refused.")) void refuse(other);
    const lines = await run(code, server.url("/echo"), other.url());
    for (const promise of promisesOf(code)) {
      const [before, after = ""] = promise.split("…");
      const kept = (line: string) =>
        promise.includes("…") ? line.startsWith(before!) && line.endsWith(after) : line === promise;
      assert(lines.some(kept), `did not print: ${promise}\nit printed:\n${lines.join("\n")}`);
    }
  });
}

test("docs/ws.md says how many tests of ws pass, and why the others do not", () => {
  const failing = (runtime: string) =>
    REASONS.filter((reason) => (reason.runtime ?? runtime) === runtime).reduce(
      (sum, { tests }) => sum + tests.length,
      0,
    );
  const words = page.replaceAll(/\s+/g, " ");
  const sentence = `Of ${TESTS} tests ${TESTS - failing("deno")} pass on Deno, and ${TESTS - failing("bun")} on Bun`;
  assert(words.includes(sentence), `it does not say: ${sentence}`);
  const rows = [...page.matchAll(/^\| +(\d+) \| (.*?) +\|$/gm)].map(([, count, why]) => [Number(count), why]);
  assertEquals(rows, REASONS.map(({ tests, why }) => [tests.length, why]));
});
