import { assertEquals, assertMatch } from "@std/assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findProgram } from "../support/programs.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { Running } from "./support.ts";

const deno = "Deno" in globalThis;
const wrapper = fileURLToPath(new URL("../../cli/node.mjs", import.meta.url));
const node = findProgram("node");
const skip = node === undefined ? "node is not on this machine" : undefined;

test("under Node the wrapper hands over to Deno or Bun: input, output, signals and the exit code", async () => {
  await using server = await WsServer.start();
  const env = { CURLWS_RUNTIME: process.execPath };
  await using running = Running.start(["-n", "1", "-v", server.url("/echo")], {
    command: [node!, wrapper],
    piped: true,
    env,
  });
  const { code, out } = await running.input("hello\n").result;
  assertEquals([code, out], [0, "hello\n"]);
  await using wrong = Running.start(["--bogus"], { command: [node!, wrapper], env });
  await using stopped = Running.start(["-v", server.url("/closed")], { command: [node!, wrapper], env });
  assertEquals((await wrong.result).code, 2);
  await stopped.until(({ err }) => err.includes("* open;"));
  stopped.signal("SIGINT");
  assertEquals([(await stopped.result).code, await server.closed()], [130, { code: 1000, reason: "" }]);
}, { skip });

test("the wrapper finds the runtime on PATH, and says what to install if there is none", () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-path-"));
  try {
    symlinkSync(process.execPath, join(folder, deno ? "deno" : "bun"));
    const run = (env: Record<string, string>) =>
      spawnSync(node!, [wrapper, "--version"], { env: { HOME: folder, ...env }, encoding: "utf8" });
    const found = run({ PATH: folder, CURLWS_RUNTIME: deno ? "deno" : "bun" });
    assertEquals(found.status, 0, found.stderr);
    assertMatch(found.stdout, deno ? /^curlws .*\(Deno/ : /^curlws .*\(Bun/);
    const none = run({ PATH: "", CURLWS_RUNTIME: "another" });
    assertEquals(none.status, 1);
    assertMatch(none.stderr, /CURLWS_RUNTIME names "another", which is not there/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, { skip });

test("under Deno or Bun itself the wrapper is the command", () => {
  const args = deno ? ["run", "-A", "--no-check", wrapper, "--version"] : [wrapper, "--version"];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assertEquals([status, /^curlws \d/.test(stdout)], [0, true]);
});
