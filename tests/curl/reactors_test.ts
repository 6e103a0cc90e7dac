import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { CurlWebSocket } from "../../mod.ts";
import { reactorOf } from "../../src/curl/reactors.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { message, next, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const noEpoll = runtime().os === "linux" ? undefined : "there is no epoll";

/**
 * Twenty connections, more than the array is for, in a process where calls of epoll may fail: `fails` is a function of the
 * name, the arguments and the count. Returns how many messages were echoed, and whether epoll failed, was used, or was not.
 */
async function echoTwenty(fails: string, env: Record<string, string>): Promise<string> {
  await using server = await WsServer.start();
  const module = new URL("../../src/platform/ffi.ts", import.meta.url).href;
  return await runScript(
    server.url("/echo"),
    `const { ffi, setFfi } = await import(${JSON.stringify(module)});
    const { default: process } = await import("node:process");
    const fails = ${fails};
    const real = ffi(), calls = {};
    let failures = 0;
    const around = (symbols, name) => (...args) => {
      calls[name] = (calls[name] ?? 0) + 1;
      if (!fails(name, args, calls[name])) return symbols[name](...args);
      failures++;
      return -1;
    };
    setFfi({ ...real, open(path, table) {
      const symbols = real.open(path, table);
      if (!("epoll_ctl" in table)) return symbols;
      return Object.fromEntries(Object.keys(table).map((name) => [name, around(symbols, name)]));
    } });
    const sockets = Array.from({ length: 20 }, () => new CurlWebSocket(url));
    const next = (socket, type) => new Promise((resolve, reject) => {
      socket["on" + type] = resolve;
      socket.onclose = reject;
    });
    await Promise.all(sockets.map((socket) => next(socket, "open")));
    let right = 0;
    for (let round = 0; round < 3; round++) {
      const answers = sockets.map((socket) => next(socket, "message"));
      sockets.forEach((socket, i) => socket.send(round + " " + i));
      (await Promise.all(answers)).forEach(({ data }, i) => right += data === round + " " + i ? 1 : 0);
    }
    console.log(right, failures > 0 ? "epoll failed" : "epoll_wait" in calls ? "epoll was used" : "epoll was not used");
    process.exit();`,
    { env },
  );
}

for (
  const [name, fails, expected] of [
    ["the array gives way to epoll as sockets come", "() => false", "60 epoll was used"],
    ["if no epoll can be made, the array serves twenty sockets", 'name === "epoll_create1"', "60 epoll failed"],
    ["if epoll takes no socket, the array serves them", 'name === "epoll_ctl" && op === 1', "60 epoll failed"],
    [
      "Bun: if a gate never opens, the array serves twenty sockets",
      'name === "epoll_ctl" && op === 3',
      "60 epoll failed",
    ],
    [
      "Bun: if a gate no longer opens, the array serves them from there on",
      'name === "epoll_ctl" && op === 3 && call > 20',
      "60 epoll failed",
    ],
    [
      "if epoll takes no fifteenth socket, the array serves them from there on",
      'name === "epoll_ctl" && op === 1 && call > 14',
      "60 epoll failed",
    ],
  ] as const
) {
  const when = fails.startsWith("(") ? fails : `(name, [, op], call) => ${fails}`;
  const skip = name.startsWith("Bun") && runtime().name !== "bun" ? "no thread stands at a gate" : noEpoll;
  const env: Record<string, string> = name.startsWith("Bun") ? { CURLWS_IO_URING: "0" } : {};
  test(name, async () => assertEquals(await echoTwenty(when, env), expected), { skip });
}

test("two Workers have reactors of their own", async () => {
  await using server = await WsServer.start();
  const run = async () => {
    const worker = new Worker(new URL("../support/worker_client.ts", import.meta.url).href, { type: "module" });
    const answer = next<MessageEvent>(worker, "message");
    worker.postMessage(server.url("/echo"));
    const { data } = await answer;
    worker.terminate();
    return data;
  };
  assertEquals(await Promise.all([run(), run()]), ["from a Worker", "from a Worker"]);
});

test("the iterator pauses reading at highWaterMark and misses nothing", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/push?count=300&size=65536"), { highWaterMark: 200_000 });
  socket.binaryType = "arraybuffer";
  const messages = socket[Symbol.asyncIterator]();
  let count = 0, paused = 0;
  for await (const data of messages) {
    assertEquals(new Uint8Array(data as ArrayBuffer)[0], count & 0xff);
    if (++count === 300) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (socket.isPaused) paused++;
  }
  assertEquals(count, 300);
  assert(paused > 0, "reading was never paused");
});

