/** The members and events of the `WebSocket` of `ws`, against a server of `ws` in a process of its own. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import WebSocket, { WebSocketServer } from "../../ws/mod.ts";
import { frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { closed, DIRECT, messages, opened, sent } from "./support.ts";

test("text and bytes come as Buffers, and isBinary tells which they are", async () => {
  await using server = await WsServer.start();
  const socket = await opened(new WebSocket(server.url("/echo"), DIRECT));
  const expected: [sent: string | Uint8Array, isBinary: boolean][] = [
    ["hé", false],
    [Uint8Array.of(0, 255), true],
    ["", false],
  ];
  for (const [given, wanted] of expected) {
    socket.send(given);
    const [data, isBinary] = await once(socket, "message");
    assert(Buffer.isBuffer(data));
    assertEquals([[...data], isBinary], [[...Buffer.from(given)], wanted]);
  }
  socket.close(4001, "bye");
  assertEquals(await closed(socket), { code: 4001, reason: "bye", error: null });
});

test("binaryType decides what bytes come as, also on the fly; text stays a Buffer", async () => {
  await using server = await WsServer.start();
  const socket = await opened(new WebSocket(server.url("/echo"), DIRECT));
  const seen: string[] = [];
  for (const type of ["arraybuffer", "fragments", "blob", "nodebuffer"] as const) {
    socket.binaryType = type;
    socket.send(Uint8Array.of(7));
    const [data] = await once(socket, "message");
    seen.push(Array.isArray(data) ? `list of ${data[0].constructor.name}` : data.constructor.name);
    socket.send("text");
    assert(Buffer.isBuffer((await once(socket, "message"))[0]));
  }
  assertEquals(seen, ["ArrayBuffer", "list of Buffer", "Blob", "Buffer"]);
  socket.binaryType = "other" as "blob";
  assertEquals(socket.binaryType, "nodebuffer");
  socket.terminate();
  assertEquals((await closed(socket)).code, 1006);
});

test("each kind of data can be sent, with the kind of message that is asked for", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url(), DIRECT);
  const peer = await server.connection();
  await peer.accept();
  await opened(socket);
  socket.send("text");
  socket.send(7);
  socket.send(new Uint16Array([1, 2]).subarray(1));
  socket.send(Uint8Array.of(1, 2).buffer);
  socket.send([3, 4]);
  socket.send("text", { binary: true });
  socket.send(Buffer.from("bytes"), { binary: false });
  socket.send(new Blob(["blob"]));
  socket.send("behind it");
  socket.ping(Buffer.from("p"));
  socket.send("one, ", { fin: false });
  socket.send("two", { fin: true });
  const frames: [opcode: number, text: string][] = [];
  for (let i = 0; i < 11; i++) {
    const { opcode, payload } = (await peer.frame())!;
    frames.push([opcode, Buffer.from(payload).toString("latin1")]);
  }
  // A ping waits for nothing, a Blob is read first.
  const [pings, others] = [
    frames.filter(([opcode]) => opcode === Opcode.ping),
    frames.filter(([opcode]) => opcode < 8),
  ];
  assertEquals(pings, [[Opcode.ping, "p"]]);
  const { text, binary } = Opcode;
  assertEquals(others, [
    ...[[text, "text"], [text, "7"], [binary, "\x02\0"], [binary, "\x01\x02"], [binary, "\x03\x04"]],
    ...[[binary, "text"], [text, "bytes"], [binary, "blob"], [text, "behind it"], [text, "one, two"]],
  ] as [number, string][]);
  socket.terminate();
});

test("a callback is called when the kernel has taken the message, or with the error", async () => {
  await using server = await WsServer.start();
  const socket = await opened(new WebSocket(server.url("/echo"), DIRECT));
  const order: string[] = [];
  const note = (name: string) => (error?: Error) =>
    order.push(error === undefined ? name : `${name}: ${error.message}`);
  socket.send("a", note("a"));
  assertEquals(socket.bufferedAmount, 1);
  socket.send(new Blob(["b"]), note("b"));
  socket.send("c", {}, note("c"));
  assertEquals([socket.bufferedAmount, order], [3, []]);
  await messages(socket, 3);
  assertEquals(order, ["a", "b", "c"]);
  assertEquals(await sent((done) => socket.ping("x", true, done)), undefined);
  assertEquals(await sent((done) => socket.pong(done)), undefined);
  socket.close();
  assertEquals(
    `${await sent((done) => socket.send("late", done))}`,
    "Error: WebSocket is not open: readyState 2 (CLOSING)",
  );
  assertEquals(socket.bufferedAmount, 4);
  await closed(socket);
  assertEquals(`${await sent((done) => socket.ping(done))}`, "Error: WebSocket is not open: readyState 3 (CLOSED)");
});

test("callbacks of what is not sent get an error when the socket ends, and none is left", async () => {
  await using server = await WsServer.start();
  const socket = await opened(new WebSocket(server.url("/slow-reader"), { ...DIRECT, perMessageDeflate: false }));
  // More than the kernel takes while the server does not read.
  const errors = Array.from({ length: 4 }, () => sent((done) => socket.send(Buffer.alloc(8 << 20), done)));
  const parts = sent((done) => socket.send("part", { fin: false }, done));
  // In a later task: what the kernel takes, it has taken.
  setTimeout(() => socket.terminate());
  assertEquals((await closed(socket)).code, 1006);
  const all = (await Promise.all(errors)).map((error) => error?.message ?? "sent");
  assertEquals(all.at(-1), "WebSocket is not open: readyState 2 (CLOSING)");
  assert(await parts instanceof Error);
});

test("messages still come after close(), until the server's close frame", async () => {
  await using server = await WsServer.start();
  const socket = await opened(new WebSocket(server.url("/echo"), DIRECT));
  const come = messages(socket, 2);
  socket.send("one");
  socket.send("two");
  socket.close();
  assertEquals(socket.readyState, WebSocket.CLOSING);
  assertEquals(await come, ["one", "two"]);
  assertEquals((await closed(socket)).code, 1005);
});

test("pings of the server are answered and told, pongs are told", async () => {
  await using server = await WsServer.start();
  const socket = new WebSocket(server.url("/ping?data=abc"), DIRECT);
  const [[ping], [message]] = await Promise.all([once(socket, "ping"), once(socket, "message")]);
  assertEquals([ping.toString(), message.toString()], ["abc", "abc"]);
  socket.ping("hello");
  assertEquals((await once(socket, "pong"))[0].toString(), "hello");
  assert(typeof socket.stats?.messagesReceived === "number");
  socket.terminate();
});

test("autoPong: false leaves the pong to the program", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url(), { ...DIRECT, autoPong: false });
  const peer = await server.connection();
  await peer.accept();
  const pinged = once(socket, "ping");
  await peer.send(frame(Opcode.ping, "a"));
  await pinged;
  socket.pong("mine");
  const { opcode, payload } = (await peer.frame())!;
  assertEquals([opcode, Buffer.from(payload).toString()], [Opcode.pong, "mine"]);
  socket.terminate();
});

test("paused, no message comes; resumed, all come", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url(), DIRECT);
  socket.pause();
  assert(!socket.isPaused);
  const peer = await server.connection();
  await peer.accept();
  await opened(socket);
  socket.pause();
  assert(socket.isPaused);
  const come = messages(socket, 2);
  await peer.send(Buffer.concat([frame(Opcode.text, "a"), frame(Opcode.text, "b")]));
  socket.ping();
  await peer.frame();
  socket.resume();
  assert(!socket.isPaused);
  assertEquals(await come, ["a", "b"]);
  socket.terminate();
});

test("addEventListener and the on-handlers give events", async () => {
  await using server = await WsServer.start();
  const socket = new WebSocket(server.url("/echo"), DIRECT);
  const seen: unknown[] = [];
  socket.onopen = function (event) {
    seen.push(event.type, event.target === this);
    socket.send("hi");
  };
  socket.addEventListener("message", { handleEvent: ({ data }) => seen.push(data) }, { once: true });
  socket.onmessage = () => socket.close(1000, "done");
  await new Promise<void>((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => {
      seen.push(code, reason, wasClean);
      resolve();
    };
  });
  assertEquals(seen, ["open", true, "hi", 1000, "done", true]);
  assertEquals(socket.listenerCount("message"), 1);
});

test("before the connection is open, sending is an error; so is a bad code, reason or mask", async () => {
  await using server = await WsServer.start();
  const socket = new WebSocket(server.url("/echo"), DIRECT);
  for (const send of [() => socket.send("x"), () => socket.ping(), () => socket.pong()]) {
    assertThrows(send, Error, "WebSocket is not open: readyState 0 (CONNECTING)");
  }
  await opened(socket);
  assertThrows(() => socket.close(1005), TypeError, "valid error code");
  assertThrows(() => socket.close(1000, "x".repeat(124)), RangeError, "123 bytes");
  assertThrows(() => socket.ping("x".repeat(126)), RangeError, "125 bytes");
  assertThrows(() => socket.send("x", { mask: false }), TypeError, "masked");
  assertThrows(() => socket.send({} as unknown as string), TypeError);
  socket.close(1001);
  assertEquals((await closed(socket)).code, 1001);
});

test("the class has the constants and statics of ws, and there is no server", () => {
  assertEquals([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED], [0, 1, 2, 3]);
  const statics = WebSocket as unknown as Record<string, unknown>;
  assertEquals(statics.WebSocket, WebSocket);
  assertEquals(statics.Server, WebSocketServer);
  assertEquals(typeof statics.createWebSocketStream, "function");
  assertThrows(() => new WebSocketServer({ port: 0 }), Error, "for a server use npm's ws");
});
