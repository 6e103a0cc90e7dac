/** File descriptors: who has them, and until when. */
import { assertEquals } from "@std/assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { runtime } from "../../src/platform/runtime.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const skip = runtime().os === "linux" ? undefined : "there is no /proc";

/** For scripts. */
const LISTING = `
  const { readdirSync, readFileSync, readlinkSync } = await import("node:fs");
  const { default: process } = await import("node:process");
  const descriptors = () => readdirSync("/proc/self/fd");
  const opened = (socket) => new Promise((resolve, reject) => { socket.onopen = resolve; socket.onclose = reject; });`;

test("Workers that closed their sockets leave no descriptor", async () => {
  await using server = await WsServer.start();
  const worker = new URL("../support/worker_closer.ts", import.meta.url).href;
  const output = await runScript(
    server.url("/echo"),
    `${LISTING}
    const round = async () => {
      const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
      const answer = new Promise((resolve) => worker.onmessage = resolve);
      worker.postMessage(url);
      await answer;
      worker.terminate();
    };
    // What the runtime itself needs once.
    for (let i = 0; i < 3; i++) await round();
    const before = descriptors().length;
    for (let i = 0; i < 6; i++) await round();
    // A Worker's thread ends after terminate() has returned.
    for (let turn = 0; descriptors().length > before + 3 && turn < 500; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    console.log(descriptors().length - before <= 3 ? "none" : descriptors().length - before);
    process.exit();`,
  );
  assertEquals(output, "none");
}, { skip, timeout: 60_000 });

test("Bun: Workers that end themselves with open sockets leave no descriptor", async () => {
  await using server = await WsServer.start();
  const worker = new URL("../support/worker_exiter.ts", import.meta.url).href;
  const output = await runScript(
    server.url("/flow"),
    `${LISTING}
    const round = async () => {
      const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
      const end = new Promise((resolve) => worker.addEventListener("close", resolve));
      worker.postMessage(url);
      await end;
    };
    for (let i = 0; i < 3; i++) await round();
    const before = descriptors().length;
    for (let i = 0; i < 6; i++) await round();
    for (let turn = 0; descriptors().length > before && turn < 500; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    console.log(descriptors().length - before);
    process.exit();`,
  );
  assertEquals(output, "0");
}, {
  skip: skip ?? (runtime().name === "bun" ? undefined : "Deno does not tell a Worker of its end"),
  timeout: 60_000,
});

test("the thread's last close frees what waiting takes, and a new connection makes it anew", async () => {
  await using server = await WsServer.start();
  const script = `${LISTING}
    const close = (socket) => new Promise((resolve) => { socket.onclose = resolve; socket.close(); });
    const round = async (count) => {
      const sockets = Array.from({ length: count }, () => new CurlWebSocket(url));
      await Promise.all(sockets.map(opened));
      const most = descriptors().length;
      await Promise.all(sockets.map(close));
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
      return most;
    };
    await round(1);
    const before = descriptors().length;
    const most = await round(12);
    console.log(most > before + 12, descriptors().length - before);
    console.log(await round(1) > before, descriptors().length - before);
    process.exit();`;
  // Deno makes a pair of sockets of its own once, in the first second of a process: what is ours is left each time.
  let output = "";
  for (let time = 0; time < 4 && output !== "true 0\ntrue 0"; time++) {
    output = await runScript(server.url("/echo"), script);
  }
  assertEquals(output, "true 0\ntrue 0");
}, { skip, timeout: 60_000 });

test("every descriptor of a connection, and of what waits for it, is close-on-exec", async () => {
  await using server = await WsServer.start();
  await using secure = await WsServer.start({ tls: true });
  const output = await runScript(
    server.url("/echo"),
    `${LISTING}
    // One low number is free, and the next free one is far from it.
    const { openSync, closeSync } = await import("node:fs");
    closeSync(Array.from({ length: 60 }, () => openSync("/dev/null")).at(0));
    const before = new Set(descriptors());
    const urls = Array.from({ length: 10 }, () => url).concat(${JSON.stringify(secure.url("/echo"))});
    await Promise.all(urls.map((url) => opened(new CurlWebSocket(url, { tls: { verify: false } }))));
    const added = descriptors().filter((fd) => !before.has(fd)).flatMap((fd) => {
      try {
        const O_CLOEXEC = 0o2000000;
        const flags = parseInt(/^flags:\\s*(\\d+)/m.exec(readFileSync("/proc/self/fdinfo/" + fd, "utf8"))[1], 8);
        return [{ to: readlinkSync("/proc/self/fd/" + fd), inherited: (flags & O_CLOEXEC) === 0 }];
      } catch {
        return []; // the listing's own
      }
    });
    console.log(added.length > 11, added.some(({ to }) => to.includes("eventpoll")), JSON.stringify(added.filter(({ inherited }) => inherited)));
    process.exit();`,
  );
  assertEquals(output, "true true []");
}, { skip, timeout: 60_000 });

test("a child process does not hold the connection", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const child = spawn("cat", { stdio: ["pipe", "ignore", "ignore"] });
  try {
    await once(child, "spawn");
    socket.terminate();
    await peer.ended();
  } finally {
    const exit = once(child, "exit");
    child.stdin.end();
    await exit;
  }
}, { skip: runtime().os === "windows" ? "there is no cat" : undefined });

test("Deno: a program that ends, though its process goes on, closes its connections", async () => {
  await using server = await RawServer.start();
  const module = new URL("../../mod.ts", import.meta.url).href;
  // As `deno run --watch` does before it starts the program anew.
  const script = `import { CurlWebSocket } from ${JSON.stringify(module)};
    const socket = new CurlWebSocket(${JSON.stringify(server.url())});
    socket.onopen = () => dispatchEvent(new Event("unload"));
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ["eval", script], { stdio: "ignore" });
  const exit = once(child, "exit");
  try {
    const peer = await server.connection();
    await peer.accept();
    await peer.ended();
    assertEquals(child.exitCode, null);
  } finally {
    child.kill();
    await exit;
  }
}, { skip: runtime().name === "deno" ? undefined : "Bun starts a process anew", timeout: 60_000 });
