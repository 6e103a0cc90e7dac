import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { CurlWebSocket, libcurl } from "../../mod.ts";
import { Reactor, type ReadySetKind } from "../../src/reactor/reactor.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { closed, message, next, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** Twenty connections on a reactor of their own: one a library name. */
async function echoOn(kind: ReadySetKind, library: string): Promise<void> {
  await using server = await WsServer.start();
  Reactor.kind = kind;
  try {
    const sockets = Array.from({ length: 20 }, () => new CurlWebSocket(server.url("/echo"), { library }));
    await Promise.all(sockets.map(opened));
    for (let round = 0; round < 3; round++) {
      const answers = sockets.map(message);
      for (const [i, socket] of sockets.entries()) socket.send(`${round} ${i}`);
      assertEquals(await Promise.all(answers), sockets.map((_, i) => `${round} ${i}`));
    }
    const ends = sockets.map(closed);
    for (const socket of sockets) socket.close(1000);
    assert((await Promise.all(ends)).every(({ wasClean }) => wasClean));
  } finally {
    Reactor.kind = "auto";
  }
}

/** Other names of the same file, so that each test has a fresh reactor. */
const { path } = libcurl();
const file = path.includes("/") ? path : `/usr/lib/x86_64-linux-gnu/${path}`;
const name = file.split("/").at(-1)!, folder = file.slice(0, -name.length);
const skip = opens() ? undefined : `where ${path} lies is not known`;

function opens(): boolean {
  try {
    return libcurl(file).version !== "";
  } catch {
    return false;
  }
}

test("twenty sockets in an array of curl_waitfds", () => echoOn("array", `${folder}/${name}`), { skip });
test("twenty sockets in a kernel queue from the start", () => echoOn("queue", `${folder}./${name}`), { skip });
test("the array gives way to a queue as sockets come", () => echoOn("auto", `${folder}././${name}`), { skip });

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
    const reactor = Reactor.of(loadCurl());
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
  const socket = new CurlWebSocket(server.url());
  let count = 0;
  socket.onmessage = () => count++;
  const peer = await server.connection();
  await peer.accept();
  const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const reactor = Reactor.of(loadCurl());
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
