import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** Runs a script on this runtime, with `CurlWebSocket` and `url` in scope, and gives its output. */
async function run(url: string, script: string): Promise<string> {
  const module = new URL("../../mod.ts", import.meta.url).href;
  const source = `import { CurlWebSocket } from ${JSON.stringify(module)};\nconst url = ${
    JSON.stringify(url)
  };\n${script}`;
  const args = "Deno" in globalThis ? ["eval", source] : ["-e", source];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  return stdout.trim();
}

test("an open socket keeps the process alive, and unref() lets it end", async () => {
  await using server = await WsServer.start();
  const unref = await run(
    server.url("/echo"),
    `const socket = new CurlWebSocket(url); socket.onopen = () => { console.log("open"); socket.unref(); };`,
  );
  assertEquals(unref, "open");
  const ref = await run(
    server.url("/push?count=1"),
    `const socket = new CurlWebSocket(url); socket.unref(); socket.ref();
    socket.onmessage = () => socket.close(); socket.onclose = ({ code }) => console.log("closed", code);`,
  );
  assertEquals(ref, "closed 1005");
}, { timeout: 60_000 });

test("an exception in a handler is reported, and later messages are still delivered", async () => {
  await using server = await WsServer.start();
  const output = await run(
    server.url("/push?count=3"),
    `import process from "node:process";
    process.on("uncaughtException", (error) => console.log("caught", error.message));
    const socket = new CurlWebSocket(url);
    let count = 0;
    socket.onmessage = ({ data }) => { if (++count === 3) socket.close(); throw new Error(data); };
    socket.onclose = ({ code, wasClean }) => console.log("closed", count, code, wasClean);`,
  );
  const lines = output.split("\n");
  assertEquals(lines.filter((line) => line.startsWith("caught")), ["caught 0", "caught 1", "caught 2"]);
  assertEquals(lines.at(-1), "closed 3 1005 true");
}, { timeout: 60_000 });

test("the process ends by itself after the last socket has closed", async () => {
  await using server = await WsServer.start();
  const output = await run(
    server.url("/close?code=1000"),
    `new CurlWebSocket(url).onclose = ({ code }) => console.log("closed", code);`,
  );
  assertEquals(output, "closed 1000");
}, { timeout: 60_000 });

test("ending the process during a poll does not crash", async () => {
  await using server = await WsServer.start();
  const script =
    `const socket = new CurlWebSocket(url); socket.onopen = () => { console.log("open"); socket.unref(); };`;
  // Many at once: the process ends while the poll's thread is only starting, which is when it is easiest to go wrong.
  const outputs = await Promise.all(Array.from({ length: 16 }, () => run(server.url("/echo"), script)));
  assertEquals(outputs, Array.from({ length: 16 }, () => "open"));
}, { timeout: 60_000 });

test("terminating Workers with open sockets does not crash", async () => {
  await using server = await WsServer.start();
  const worker = new URL("../support/worker_holder.ts", import.meta.url).href;
  const output = await run(
    server.url("/flow"),
    `for (let round = 0; round < 8; round++) {
      const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
      const answer = new Promise((resolve) => worker.onmessage = resolve);
      worker.postMessage(url);
      await answer;
      worker.terminate();
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log("alive");
    process.exit();`,
  );
  assertEquals(output, "alive");
}, { timeout: 60_000 });
