import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { CurlWebSocket, libcurl } from "../../mod.ts";
import { closed, message, next, opened } from "../support/events.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { type RawConnection, RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** An open socket and the other end of it. */
async function connect(server: RawServer, options = {}): Promise<{ socket: CurlWebSocket; peer: RawConnection }> {
  const socket = new CurlWebSocket(server.url(), options);
  const open = opened(socket);
  const peer = await server.connection();
  await peer.accept();
  await open;
  return { socket, peer };
}

const decode = (data?: Uint8Array | ArrayBuffer) => new TextDecoder().decode(data);

test("ping() gets a pong event with its payload", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server);
  socket.ping("hello");
  const ping = await peer.frame();
  assertEquals([ping?.opcode, decode(ping?.payload)], [Opcode.ping, "hello"]);
  const pong = next<MessageEvent>(socket, "pong");
  await peer.send(frame(Opcode.pong, "hello"));
  const { data } = await pong;
  assertInstanceOf(data, ArrayBuffer);
  assertEquals(decode(data), "hello");
  socket.ping();
  assertEquals((await peer.frame())?.payload.length, 0);
  assertThrows(() => socket.ping("x".repeat(126)));
  socket.terminate();
});

test("a server's ping gets a pong with its payload", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocket(server.url("/ping?data=abc"));
  assertEquals(await message(socket), "abc");

  await using raw = await RawServer.start();
  const { socket: other, peer } = await connect(raw);
  const payload = new Uint8Array(125).fill(7);
  await peer.send(frame(Opcode.ping, payload));
  const pong = await peer.frame();
  assertEquals([pong?.opcode, pong?.payload.join()], [Opcode.pong, payload.join()]);
  other.terminate();
});

test("terminate() drops the connection without a close frame", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server);
  const end = closed(socket);
  socket.terminate();
  const { code, wasClean } = await end;
  assertEquals([code, wasClean], [1006, false]);
  assertEquals(await peer.frame(), undefined);
  assertEquals(socket.readyState, CurlWebSocket.CLOSED);
  socket.terminate();
});

test("pause() holds messages back until resume()", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server);
  const got: unknown[] = [];
  const all = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }: MessageEvent) => {
      got.push(data);
      if (got.length === 2) resolve();
    };
  });
  assertEquals(socket.isPaused, false);
  socket.pause();
  assertEquals(socket.isPaused, true);
  await peer.send(frame(Opcode.text, "one"));
  await peer.send(frame(Opcode.text, "two"));
  for (const data of ["a", "b", "c"]) { // sending goes on
    socket.send(data);
    assertEquals(decode((await peer.frame())?.payload), data);
  }
  assertEquals(got, []);
  socket.resume();
  assertEquals(socket.isPaused, false);
  await all;
  assertEquals(got, ["one", "two"]);
  socket.terminate();
});

test("pause() in a handler holds back the other messages of the same packet", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server);
  const got: unknown[] = [];
  const first = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }: MessageEvent) => {
      got.push(data);
      socket.pause();
      resolve();
    };
  });
  await peer.send(new Uint8Array([...frame(Opcode.text, "one"), ...frame(Opcode.text, "two")]));
  await first;
  socket.send("turn");
  await peer.frame();
  assertEquals(got, ["one"]);
  const second = message(socket);
  socket.resume();
  assertEquals(await second, "two");
  socket.terminate();
});

test("for await yields each message and ends with the close", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const peer = await server.connection();
  const frames = ["one", "two", "three"].map((data) => frame(Opcode.text, data));
  const accepted = peer.accept({
    then: new Uint8Array([...frames, frame(Opcode.close, closePayload(1000))].flatMap((part) => [...part])),
  }).then(() => peer.closeFrame()).then(() => peer.end());
  const got: unknown[] = [];
  for await (const data of socket) {
    got.push(data);
    await new Promise((resolve) => setTimeout(resolve, 1)); // a slow reader loses nothing
  }
  await accepted;
  assertEquals(got, ["one", "two", "three"]);
});

test("for await yields many messages in order", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/push?count=2000"));
  let count = 0;
  for await (const data of socket) {
    assertEquals(data, String(count));
    if (++count === 2000) break;
  }
  assertEquals(count, 2000);
  await socket[Symbol.asyncDispose]();
}, { timeout: 30_000 });

test("what a loop sends for each message goes out before the answer to a close frame behind them", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(), { perMessageDeflate: false });
  const peer = await server.connection();
  const frames = Array.from({ length: 100 }, (_, i) => frame(Opcode.text, String(i)));
  const accepted = peer.accept({ then: Buffer.concat([...frames, frame(Opcode.close, closePayload(1000))]) });
  for await (const data of socket) socket.send(`got ${data}`);
  await accepted;
  for (let i = 0; i < 100; i++) {
    const sent = await peer.frame();
    assertEquals(new TextDecoder().decode(sent?.payload), `got ${i}`);
  }
  assertEquals((await peer.frame())?.opcode, Opcode.close);
});

test("a loop beside a listener gets each message in its own task", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/push?count=100"));
  const log: string[] = [];
  socket.onmessage = ({ data }) => log.push(`event ${data}`);
  for await (const data of socket) {
    log.push(`loop ${data}`);
    if (data === "99") break;
  }
  assertEquals(log, Array.from({ length: 100 }, (_, i) => [`event ${i}`, `loop ${i}`]).flat());
});

test("await using closes the socket", async () => {
  await using server = await WsServer.start();
  let kept: CurlWebSocket;
  {
    await using socket = new CurlWebSocket(server.url("/closed"));
    await opened(socket);
    kept = socket;
  }
  assertEquals(kept.readyState, CurlWebSocket.CLOSED);
  assert([1000, 1005].includes((await server.closed()).code));
});

test("CurlWebSocket.with() returns a class with built-in options", async () => {
  await using server = await WsServer.start();
  const Own = CurlWebSocket.with({ headers: { "X-With": "yes" } });
  await using socket = new Own(server.url("/headers"));
  assertInstanceOf(socket, CurlWebSocket);
  const headers: string[] = JSON.parse(await message(socket) as string);
  assertEquals(headers[headers.indexOf("X-With") + 1], "yes");
  assertEquals(Own.OPEN, 1);
});

test("libcurl() returns the version and features of the loaded library", () => {
  const { path, version, tls, features, missing } = libcurl();
  assert(path.length > 0);
  assert(/^\d+\.\d+\.\d+/.test(version), version);
  assert(tls);
  assert(features.includes("SSL"));
  assert(Array.isArray(missing));
});
