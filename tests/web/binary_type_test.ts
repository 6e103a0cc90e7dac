import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Buffer } from "node:buffer";
import { CurlWebSocket } from "../../mod.ts";
import { message } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

test("binaryType is initially blob, and can be set to arraybuffer in each state", async () => {
  const socket = new CurlWebSocket("ws://example.test/");
  assertEquals(socket.binaryType, "blob");
  socket.binaryType = "arraybuffer";
  assertEquals(socket.binaryType, "arraybuffer");
  socket.close();
  socket.binaryType = "blob";
  assertEquals(socket.binaryType, "blob");
  await new Promise((resolve) => socket.onclose = resolve);
  socket.binaryType = "arraybuffer";
  assertEquals(socket.binaryType, "arraybuffer");
});

test("binaryType is converted to a string, and other values are ignored without an exception", () => {
  const socket = new CurlWebSocket("ws://example.test/");
  socket.close();
  Reflect.set(socket, "binaryType", { toString: () => "arraybuffer" });
  assertEquals(socket.binaryType, "arraybuffer");
  for (const value of ["", "Blob", "BLOB", "blob ", "Nodebuffer", "uint8array", null, undefined, 0, {}, false]) {
    Reflect.set(socket, "binaryType", value);
    assertEquals(socket.binaryType, "arraybuffer");
  }
  assertThrows(() => Reflect.set(socket, "binaryType", Symbol("blob")), TypeError);
  Reflect.set(socket, "binaryType", ["blob"]);
  assertEquals(socket.binaryType, "blob");
});

test("binaryType applies when a message is delivered, and can change between two messages", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const got: string[] = [];
  const done = Promise.withResolvers<void>();
  socket.onmessage = ({ data }) => {
    got.push(Object.prototype.toString.call(data));
    socket.binaryType = socket.binaryType === "blob" ? "arraybuffer" : "blob";
    if (got.length === 40) done.resolve();
  };
  const packet = Array.from({ length: 40 }, (_, index) => [...frame(Opcode.binary, Uint8Array.of(index))]).flat();
  await peer.send(new Uint8Array(packet));
  await done.promise;
  assertEquals(got, Array.from({ length: 40 }, (_, i) => i % 2 === 0 ? "[object Blob]" : "[object ArrayBuffer]"));
});

test("a Blob has exactly the message's bytes and an empty type", async () => {
  await using pair = await Pair.open();
  for (const size of [0, 1, 126, 70_000]) {
    const bytes = new Uint8Array(size).map((_, index) => index * 7);
    const got = message(pair.socket);
    await pair.peer.send(frame(Opcode.binary, bytes));
    const data = await got;
    assertInstanceOf(data, Blob);
    assertStrictEquals(Object.getPrototypeOf(data), Blob.prototype);
    assertEquals([data.size, data.type], [size, ""]);
    assertEquals(new Uint8Array(await data.arrayBuffer()), bytes);
  }
});

test("an ArrayBuffer is exactly as long as the message, whole or in fragments, and no part of a larger one", async () => {
  await using pair = await Pair.open();
  pair.socket.binaryType = "arraybuffer";
  for (const size of [0, 1, 125, 126, 5000, 65_535, 65_536, 70_000]) {
    const bytes = new Uint8Array(size).map((_, index) => index * 7);
    const half = size >> 1;
    for (
      const packets of [
        [frame(Opcode.binary, bytes)],
        [
          frame(Opcode.binary, bytes.subarray(0, half), { fin: false }),
          frame(Opcode.continuation, bytes.subarray(half)),
        ],
      ]
    ) {
      const got = message(pair.socket);
      for (const packet of packets) await pair.peer.send(packet);
      const data = await got;
      assertInstanceOf(data, ArrayBuffer);
      assertEquals([data.byteLength, data.resizable], [size, false]);
      assertEquals(new Uint8Array(data), bytes);
    }
  }
});

test("a nodebuffer is a Buffer that is exactly the message, for events and loops", async () => {
  await using pair = await Pair.open();
  pair.socket.binaryType = "nodebuffer";
  assertEquals<string>(pair.socket.binaryType, "nodebuffer");
  const loop = pair.socket[Symbol.asyncIterator]();
  for (const size of [0, 1, 126, 70_000]) {
    const bytes = new Uint8Array(size).map((_, index) => index * 7);
    const got = message(pair.socket);
    await pair.peer.send(frame(Opcode.binary, bytes));
    const data = await got;
    assert(Buffer.isBuffer(data));
    assertEquals([data.length, data.byteOffset, data.buffer.byteLength], [size, 0, size]);
    assert(data.equals(bytes));
    assertStrictEquals((await loop.next()).value, data);
  }
});

test("each message has its own ArrayBuffer: writing to it or transferring it changes no other", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  socket.binaryType = "arraybuffer";
  const got: ArrayBuffer[] = [];
  const done = Promise.withResolvers<void>();
  socket.onmessage = ({ data }) => {
    if (got.push(data) === 3) done.resolve();
    if (got.length === 1) new Uint8Array(data).fill(99);
    if (got.length === 2) structuredClone(data, { transfer: [data] });
  };
  const one = [...frame(Opcode.binary, Uint8Array.of(1, 2, 3))];
  await peer.send(new Uint8Array([...one, ...one, ...one]));
  await done.promise;
  assertNotStrictEquals(got[0], got[2]);
  assertEquals(got.map((data) => data.detached ? [] : [...new Uint8Array(data)]), [[99, 99, 99], [], [1, 2, 3]]);
});

test("a text message is a string whatever the binaryType", async () => {
  await using pair = await Pair.open();
  for (const binaryType of ["blob", "arraybuffer", "nodebuffer"] as const) {
    pair.socket.binaryType = binaryType;
    for (const text of ["", "text", "\ufeff🎉\0"]) {
      const got = message(pair.socket);
      await pair.peer.send(frame(Opcode.text, text));
      assertStrictEquals(await got, text);
    }
  }
});

test(
  "the class of /global has the binaryType of the runtime's own: programs for Bun get the Buffers they expect",
  async () => {
    await using server = await WsServer.start();
    const output = await runScript(
      server.url("/subprotocol"),
      `const { install, NativeWebSocket, uninstall } = await import(${
        JSON.stringify(new URL("../../global.ts", import.meta.url).href)
      });
    const native = new NativeWebSocket(url);
    const Blank = WebSocket, Configured = install({ headers: { "X-Test": "1" } });
    for (const Class of [Blank, Configured]) {
      const socket = new Class(url, ["chat"]);
      console.log(socket.binaryType === native.binaryType, socket instanceof CurlWebSocket, Class.name, Class.length);
      await new Promise((resolve) => socket.onopen = resolve);
      const data = new Promise((resolve) => socket.onmessage = (event) => resolve(event.data));
      socket.send(new Uint8Array([1]));
      const kind = (await data).constructor.name;
      console.log(kind === ("Bun" in globalThis ? "Buffer" : "Blob"), socket.protocol);
      socket.close();
    }
    try { new Blank(); } catch (error) { console.log(error.name); }
    uninstall();
    console.log(WebSocket === NativeWebSocket);
    native.close();`,
    );
    const each = ["true true CurlWebSocket 1", "true chat"];
    assertEquals(output.split("\n"), [...each, ...each, "TypeError", "true"]);
  },
  { timeout: 60_000 },
);
