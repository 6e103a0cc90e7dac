import { assert, assertEquals, assertMatch } from "@std/assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import process from "node:process";
import { closePayload, frame, Opcode } from "../../support/frames.ts";
import { RawServer } from "../../support/raw_server.ts";
import { WsServer } from "../../support/servers.ts";
import { test } from "../../support/testing.ts";
import { CLI, Running } from "../support.ts";

const MEGABYTE = 1024 * 1024;
/** What a kernel and the runtimes may hold between two programs, over loopback and a pipe; much less than what is offered. */
const BETWEEN = 40 * MEGABYTE;
const linux = process.platform === "linux" ? undefined : "memory is read from /proc";

/** The largest that the memory of a process ever was, in bytes. */
function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

/** Waits until a number has stood still for a while. */
async function settled(read: () => number): Promise<number> {
  for (let before = -1, same = 0;;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = read();
    same = now === before ? same + 1 : 0;
    if (same === 8) return now;
    before = now;
  }
}

test("a server that does not read pauses standard input, which is never in memory as a whole", async () => {
  await using server = await WsServer.start();
  await using running = Running.start(["-v", server.url("/slow-reader")], { piped: true });
  await running.until(({ err }) => err.includes("* open;"));
  const stdin = running.child.stdin!;
  const line = "x".repeat(65535) + "\n";
  let lines = 0, taken = 0, more = true;
  const feed = (async () => {
    while (more && lines < 6400) {
      lines++;
      if (!stdin.write(line, () => taken++)) await once(stdin, "drain");
    }
  })();
  const stopped = await settled(() => taken) * line.length;
  assert(stopped < BETWEEN, `${stopped} bytes were taken`);
  assert(peakMemory(running.child.pid!) < 200 * MEGABYTE);
  // It goes on, and all arrives: the server answers each line with its length.
  more = false;
  await server.resume();
  await feed;
  stdin.end();
  const { code, out } = await running.result;
  assertEquals([code, out], [0, "65535\n".repeat(lines)]);
}, { skip: linux, timeout: 30_000 });

test("if standard output is not read, the server is paused, and all messages arrive in the end", async () => {
  await using server = await RawServer.start();
  const [file = "", ...args] = CLI;
  const child = spawn(file, [...args, "--binary", "-n", "1500", server.url()], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const peer = await server.connection();
  await peer.accept();
  let sent = 0;
  const message = frame(Opcode.binary, new Uint8Array(65536).fill(7));
  const feed = (async () => {
    for (let count = 0; count < 1500; count++) {
      await peer.send(message);
      sent += message.length;
    }
    await peer.closeFrame();
    await peer.send(frame(Opcode.close, closePayload(1000)));
    peer.end();
  })();
  // Nobody reads child.stdout yet.
  const stopped = await settled(() => sent);
  assert(stopped < BETWEEN, `${stopped} bytes were taken`);
  assert(peakMemory(child.pid!) < 220 * MEGABYTE);
  let received = 0;
  child.stdout.on("data", (data: Uint8Array) => received += data.length);
  await feed;
  assertEquals((await exit)[0], 0);
  if (!child.stdout.readableEnded) await once(child.stdout, "end");
  assertEquals(received, 1500 * 65536);
}, { skip: linux, timeout: 30_000 });

test("if the reader of standard output is gone, curlws closes the connection and ends without an error", async () => {
  await using server = await WsServer.start();
  await using running = Running.start([server.url("/flow")]);
  await running.until(({ out }) => out.length > 0);
  running.child.stdout!.destroy();
  const { code, err } = await running.result;
  assertEquals([code, err], [0, ""]);
});

test("each line is sent and each message is printed at once, and --ping-interval sends pings", async () => {
  await using server = await RawServer.start();
  await using running = Running.start(["--ping-interval", "0.1", server.url()], { piped: true });
  const peer = await server.connection();
  await peer.accept();
  running.input("a\n", { end: false });
  assertMatch(new TextDecoder().decode((await peer.frame())!.payload), /^a$/);
  await peer.send(frame(Opcode.text, "b"));
  await running.until(({ out }) => out === "b\n");
  for (;;) {
    const { opcode, payload } = (await peer.frame())!;
    if (opcode !== Opcode.ping) continue;
    await peer.send(frame(Opcode.pong, payload));
    break;
  }
});
