import { assert, assertEquals } from "@std/assert";
import { CurlWebSocket, type Sendable } from "../../mod.ts";
import { closed, failed, message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** Data, and the bytes it counts for. */
const DATA: [data: Sendable, size: number][] = [
  ["", 0],
  ["ascii", 5],
  ["ü", 2],
  ["中", 3],
  ["🎉", 4],
  ["\ud800", 3],
  ["a\udc00\ud83c\udf89", 8],
  [new ArrayBuffer(7), 7],
  [new Uint8Array(9).subarray(2, 5), 3],
  [new Float64Array(2), 16],
  [new DataView(new ArrayBuffer(6), 1, 4), 4],
  [new SharedArrayBuffer(5), 5],
  [new Blob(["ü", "x"]), 3],
  [new Blob([]), 0],
  [12345 as unknown as string, 5],
];

test("bufferedAmount grows by the bytes of each send(), and is 0 once they are sent", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  assertEquals(socket.bufferedAmount, 0);
  let total = 0;
  for (const [data, size] of DATA) {
    socket.send(data);
    assertEquals(socket.bufferedAmount, total += size);
  }
  for (const [, size] of DATA) assertEquals((await peer.frame())?.payload.length, size);
  await peer.send(frame(Opcode.text, "got all"));
  await message(socket);
  assertEquals(socket.bufferedAmount, 0);
});

test("bufferedAmount counts each kind of data passed to send() after close(), and stays", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const end = closed(socket);
  socket.close();
  let total = 0;
  const sendAll = (state: string) => {
    for (const [data, size] of DATA) {
      socket.send(data);
      assertEquals(socket.bufferedAmount, total += size, state);
    }
  };
  sendAll("CLOSING");
  assertEquals((await pair.peer.frame())?.opcode, Opcode.close);
  await pair.close();
  assertEquals((await end).wasClean, true);
  assertEquals(socket.bufferedAmount, total);
  sendAll("CLOSED");
  assertEquals(socket.readyState, CurlWebSocket.CLOSED);
});

test("bufferedAmount counts data passed to send() after the server's close frame", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const end = closed(socket);
  await peer.send(frame(Opcode.close));
  await peer.closeFrame();
  assertEquals(socket.readyState, CurlWebSocket.CLOSING);
  socket.send("late");
  socket.send(new Blob(["er"]));
  assertEquals(socket.bufferedAmount, 6);
  peer.end();
  await end;
  assertEquals(socket.bufferedAmount, 6);
});

test("bufferedAmount keeps counting a Blob and later data that the server's close frame overtakes", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const reading = Promise.withResolvers<ArrayBuffer>();
  const blob = new Blob(["blob"]);
  blob.arrayBuffer = () => reading.promise;
  socket.send(blob);
  socket.send("text");
  assertEquals(socket.bufferedAmount, 8);
  const end = closed(socket);
  await peer.send(frame(Opcode.close));
  assertEquals((await peer.frame())?.opcode, Opcode.close);
  assertEquals(socket.bufferedAmount, 8);
  reading.resolve(new ArrayBuffer(4));
  peer.end();
  await end;
  assertEquals(socket.bufferedAmount, 8);
});

test("bufferedAmount counts data sent to a connection that has ended but not yet fired close", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const end = closed(socket);
  const blob = new Blob(["unreadable"]);
  blob.arrayBuffer = () => Promise.reject(new Error("gone"));
  socket.send(blob);
  let sent = 0;
  // From one microtask to the next: one of them is between the end and the close event.
  const sendOn = async () => {
    while (socket.readyState === CurlWebSocket.OPEN && sent < 100) {
      socket.send("x");
      sent++;
      await null;
    }
  };
  await Promise.all([sendOn(), end]);
  assert(sent > 0);
  assertEquals(socket.bufferedAmount, 10 + sent);
});

test("bufferedAmount is not reset when the connection is lost, and still grows", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/slow-reader"));
  await opened(socket);
  const size = 1 << 20;
  for (let index = 0; index < 32; index++) socket.send(new Uint8Array(size));
  const failure = closed(socket);
  const before = socket.bufferedAmount;
  assertEquals(before, 32 * size);
  socket.terminate();
  await failure;
  const left = socket.bufferedAmount;
  assert(left > 0 && left <= before, `${left}`);
  socket.send("four");
  assertEquals(socket.bufferedAmount, left + 4);
});

test("bufferedAmount of a connection that never opened starts at 0, and grows with each send()", async () => {
  const socket = new CurlWebSocket("ws://example.test/");
  const failure = failed(socket);
  socket.close();
  socket.send("closing");
  assertEquals(socket.bufferedAmount, 7);
  await failure;
  socket.send("closed");
  assertEquals(socket.bufferedAmount, 13);
});

test("bufferedAmount does not count close frames, pings and pongs", async () => {
  await using pair = await Pair.open();
  pair.socket.ping("ping");
  assertEquals(pair.socket.bufferedAmount, 0);
  pair.socket.close(3000, "reason");
  assertEquals(pair.socket.bufferedAmount, 0);
});

test("bufferedAmount does not fall during a task, though much of the data is sent by then", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/closed"));
  await opened(socket);
  const text = "x".repeat(100_000);
  for (let count = 1; count <= 50; count++) {
    socket.send(text);
    assertEquals(socket.bufferedAmount, count * 100_000);
  }
  const end = closed(socket);
  socket.close();
  await end;
  assertEquals(socket.bufferedAmount, 0);
});
