/** `drained()`, `receive()` and `ping()` as promises. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { CurlWebSocket, CurlWebSocketError, WebSocketError } from "../../mod.ts";
import { closed as closeEvent, next } from "../support/events.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { closedPort } from "../support/raw_server.ts";
import { codeOf, failureOf } from "../support/rejections.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** More than the kernel takes for a peer that does not read, bytes: 4 MiB on Linux by default. */
const BIG = 12 << 20;

test("drained() resolves at once if no more than the limit waits, else when it has left", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false });
  const { socket, peer } = pair;
  await socket.drained();
  peer.pause();
  socket.send(new Uint8Array(BIG));
  const all = socket.drained();
  const half = socket.drained(BIG / 2).then(() => socket.bufferedAmount);
  await socket.drained(BIG);
  assert(socket.bufferedAmount > 0);
  peer.resume();
  assert(await half <= BIG / 2);
  await all;
  assertEquals(socket.bufferedAmount, 0);
}, { timeout: 30_000 });

test("drained() looks again when the task has ended: what went out in it counts until then", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false });
  const { socket, peer } = pair;
  peer.pause();
  socket.send(new Uint8Array(BIG));
  assertEquals(socket.bufferedAmount, BIG);
  // The kernel has taken some, and takes no more.
  await socket.drained(BIG - 1);
  assert(socket.bufferedAmount < BIG);
});

test("drained() waits for Blobs, and for messages behind them", async () => {
  await using server = await WsServer.start();
  await using socket = await new CurlWebSocket(server.url("/echo")).opened;
  const echoes = [socket.receive(), socket.receive()];
  socket.send(new Blob(["one"]));
  socket.send("two");
  assertEquals(socket.bufferedAmount, 6);
  await socket.drained();
  assertEquals(socket.bufferedAmount, 0);
  const [blob, text] = await Promise.all(echoes);
  assertEquals([await (blob as Blob).text(), text], ["one", "two"]);
});

test("drained() rejects when the connection ends before, with its error or the close code", async () => {
  for (const how of ["terminate", "close frame", "reset while reading is paused"] as const) {
    await using pair = await Pair.open({ perMessageDeflate: false, closeTimeout: 100 });
    const { socket, peer } = pair;
    peer.pause();
    if (how === "reset while reading is paused") socket.pause();
    socket.send(new Uint8Array(BIG));
    const drained = socket.drained();
    if (how === "terminate") socket.terminate();
    if (how === "close frame") await pair.close(1001, "away");
    if (how === "reset while reading is paused") peer.reset();
    const error = await failureOf(drained);
    if (how === "reset while reading is paused") {
      assertInstanceOf(error, CurlWebSocketError);
      assertEquals(error.code, "ERR_CONNECTION_LOST");
      socket.terminate();
    } else if (how === "terminate") {
      assertInstanceOf(error, WebSocketError);
      assertEquals(error.closeCode, 1006);
    }
    await socket.closed;
    await assertRejects(() => socket.drained());
    await socket.drained(2 * BIG);
  }
}, { timeout: 30_000 });

test("drained() can be given up by time and by signal", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false });
  const { socket, peer } = pair;
  peer.pause();
  socket.send(new Uint8Array(BIG));
  const all = socket.drained();
  assertEquals((await failureOf(socket.drained(0, { timeout: 5 })) as DOMException).name, "TimeoutError");
  assertEquals(await failureOf(socket.drained(0, { signal: AbortSignal.abort("no") })), "no");
  const controller = new AbortController();
  const given = socket.drained(1000, { signal: controller.signal });
  controller.abort("enough");
  assertEquals(await failureOf(given), "enough");
  peer.resume();
  await all;
  assertThrows(() => socket.drained(-1), RangeError, "limit must be from 0");
  assertThrows(() => socket.drained(0, { timeout: -1 }), RangeError, "timeout must be from 0");
}, { timeout: 30_000 });

const text = (...list: string[]) => Buffer.concat(list.map((each) => frame(Opcode.text, each)));

test("receive() gets one message after another, and in the end rejects with the close code, or the error each time", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const two = [socket.receive(), socket.receive()];
  await peer.send(Buffer.concat([text("one", "two", "three"), frame(Opcode.close, closePayload(1001, "away"))]));
  peer.end();
  assertEquals(await Promise.all(two), ["one", "two"]);
  await closeEvent(socket);
  assertEquals(await socket.receive(), "three");
  for (let i = 0; i < 2; i++) {
    const error = await failureOf(socket.receive());
    assertInstanceOf(error, WebSocketError);
    assertEquals([error.closeCode, error.reason], [1001, "away"]);
  }
  const refused = new CurlWebSocket(`ws://127.0.0.1:${await closedPort()}`);
  assertEquals(await codeOf(refused.receive()), "ERR_CONNECT_REFUSED");
  assertEquals(await codeOf(refused.receive()), "ERR_CONNECT_REFUSED");
});

