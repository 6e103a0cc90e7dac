import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { closed, failed, message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

test("readyState goes from CONNECTING through OPEN and CLOSING to CLOSED", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/echo"));
  assertEquals(socket.readyState, CurlWebSocket.CONNECTING);
  assertEquals(socket.bufferedAmount, 0);
  await opened(socket);
  assertEquals(socket.readyState, CurlWebSocket.OPEN);
  const end = closed(socket);
  socket.close();
  assertEquals(socket.readyState, CurlWebSocket.CLOSING);
  await end;
  assertEquals(socket.readyState, CurlWebSocket.CLOSED);
});

test("url is the serialized URL, and http becomes ws", async () => {
  await using server = await WsServer.start();
  const base = `127.0.0.1:${server.port}`;
  await using socket = new CurlWebSocket(`HTTP://${base}/echo?a=b c`);
  assertEquals(socket.url, `ws://${base}/echo?a=b%20c`);
  await using other = new CurlWebSocket(new URL(`ws://${base}/echo`));
  assertEquals(other.url, `ws://${base}/echo`);
  await Promise.all([opened(socket), opened(other)]);
});

test("on* handlers and listeners get the same events in order", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const log: string[] = [];
  const note = (name: string) => (event: { readonly type: string; readonly target: unknown }) => {
    assertEquals(event.target, socket);
    log.push(`${name} ${event.type} ${socket.readyState}`);
  };
  socket.onopen = note("on");
  socket.onmessage = note("on");
  socket.onclose = note("on");
  for (const type of ["open", "message", "close"]) socket.addEventListener(type, note("listener"));
  const end = closed(socket);
  const peer = await server.connection();
  await peer.accept({ then: frame(Opcode.text, "one") });
  await peer.send(frame(Opcode.close));
  await peer.closeFrame();
  peer.end();
  await end;
  assertEquals(log, [
    "on open 1",
    "listener open 1",
    "on message 1",
    "listener message 1",
    "on close 3",
    "listener close 3",
  ]);
});

test("a failed connection fires error, then close", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const log: string[] = [];
  for (const type of ["open", "error", "close"]) {
    socket.addEventListener(type, () => log.push(`${type} ${socket.readyState}`));
  }
  const failure = failed(socket);
  (await server.connection()).destroy();
  const { error, close } = await failure;
  assertEquals(log, ["error 3", "close 3"]);
  assertInstanceOf(error, Error);
  assertEquals([close.code, close.reason, close.wasClean], [1006, "", false]);
});

test("messages awaited one by one are not lost", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const peer = await server.connection();
  const open = opened(socket);
  const packet = new Uint8Array([...frame(Opcode.text, "one"), ...frame(Opcode.text, "two")]);
  const accepted = peer.accept({ then: packet }); // not awaited here, or the messages could come before the handler
  await open;
  const nextMessage = () => new Promise<MessageEvent>((resolve) => socket.onmessage = resolve);
  assertEquals((await nextMessage()).data, "one");
  assertEquals((await nextMessage()).data, "two");
  await accepted;
  const sent = peer.send(new Uint8Array([...packet, ...packet]));
  for (const expected of ["one", "two", "one", "two"]) assertEquals((await nextMessage()).data, expected);
  await sent;
  socket.terminate();
});

test("messages of separate TLS records awaited one by one are not lost", async () => {
  await using server = await RawServer.start({ tls: true });
  const socket = new CurlWebSocket(server.url("/", "localhost"), { tls: { ca: certificates().ca } });
  const peer = await server.connection();
  const open = opened(socket);
  await peer.accept();
  await open;
  const count = 50;
  const sent = Promise.all(Array.from({ length: count }, (_, index) => peer.send(frame(Opcode.text, String(index)))));
  for (let index = 0; index < count; index++) {
    const event = await new Promise<MessageEvent>((resolve) => socket.onmessage = resolve);
    assertEquals(event.data, String(index));
  }
  await sent;
  socket.terminate();
});

test("over TLS, messages of all sizes before the end are delivered, whether it is clean or not", async () => {
  await using server = await RawServer.start({ tls: true });
  for (const clean of [true, false]) {
    const socket = new CurlWebSocket(server.url("/", "localhost"), { tls: { ca: certificates().ca } });
    const sizes: number[] = [];
    socket.onmessage = ({ data }) => sizes.push(data.length);
    const peer = await server.connection();
    const end = closed(socket);
    await peer.accept();
    const expected = Array.from({ length: 40 }, (_, i) => (i * i * 173) % 150_000);
    const bytes = expected.flatMap((size) => [frame(Opcode.text, "x".repeat(size))]);
    if (clean) bytes.push(frame(Opcode.close));
    await peer.send(new Uint8Array(await new Blob(bytes as Uint8Array<ArrayBuffer>[]).arrayBuffer()));
    peer.end();
    const { code, wasClean } = await end;
    assertEquals(sizes, expected);
    assertEquals([code, wasClean], clean ? [1005, true] : [1006, false]);
  }
});

test("a message and the close frame in one packet both arrive", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const peer = await server.connection();
  const first = message(socket);
  const end = closed(socket);
  await peer.accept({ then: new Uint8Array([...frame(Opcode.text, "last"), ...frame(Opcode.close)]) });
  assertEquals(await first, "last");
  await peer.closeFrame();
  peer.end();
  const { code, wasClean } = await end;
  assertEquals([code, wasClean], [1005, true]);
});

test("bufferedAmount counts the data that a slow server has not read", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocket(server.url("/slow-reader"));
  await opened(socket);
  const size = 1 << 20;
  for (let index = 0; index < 32; index++) socket.send(new Uint8Array(size));
  assert(socket.bufferedAmount > size, `${socket.bufferedAmount}`);
  let count = 0;
  const done = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }: MessageEvent) => {
      assertEquals(data, String(size));
      if (++count === 32) resolve();
    };
  });
  await server.resume();
  await done;
  assertEquals(socket.bufferedAmount, 0);
}, { timeout: 30_000 });

test("calling the class without new is a TypeError", () => {
  assertThrows(() => Reflect.apply(CurlWebSocket, undefined, ["ws://localhost/"]), TypeError);
});
