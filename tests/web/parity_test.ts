/** What Bun's own class and npm's `ws` have beyond the standard: the `ping` event, `autoPong`, `response`, `protocol`. */
import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { CurlWebSocket, type CurlWebSocketOptions, CurlWebSocketStream, ReconnectingCurlWebSocket } from "../../mod.ts";
import { closed, failed, message, next, opened } from "../support/events.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const decode = (data: Uint8Array | ArrayBuffer = new Uint8Array()) => new TextDecoder().decode(data);

test("a ping event has the ping's data, and comes when its pong is on its way", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const ping = next<MessageEvent>(socket, "ping").then(({ data, origin }) => {
    socket.send("after the pong");
    return { data, origin };
  });
  await peer.send(frame(Opcode.ping, "how are you"));
  const { data, origin } = await ping;
  assertInstanceOf(data, ArrayBuffer);
  assertEquals([decode(data), origin], ["how are you", new URL(socket.url).origin]);
  const frames = [await peer.frame(), await peer.frame()];
  assertEquals(frames.map((each) => [each?.opcode, decode(each?.payload)]), [
    [Opcode.pong, "how are you"],
    [Opcode.text, "after the pong"],
  ]);
});

test("the data of a ping event is the program's own: each pong has the ping's bytes, also of a flood", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const last = Promise.withResolvers<void>();
  let count = 0;
  socket.addEventListener("ping", ({ data }) => {
    new Uint8Array(data).fill(0);
    if (++count === 200) last.resolve();
  });
  await peer.send(Buffer.concat(Array.from({ length: 200 }, (_, i) => frame(Opcode.ping, `ping ${i}`))));
  await last.promise;
  socket.send("end");
  const pongs: string[] = [];
  for (let got = await peer.frame(); got?.opcode === Opcode.pong; got = await peer.frame()) {
    pongs.push(decode(got.payload));
  }
  assert(pongs.length > 1);
  assert(pongs.every((each) => /^ping \d+$/.test(each)), pongs.join());
});

test("events come in the order of the frames: a loop has the messages before a ping when the ping's event comes", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const log: string[] = [];
  socket.addEventListener("ping", ({ data }) => log.push(`ping ${decode(data)}`));
  socket.addEventListener("pong", ({ data }) => log.push(`pong ${decode(data)}`));
  const frames = [
    frame(Opcode.text, "one"),
    frame(Opcode.ping, "p"),
    frame(Opcode.text, "two"),
    frame(Opcode.text, "three"),
    frame(Opcode.pong, "q"),
    frame(Opcode.text, "four"),
    frame(Opcode.close, closePayload(1000)),
  ];
  await peer.send(Buffer.concat(frames));
  peer.end();
  for await (const data of socket) log.push(String(data));
  assertEquals(log, ["one", "ping p", "two", "three", "pong q", "four"]);
});

test("with binaryType nodebuffer the data of ping and pong is a Buffer", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  socket.binaryType = "nodebuffer";
  const events = Promise.all([next<MessageEvent>(socket, "ping"), next<MessageEvent>(socket, "pong")]);
  await peer.send(frame(Opcode.ping, "p"));
  await peer.send(frame(Opcode.pong, "q"));
  const data = (await events).map((event) => event.data);
  assert(data.every((each) => Buffer.isBuffer(each)));
  assertEquals(data.map(String), ["p", "q"]);
});

test("autoPong: false sends no pong but the program's", async () => {
  await using pair = await Pair.open({ autoPong: false });
  const { socket, peer } = pair;
  const text = message(socket);
  await peer.send(Buffer.concat([frame(Opcode.ping, "nobody listens"), frame(Opcode.text, "behind it")]));
  await text;
  const ping = next<MessageEvent>(socket, "ping");
  await peer.send(frame(Opcode.ping, "heard"));
  socket.pong((await ping).data);
  const pong = await peer.frame();
  assertEquals([pong?.opcode, decode(pong?.payload)], [Opcode.pong, "heard"]);
});

test("autoPong must be true or false, and a stream has no pong() to send one with", () => {
  const wrong = { autoPong: 0 as unknown as boolean };
  assertThrows(
    () => new CurlWebSocket("ws://localhost/", wrong),
    TypeError,
    "autoPong must be true or false",
  );
  assertThrows(
    () => new CurlWebSocketStream("ws://localhost/", { autoPong: false }),
    TypeError,
    "a stream has no pong()",
  );
});

