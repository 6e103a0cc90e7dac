import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CurlWebSocket, type Sendable } from "../../mod.ts";
import { closed, domException, failed, opened } from "../support/events.ts";
import { Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { type RawConnection, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** The next message at the peer: text, or the list of its bytes. */
async function received(peer: RawConnection): Promise<string | number[]> {
  const { opcode, payload } = (await peer.frame())!;
  if (opcode === Opcode.text) return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
  assertEquals(opcode, Opcode.binary);
  return [...payload];
}

function detach(buffer: ArrayBuffer): void {
  structuredClone(buffer, { transfer: [buffer] });
}

test("send(): strings are sent as UTF-8, a lone surrogate as U+FFFD", async () => {
  await using pair = await Pair.open();
  const strings = ["", "a", "\0", "ü", "中", "🎉", "\ufeffbom", "\ufffd", "a\r\nb"];
  for (const text of strings) pair.socket.send(text);
  for (const text of strings) assertEquals(await received(pair.peer), text);
  for (const text of ["\ud800", "a\udc00b", "\udc00\ud800", "\ud83c\ud83c\udf89"]) {
    pair.socket.send(text);
    assertEquals(await received(pair.peer), text.toWellFormed());
  }
});

test("send(): a value that is neither a buffer nor a Blob is sent as its string", async () => {
  await using pair = await Pair.open();
  const values = [1, -0, NaN, true, null, undefined, 10n, {}, [1, [2]], { toString: () => "own" }, new String("s")];
  for (const value of values) {
    pair.socket.send(value as Sendable);
    assertEquals(await received(pair.peer), `${value}`);
  }
  for (const value of [new URL("ws://example.test"), () => 1, { byteLength: 3 }]) {
    pair.socket.send(value as unknown as Sendable);
    assertEquals(await received(pair.peer), String(value));
  }
});

test("send(): an exception in a conversion is thrown on, and nothing is sent", async () => {
  await using pair = await Pair.open();
  const error = new Error("own");
  const thrower = {
    toString(): string {
      throw error;
    },
  };
  assertStrictEquals(assertThrows(() => pair.socket.send(thrower as unknown as Sendable)), error);
  assertThrows(() => pair.socket.send(Symbol("s") as unknown as Sendable), TypeError);
  assertThrows(() => pair.socket.send(Object.create(null) as Sendable), TypeError);
  assertEquals(pair.socket.bufferedAmount, 0);
  pair.socket.send("next");
  assertEquals(await received(pair.peer), "next");
});

test("send(): a call without an argument is a TypeError in each state", async () => {
  const send = (socket: CurlWebSocket) => assertThrows(() => Reflect.apply(socket.send, socket, []), TypeError);
  const connecting = new CurlWebSocket("ws://example.test/");
  send(connecting);
  connecting.close();
  send(connecting);
  await closed(connecting);
  send(connecting);
  await using pair = await Pair.open();
  send(pair.socket);
});

test("send(): while CONNECTING each kind of data is an InvalidStateError, and is not counted", async () => {
  const socket = new CurlWebSocket("ws://example.test/");
  const failure = failed(socket);
  for (const data of ["", "text", new ArrayBuffer(1), new Uint8Array(1), new Blob(["x"])]) {
    assertEquals(domException(() => socket.send(data)), "InvalidStateError");
  }
  assertEquals(socket.bufferedAmount, 0);
  // Web IDL converts arguments before the method looks at its state.
  let calls = 0;
  const data = { toString: () => `${++calls}` };
  assertEquals(domException(() => socket.send(data as unknown as Sendable)), "InvalidStateError");
  assertEquals(calls, 1);
  socket.close();
  await failure;
});

test("send(): the state is checked after the data is converted", async () => {
  await using pair = await Pair.open();
  const data = {
    toString(): string {
      pair.socket.close();
      return "late";
    },
  };
  pair.socket.send(data as unknown as Sendable);
  assertEquals((await pair.peer.frame())?.opcode, Opcode.close);
  assertEquals(pair.socket.bufferedAmount, 4);
});

test("send(): an ArrayBuffer is sent whole, and each kind of view sends its own part of it", async () => {
  await using pair = await Pair.open();
  const { buffer } = Uint8Array.from({ length: 32 }, (_, index) => index);
  pair.socket.send(buffer);
  assertEquals(await received(pair.peer), [...new Uint8Array(buffer)]);
  const kinds = [
    ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
    ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
  ];
  for (const Kind of kinds) {
    pair.socket.send(new Kind(buffer, 8, 2));
    const end = 8 + 2 * Kind.BYTES_PER_ELEMENT;
    assertEquals(await received(pair.peer), [...new Uint8Array(buffer, 8, end - 8)], Kind.name);
  }
  pair.socket.send(new DataView(buffer, 3, 5));
  assertEquals(await received(pair.peer), [3, 4, 5, 6, 7]);
  pair.socket.send(new DataView(buffer, 32));
  assertEquals(await received(pair.peer), []);
});

test("send(): a SharedArrayBuffer and its views are sent as bytes (the standard would refuse them)", async () => {
  await using pair = await Pair.open();
  const shared = new SharedArrayBuffer(4);
  new Uint8Array(shared).set([1, 2, 3, 4]);
  pair.socket.send(shared);
  assertEquals(await received(pair.peer), [1, 2, 3, 4]);
  pair.socket.send(new Uint8Array(shared, 1, 2));
  assertEquals(await received(pair.peer), [2, 3]);
});

test("send(): a resizable buffer is sent with its current length (the standard would refuse it)", async () => {
  await using pair = await Pair.open();
  const buffer = new ArrayBuffer(4, { maxByteLength: 8 });
  const tracking = new Uint8Array(buffer), fixed = new Uint8Array(buffer, 2, 2), view = new DataView(buffer, 2, 2);
  tracking.set([1, 2, 3, 4]);
  pair.socket.send(buffer);
  assertEquals(await received(pair.peer), [1, 2, 3, 4]);
  buffer.resize(6);
  pair.socket.send(tracking);
  assertEquals(await received(pair.peer), [1, 2, 3, 4, 0, 0]);
  buffer.resize(3);
  for (const [data, bytes] of [[tracking, [1, 2, 3]], [fixed, []], [view, []]] as const) {
    pair.socket.send(data);
    assertEquals(await received(pair.peer), [...bytes]);
  }
  buffer.resize(0);
  pair.socket.send(buffer);
  assertEquals(await received(pair.peer), []);
});

test("send(): a detached buffer and its views are empty messages", async () => {
  await using pair = await Pair.open();
  const buffer = new ArrayBuffer(4);
  const views = [new Uint8Array(buffer, 1), new Float32Array(buffer), new DataView(buffer, 1, 2)];
  detach(buffer);
  for (const data of [buffer, ...views]) {
    pair.socket.send(data);
    assertEquals(await received(pair.peer), []);
  }
  assertEquals(pair.socket.bufferedAmount, 0);
});

test("send(): later changes to a buffer do not matter, not even if it is queued behind a Blob", async () => {
  await using pair = await Pair.open();
  for (const blob of [false, true]) {
    const changed = Uint8Array.of(1, 2), detached = Uint8Array.of(3, 4);
    if (blob) pair.socket.send(new Blob([Uint8Array.of(0)]));
    pair.socket.send(changed);
    pair.socket.send(detached);
    changed.fill(9);
    detach(detached.buffer);
    if (blob) assertEquals(await received(pair.peer), [0]);
    assertEquals([await received(pair.peer), await received(pair.peer)], [[1, 2], [3, 4]]);
  }
});

test("send(): Blobs, Files and the data sent between them keep their order", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  socket.send("0");
  socket.send(new Blob([]));
  socket.send(new Blob([new Uint8Array(100_000).fill(1)], { type: "text/plain" }));
  socket.send(Uint8Array.of(2));
  socket.send(new File(["3"], "name.txt"));
  socket.send("4");
  socket.send(new Blob(["x5y"]).slice(1, 2));
  socket.close(3001, "end");
  assertEquals(await received(peer), "0");
  assertEquals(await received(peer), []);
  const large = await received(peer);
  assertEquals([large.length, large[0], large.at(-1)], [100_000, 1, 1]);
  assertEquals(await received(peer), [2]);
  assertEquals(await received(peer), [..."3"].map((char) => char.charCodeAt(0)));
  assertEquals(await received(peer), "4");
  assertEquals(await received(peer), [..."5"].map((char) => char.charCodeAt(0)));
  assertEquals((await peer.frame())?.opcode, Opcode.close);
});

test("send(): a Blob that cannot be read fails the connection; its bytes stay counted", async () => {
  await using pair = await Pair.open();
  const blob = new Blob(["unreadable"]);
  blob.arrayBuffer = () => Promise.reject(new Error("gone"));
  const failure = failed(pair.socket);
  pair.socket.send(blob);
  const { error, close } = await failure;
  assertEquals([error.code, (error.cause as Error).message], ["ERR_ABORTED", "gone"]);
  assertEquals([close.code, close.wasClean], [1006, false]);
  assertEquals(pair.socket.bufferedAmount, 10);
});

test("send(): data sent in the open event is the first frame", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  socket.onopen = () => socket.send("first");
  const open = opened(socket);
  const peer = await server.connection();
  await peer.accept();
  await open;
  assertEquals(await received(peer), "first");
  socket.terminate();
});
