/** Connections that share a driver leave each other alone. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { readdirSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { CurlWebSocket, type CurlWebSocketOptions } from "../../mod.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { certificates } from "../support/certificates.ts";
import { failed, message, next, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const shares = loadCurl().versionNumber >= 0x075500;

async function echoed(socket: CurlWebSocket, text: string): Promise<void> {
  const answer = message(socket);
  socket.send(text);
  assertEquals(await answer, text);
}

for (const secure of [false, true]) {
  const name = secure ? "wss" : "ws";
  const options: CurlWebSocketOptions = secure ? { tls: { ca: certificates().ca } } : {};

  test(`${name}: connections come and go, and those beside them stay`, async () => {
    await using server = await WsServer.start({ tls: secure });
    const url = server.url("/echo", "localhost");
    const openAll = async (count: number) => {
      const sockets = Array.from({ length: count }, () => new CurlWebSocket(url, options));
      await Promise.all(sockets.map(opened));
      return sockets;
    };
    let sockets = await openAll(40);
    for (let round = 0; round < 4; round++) {
      await Promise.all(sockets.map((socket, i) => echoed(socket, `${round} ${i}`)));
      // Half of them end in one way or another, while as many begin.
      const ending = sockets.filter((_, i) => i % 2 === round % 2);
      const beginning = openAll(ending.length);
      for (const [i, socket] of ending.entries()) i % 3 === 0 ? socket.terminate() : socket.close();
      const failing = failed(new CurlWebSocket(`ws://127.0.0.1:${await closedPort()}/`));
      sockets = [...sockets.filter((socket) => !ending.includes(socket)), ...await beginning];
      await failing;
    }
    await Promise.all(sockets.map((socket, i) => echoed(socket, `last ${i}`)));
    for (const socket of sockets) socket.terminate();
  }, { timeout: 30_000 });

  // When libcurl makes a connection, it closes idle ones of the multi that have something to read, at most once a second.
  test(`${name}: a connection with unread bytes stays when another is made`, async () => {
    await using server = await RawServer.start({ tls: secure });
    const sockets: CurlWebSocket[] = [];
    const connect = async () => {
      const socket = new CurlWebSocket(server.url("/", "localhost"), options);
      const open = opened(socket), peer = await server.connection();
      await peer.accept();
      await open;
      sockets.push(socket);
      return { socket, peer };
    };
    const { socket: first, peer } = await connect();
    first.pause();
    await peer.send(Buffer.concat([frame(Opcode.text, "unread"), frame(Opcode.text, "and more")]));
    for (let i = 0; i < 3; i++) {
      // libcurl's second, by its clock.
      await sleep(1_050);
      await connect();
    }
    const messages: unknown[] = [];
    const both = new Promise<void>((resolve) => {
      first.onmessage = ({ data }) => messages.push(data) === 2 && resolve();
    });
    first.resume();
    await both;
    assertEquals([messages, first.readyState], [["unread", "and more"], CurlWebSocket.OPEN]);
    for (const socket of sockets) socket.terminate();
  }, { timeout: 30_000 });
}

test("many connections take one descriptor each, and a few for all", async () => {
  await using server = await WsServer.start();
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const sockets = [new CurlWebSocket(server.url("/echo"))];
  await opened(sockets[0]!);
  const before = descriptors();
  for (let i = 0; i < 100; i++) sockets.push(new CurlWebSocket(server.url("/echo")));
  await Promise.all(sockets.slice(1).map(opened));
  // 100 sockets, two multis with a pair each, and the kernel's queue, which takes the place of an array. Threads that look
  // names up may still have theirs.
  assert(descriptors() - before <= 100 + 20, `${descriptors() - before}`);
  const ends = sockets.map((socket) => next(socket, "close"));
  for (const socket of sockets) socket.terminate();
  await Promise.all(ends);
}, {
  skip: process.platform !== "linux" ? "there is no /proc" : shares ? undefined : "each has a multi of its own",
  timeout: 30_000,
});