test("response has the status and the fields of the handshake, from the open event on", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  assertEquals(socket.response, null);
  const open = opened(socket);
  const peer = await server.connection();
  await peer.accept({ headers: ["Set-Cookie: a=1", "Set-Cookie: b=2", "X-Rate-Limit:  10 "] });
  await open;
  const response = socket.response!;
  assertEquals([response.status, response.statusText], [101, "Switching Protocols"]);
  assertEquals(response.headers.slice(-3), [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Rate-Limit", "10"]]);
  assertStrictEquals(socket.response, response);
  const close = closed(socket);
  socket.terminate();
  await close;
  assertStrictEquals(socket.response, response);
});

test("response of a refused handshake is the refusal, which the error has too", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const end = failed(socket);
  const peer = await server.connection();
  await peer.request();
  await peer.send("HTTP/1.1 429 Slow Down\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n");
  const { error } = await end;
  const { status, statusText, headers } = socket.response!;
  assertEquals([status, statusText, headers], [429, "Slow Down", [["Retry-After", "3"], ["Content-Length", "0"]]]);
  assertEquals([error.status, error.statusText, error.headers], [status, statusText, headers]);
});

test("response is null if there was none", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const end = failed(socket);
  const peer = await server.connection();
  await peer.request();
  peer.end();
  await end;
  assertEquals(socket.response, null);
});

test("protocol beside protocols offers a subprotocol, as in Bun's class; protocols go first, and a caller's before a default", async () => {
  await using server = await WsServer.start();
  const Default = CurlWebSocket.with({ protocol: "default" });
  const sockets = [
    new CurlWebSocket(server.url("/subprotocol"), { protocol: "a" }),
    new CurlWebSocket(server.url("/subprotocol"), { protocol: "a", protocols: ["b"] }),
    new CurlWebSocket(server.url("/subprotocol"), "c", { protocol: "a" } as CurlWebSocketOptions),
    new Default(server.url("/subprotocol")),
    new Default(server.url("/subprotocol"), { protocols: ["own"] }),
    new (CurlWebSocket.with({ protocols: ["default"] }))(server.url("/subprotocol"), { protocol: "own" }),
    new ReconnectingCurlWebSocket(server.url("/subprotocol"), { protocol: "feed" }),
    new ReconnectingCurlWebSocket(server.url("/subprotocol"), { protocol: () => "each-time" }),
  ];
  const offered = await Promise.all(sockets.map(async (socket) => {
    await next(socket, "open");
    socket.close();
    return socket.protocol;
  }));
  assertEquals(offered, ["a", "b", "c", "default", "own", "own", "feed", "each-time"]);
  assertThrows(() => new CurlWebSocket("ws://localhost/", { protocol: "no token" }), DOMException);
});

test("stats count what send() threw away, and what the kernel has not taken", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/echo"));
  assertThrows(() => socket.send("too early"), DOMException);
  await opened(socket);
  socket.send("é");
  assertEquals(socket.stats.payloadBytesUnsent, 2);
  assertEquals(await message(socket), "é");
  assertEquals([socket.stats.payloadBytesUnsent, socket.stats.messagesRefused], [0, 0]);
  const close = closed(socket);
  socket.close();
  socket.send("é");
  socket.send(new Uint8Array(10));
  await close;
  socket.send(new Blob(["1234"]));
  const { messagesSent, messagesRefused, payloadBytesRefused, payloadBytesUnsent } = socket.stats;
  assertEquals([messagesSent, messagesRefused, payloadBytesRefused, payloadBytesUnsent], [1, 3, 16, 0]);
  assertEquals(socket.bufferedAmount, 16);
  assert(Object.isFrozen(socket.stats));
});

test("stats have what was lost in the queue of a connection that ended, and what a stream wrote too late", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const close = closed(socket);
  socket.send("lost");
  socket.terminate();
  await close;
  const { messagesSent, payloadBytesSent, payloadBytesUnsent, messagesRefused } = socket.stats;
  assertEquals([messagesSent, payloadBytesSent, payloadBytesUnsent, messagesRefused], [1, 4, 4, 0]);

  await using server = await WsServer.start();
  const stream = new CurlWebSocketStream(server.url("/echo"));
  const { writable } = await stream.opened;
  stream.close();
  const writer = writable.getWriter();
  await writer.write("late").catch(() => {});
  await stream.closed;
  assertEquals([stream.stats.messagesRefused, stream.stats.payloadBytesRefused], [1, 4]);
});