test("receive() that is given up loses no message, and leaves nothing behind", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  assertEquals((await failureOf(socket.receive({ timeout: 5 })) as DOMException).name, "TimeoutError");
  const controller = new AbortController(), { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    },
    removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    },
  });
  const given = Array.from({ length: 100 }, () => socket.receive({ signal }));
  const last = socket.receive();
  assertEquals(listeners, 100);
  controller.abort("enough");
  assertEquals(new Set(await Promise.all(given.map(failureOf))), new Set(["enough"]));
  await null;
  assertEquals(listeners, 0);
  await peer.send(text("one", "two"));
  assertEquals([await last, await socket.receive({ timeout: 10_000 })], ["one", "two"]);
  const event = next(socket, "message");
  await peer.send(text("three"));
  await event;
  // It waits already, and who has given up before takes none.
  assertEquals(await failureOf(socket.receive({ signal })), "enough");
  assertEquals(await socket.receive({ timeout: 1 }), "three");
  // deno-lint-ignore no-explicit-any -- what no type allows
  assertThrows(() => socket.receive({ timeouts: 1 } as any), TypeError, "unknown option timeouts");
});

test("receive() that is given up in the turn in which its message comes gets the message", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const controller = new AbortController();
  const received = socket.receive({ signal: controller.signal });
  socket.onmessage = () => controller.abort();
  await peer.send(text("one"));
  assertEquals(await received, "one");
});

test("receive() beside a listener gets each message too, and beside a loop shares them", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const heard: unknown[] = [];
  socket.onmessage = ({ data }) => heard.push(data);
  const first = socket.receive();
  const loop = (async () => {
    for await (const data of socket) if (data !== "two") return data;
  })();
  await peer.send(text("one", "two", "three"));
  assertEquals([await first, await loop], ["one", "three"]);
  assertEquals(heard, ["one", "two", "three"]);
});

test("receive() pauses reading while as much waits as the loop lets wait", async () => {
  await using pair = await Pair.open({ highWaterMark: 1000 });
  const { socket, peer } = pair;
  const first = socket.receive();
  await peer.send(text(...Array.from({ length: 40 }, (_, i) => `${i}`)));
  assertEquals(await first, "0");
  for (let i = 1; i < 40; i++) assertEquals(await socket.receive(), `${i}`);
  assertEquals(socket.isPaused, false);
});

test("ping() resolves with the time to its pong, also of a Blob", async () => {
  await using server = await WsServer.start();
  await using socket = await new CurlWebSocket(server.url("/echo")).opened;
  const time = await socket.ping();
  assert(time > 0 && time < 10_000, String(time));
  assert(Math.abs(time - socket.roundTripTime!) < 100);
  assert(await socket.ping(new Blob(["blob"])) > 0);
  assert(await socket.ping("last", { timeout: 10_000, signal: new AbortController().signal }) > 0);
});

test("a pong resolves its ping and those before it, the first of two that are alike, and not the heartbeat's", async () => {
  await using pair = await Pair.open({ pingInterval: 10_000 });
  const { socket, peer } = pair;
  const log: string[] = [];
  const ping = (data: string, name: string) => socket.ping(data).then(() => log.push(name));
  const pings = [ping("a", "first a"), ping("b", "b"), ping("a", "second a")];
  for (let i = 0; i < 3; i++) await peer.frame();
  const pongs = async (data: string) => {
    const event = next(socket, "pong");
    await peer.send(frame(Opcode.pong, data));
    await event;
    await null;
    return log.join();
  };
  assertEquals(await pongs("unknown"), "");
  assertEquals(await pongs("a"), "first a");
  assertEquals(await pongs("a"), "first a,b,second a");
  await Promise.all(pings);
});

test("ping() that is given up leaves its pong to itself: that of a later ping is not taken for it", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  assertEquals((await failureOf(socket.ping("", { timeout: 5 })) as DOMException).name, "TimeoutError");
  assertEquals(await failureOf(socket.ping("", { signal: AbortSignal.abort("no") })), "no");
  let isThere = false;
  const second = socket.ping().then(() => isThere = true);
  assertEquals([(await peer.frame())?.opcode, (await peer.frame())?.opcode], [Opcode.ping, Opcode.ping]);
  const first = next(socket, "pong");
  await peer.send(frame(Opcode.pong));
  await first;
  await null;
  assertEquals(isThere, false);
  await peer.send(frame(Opcode.pong));
  await second;
});

test("ping() rejects with the connection's end, after 64 more without a pong, and throws what it always threw", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const pings = Array.from({ length: 65 }, () => socket.ping());
  assertEquals(await codeOf(pings[0]!), "ERR_PING_TIMEOUT");
  assertThrows(() => socket.ping("x".repeat(126)), DOMException);
  const blob = socket.ping(new Blob(["late"]));
  socket.terminate();
  assertEquals(await codeOf(pings[1]!), "ERR_PING_TIMEOUT");
  for (const ping of [pings[2]!, pings[64]!, blob]) assertInstanceOf(await failureOf(ping), WebSocketError);
  assertThrows(() => socket.ping(), DOMException, "ping() needs an open connection");
});
