/** `npm start -- URL`: a server's messages, and what they cost. */
import { assertEquals, assertMatch } from "@std/assert";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Running } from "../cli/support.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

test("the demo with a URL shows texts and the sizes of binary messages, and nothing moves the cursor", async () => {
  await using server = await RawServer.start();
  const demo = fileURLToPath(new URL("../../bench/demo.ts", import.meta.url));
  const command = [process.execPath, ...("Deno" in globalThis ? ["run", "-A", "--no-check"] : ["run"]), demo];
  await using running = Running.start([server.url("/p?hunter2").replace("//", "//joe:hunter2@")], { command });
  const peer = await server.connection();
  await peer.accept();
  await peer.send(frame(Opcode.binary, new Uint8Array(300)));
  await peer.send(frame(Opcode.text, "a\nb\x1b[2J\u202e"));
  await peer.send(frame(Opcode.close, closePayload(1000, "do\x1b[2Jne")));
  peer.end();
  const { code, out, err } = await running.result;
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^connected to ws:\/\/127\.0\.0\.1:\d+\/p\?…\n\[binary, 300 bytes\]\na b\\x1b\[2J\\u202e\n/);
  assertMatch(out, /closed, code 1000 \(do\\x1b\[2Jne\)/);
});
