import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { Readable, Writable } from "node:stream";
import WebSocket, { createWebSocketStream } from "../../ws/mod.ts";
import { frame, Opcode } from "../support/frames.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { DIRECT, opened } from "./support.ts";

test("a stream that is ended closes the socket, and ends and closes itself when the server has", async () => {
  await using server = await WsServer.start();
  const socket = new WebSocket(server.url("/echo"), DIRECT);
  const stream = createWebSocketStream(socket, { encoding: "utf8" });
  // Before the connection is open.
  stream.write("hello");
  let text = "";
  stream.on("data", (chunk) => {
    text += chunk;
    stream.end();
  });
  await once(stream, "close");
  assertEquals([text, socket.readyState], ["hello", WebSocket.CLOSED]);
});

test("reading a stream slowly pauses the socket, and a mebibyte comes back as it was", async () => {
  await using server = await WsServer.start();
  const socket = new WebSocket(server.url("/echo"), DIRECT);
  const stream = createWebSocketStream(socket, { readableHighWaterMark: 1024 });
  const chunks = Array.from({ length: 64 }, (_, i) => Buffer.alloc(16 * 1024, i));
  let paused = 0, size = 0;
  const pause = socket.pause.bind(socket);
  socket.pause = () => {
    paused++;
    pause();
  };
  const got = new Writable({
    write(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size === 1 << 20) stream.destroy();
      setTimeout(done);
    },
  });
  for (const chunk of chunks) stream.write(chunk);
  await pipeline(stream, got).catch((error) => assertEquals(error.code, "ERR_STREAM_PREMATURE_CLOSE"));
  assertEquals(size, 1 << 20);
  assert(paused > 0);
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, "close");
});

test("an error of the socket destroys the stream with it", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${await closedPort()}`, DIRECT);
  const stream = createWebSocketStream(socket);
  const close = new Promise((resolve) => stream.once("close", resolve));
  const [error] = await once(stream, "error");
  assertEquals(error.code, "ECONNREFUSED");
  await close;

  await using server = await RawServer.start();
  const open = new WebSocket(server.url(), DIRECT);
  const reader = createWebSocketStream(open);
  const peer = await server.connection();
  await peer.accept();
  await opened(open);
  const failed = once(reader, "error");
  await peer.send(frame(5, ""));
  const { payload } = await peer.closeFrame();
  peer.end();
  assertEquals([(await failed)[0].code, payload[0]! << 8 | payload[1]!], ["WS_ERR_INVALID_OPCODE", 1002]);
});

test("a stream that is destroyed terminates the socket", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url(), DIRECT);
  const stream = createWebSocketStream(socket);
  const peer = await server.connection();
  await peer.accept();
  await opened(socket);
  stream.destroy();
  await once(stream, "close");
  assertEquals(socket.readyState, WebSocket.CLOSED);
  await peer.ended();
});

test("object mode reads messages, text as text", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url(), DIRECT);
  const stream = createWebSocketStream(socket, { readableObjectMode: true });
  const peer = await server.connection();
  await peer.accept();
  await peer.send(Buffer.concat([frame(Opcode.text, "a"), frame(Opcode.binary, "b"), frame(Opcode.close, "")]));
  peer.end();
  const seen: string[] = [];
  for await (const message of stream as Readable) seen.push(typeof message === "string" ? message : `${message} bytes`);
  assertEquals(seen, ["a", "b bytes"]);
});