test("a dense stream takes many messages a wake-up, unless maxReceiveDelay is 0", async () => {
  await using server = await RawServer.start();
  const wakeups = async (maxReceiveDelay: number) => {
    const socket = new CurlWebSocket(server.url(), { maxReceiveDelay });
    let count = 0;
    const all = new Promise<void>((resolve) => {
      socket.onmessage = () => {
        if (++count === 1500) resolve();
      };
    });
    const peer = await server.connection();
    await peer.accept();
    const reactor = reactorOf(loadCurl());
    const before = reactor.wakeups;
    for (let sent = 0; sent < 1500; sent++) {
      await peer.send(frame(Opcode.text, "x"));
      // Some 5,000 a second, on the loop that receives them: each is alone in its packet.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    socket.terminate();
    return reactor.wakeups - before;
  };
  const moderated = await wakeups(1), immediate = await wakeups(0);
  assert(moderated < 500, `${moderated} wake-ups`);
  assert(immediate > 0);
});

test("a slow handler on one socket does not keep the messages of another back", async () => {
  await using server = await RawServer.start();
  const slow = new CurlWebSocket(server.url()), other = new CurlWebSocket(server.url());
  const open = Promise.all([opened(slow), opened(other)]);
  const first = await server.connection(), second = await server.connection();
  await Promise.all([first.accept(), second.accept()]);
  const order: string[] = [];
  const done = new Promise<void>((resolve) => {
    const listen = (socket: CurlWebSocket, name: string, busy: number) => {
      socket.onmessage = () => {
        order.push(name);
        for (const end = performance.now() + busy; performance.now() < end;);
        if (order.length === 220) resolve();
      };
    };
    listen(slow, "slow", 3);
    listen(other, "other", 0);
  });
  // Whichever of the two was accepted first: both get all of theirs at once.
  const burst = (count: number) =>
    new Uint8Array(Array.from({ length: count }, () => [...frame(Opcode.text, "x")]).flat());
  await open;
  await first.send(burst(110));
  await second.send(burst(110));
  await done;
  // A turn ends after some milliseconds, whatever else is there: the other one's come long before the slow one is done.
  const lastOther = order.lastIndexOf("other"),
    slowBefore = order.slice(0, lastOther).filter((name) => name === "slow");
  assert(slowBefore.length < 30, `${slowBefore.length} messages of the slow one came first`);
  for (const socket of [slow, other]) socket.terminate();
});

test("nothing happens any more when a dense stream has ended", async () => {
  await using server = await RawServer.start();
  // More than 2.5 messages come within it, also where a timer of 1 ms takes 2.
  const socket = new CurlWebSocket(server.url(), { maxReceiveDelay: 20 });
  let count = 0;
  socket.onmessage = () => count++;
  const peer = await server.connection();
  await peer.accept();
  const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const reactor = reactorOf(loadCurl());
  for (let sent = 0; sent < 100; sent++) {
    await peer.send(frame(Opcode.text, "x"));
    await wait(1);
  }
  await wait(200);
  assertEquals(count, 100);
  const { turns, wakeups } = reactor;
  assert(turns > wakeups, "the stream was not dense");
  await wait(300);
  assertEquals(reactor.turns - turns, 0);
  socket.terminate();
});

test("messages of sockets with and without maxReceiveDelay all come, and answers too", async () => {
  await using server = await WsServer.start();
  const sockets = [0, 1, 5].map((maxReceiveDelay) => new CurlWebSocket(server.url("/echo"), { maxReceiveDelay }));
  await Promise.all(sockets.map(opened));
  for (let round = 0; round < 200; round++) {
    for (const socket of sockets) socket.send(String(round));
    assertEquals(await Promise.all(sockets.map(message)), sockets.map(() => String(round)));
  }
  for (const socket of sockets) socket.terminate();
});

test("bytes that wait for their turn are told though the socket is found writable", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false });
  const { socket, peer } = pair;
  const COUNT = 60, TOOK = 6;
  let came = 0;
  const all = new Promise<void>((resolve) => {
    socket.onmessage = () => {
      // Longer than a turn: the rest waits, while the peer reads, and more can be sent.
      for (const end = performance.now() + TOOK; performance.now() < end;);
      if (++came === COUNT) resolve();
    };
  });
  // More than the kernel takes at once.
  socket.send(new Uint8Array(8 << 20));
  await peer.send(Buffer.concat(Array.from({ length: COUNT }, (_, i) => frame(Opcode.text, `${i}`))));
  await all;
  assertEquals(came, COUNT);
});
