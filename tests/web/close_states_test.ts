import { assertEquals } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { closed, failed, next, opened } from "../support/events.ts";
import { closePayload, frame, Opcode, readClose } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** Writes down each event of a socket and the readyState in it. */
function logOf(socket: CurlWebSocket): string[] {
  const log: string[] = [];
  for (const type of ["open", "message", "error", "close"]) {
    socket.addEventListener(type, (event) => {
      const data = event instanceof MessageEvent ? ` ${event.data}` : "";
      log.push(`${type} ${socket.readyState}${data}`);
    });
  }
  return log;
}

test("close() fires no event before it returns, in any state", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const log = logOf(socket);
  const end = closed(socket);
  socket.close();
  assertEquals([socket.readyState, log], [CurlWebSocket.CLOSING, []]);
  await pair.peer.closeFrame();
  await pair.close();
  await end;
  assertEquals(log, ["close 3"]);
  socket.close();
  assertEquals(log, ["close 3"]);
});

test("close() before the connection exists: CLOSING at once, then error and close 1006", async () => {
  const socket = new CurlWebSocket("ws://example.test/");
  const log = logOf(socket);
  const failure = failed(socket);
  socket.close(3000, "never sent");
  assertEquals([socket.readyState, log], [CurlWebSocket.CLOSING, []]);
  await Promise.resolve();
  assertEquals([socket.readyState, log], [CurlWebSocket.CLOSING, []]);
  const { error, close } = await failure;
  assertEquals([error.code, close.code, close.reason, close.wasClean], ["ERR_ABORTED", 1006, "", false]);
  assertEquals(log, ["error 3", "close 3"]);
});

test("close() during the handshake: the server's response is ignored", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const log = logOf(socket);
  const failure = failed(socket);
  const peer = await server.connection();
  await peer.request();
  socket.close();
  await peer.send("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  assertEquals((await failure).close.code, 1006);
  await peer.ended();
  assertEquals(log, ["error 3", "close 3"]);
});

test("close() twice sends the code and reason of the first call, once", async () => {
  await using pair = await Pair.open();
  const end = closed(pair.socket);
  pair.socket.close(3001, "first");
  pair.socket.close(3002, "second");
  pair.socket.close();
  assertEquals(readClose((await pair.peer.frame())!), { code: 3001, reason: "first" });
  await pair.close(3001, "first");
  const { code, reason } = await end;
  assertEquals([code, reason], [3001, "first"]);
  assertEquals(await pair.peer.frame(), undefined);
});

test("close() after the server's close frame sends nothing of its own", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const end = closed(socket);
  await peer.send(frame(Opcode.close, closePayload(4000, "server")));
  assertEquals(readClose((await peer.frame())!), { code: 4000, reason: "" });
  assertEquals(socket.readyState, CurlWebSocket.CLOSING);
  socket.close(4001, "client");
  peer.end();
  const { code, reason, wasClean } = await end;
  assertEquals([code, reason, wasClean], [4000, "server", true]);
  assertEquals(await peer.frame(), undefined);
});

test("both sides close at once: clean, with the code of the server", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const end = closed(socket);
  const sent = peer.send(frame(Opcode.close, closePayload(4000, "server")));
  socket.close(4001, "client");
  await sent;
  assertEquals(readClose((await peer.frame())!), { code: 4001, reason: "client" });
  peer.end();
  const { code, reason, wasClean } = await end;
  assertEquals([code, reason, wasClean], [4000, "server", true]);
});

test("close() in the open event closes cleanly", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const log = logOf(socket);
  socket.onopen = () => socket.close(3000, "enough");
  const end = closed(socket);
  const peer = await server.connection();
  await peer.accept({ then: frame(Opcode.text, "dropped") });
  assertEquals(readClose(await peer.closeFrame()), { code: 3000, reason: "enough" });
  await peer.send(frame(Opcode.close, closePayload(3000, "enough")));
  peer.end();
  assertEquals((await end).wasClean, true);
  assertEquals(log, ["open 1", "close 3"]);
});

test("close() in a message event drops later messages, even of the same packet", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const log = logOf(socket);
  socket.onmessage = () => socket.close();
  const end = closed(socket);
  await peer.send(new Uint8Array([...frame(Opcode.text, "one"), ...frame(Opcode.text, "two")]));
  await peer.closeFrame();
  await peer.send(frame(Opcode.binary, "three"));
  await pair.close();
  assertEquals((await end).wasClean, true);
  assertEquals(log, ["message 1 one", "close 3"]);
});

test("close() in the error and close events does nothing", async () => {
  const socket = new CurlWebSocket("ws://example.test/");
  const log = logOf(socket);
  socket.onerror = () => socket.close();
  socket.onclose = () => socket.close(3000, "again");
  const failure = failed(socket);
  socket.close();
  await failure;
  // A second close event would come in a later task: another socket's whole life is one.
  await using pair = await Pair.open();
  const end = closed(pair.socket);
  await pair.close();
  await end;
  assertEquals(log, ["error 3", "close 3"]);
});

test("messages before the server's close frame are delivered before the close event, however TCP splits them", async () => {
  const messages = ["one", "two", "three"].map((text) => frame(Opcode.text, text));
  const all = new Uint8Array([...messages.flatMap((bytes) => [...bytes]), ...frame(Opcode.close, closePayload(4000))]);
  for (let cut = 0; cut <= all.length; cut += 3) {
    await using pair = await Pair.open();
    const log = logOf(pair.socket);
    const end = closed(pair.socket);
    await pair.peer.send(all.subarray(0, cut));
    await pair.peer.send(all.subarray(cut));
    await pair.peer.closeFrame();
    pair.peer.end();
    assertEquals((await end).code, 4000);
    assertEquals(log, ["message 1 one", "message 1 two", "message 1 three", "close 3"], `cut at ${cut}`);
  }
});

test("messages and the close frame in one packet with the 101 are all delivered, in order", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const log = logOf(socket);
  const end = closed(socket);
  const peer = await server.connection();
  const packet = [...frame(Opcode.text, "one"), ...frame(Opcode.text, "two"), ...frame(Opcode.close)];
  await peer.accept({ then: new Uint8Array(packet) });
  peer.end();
  const { code, wasClean } = await end;
  assertEquals([code, wasClean], [1005, true]);
  assertEquals(log, ["open 1", "message 1 one", "message 1 two", "close 3"]);
});

test("data after the server's close frame is not delivered", async () => {
  await using pair = await Pair.open();
  const log = logOf(pair.socket);
  const end = closed(pair.socket);
  await pair.peer.send(new Uint8Array([...frame(Opcode.close), ...frame(Opcode.text, "late")]));
  await pair.peer.closeFrame();
  pair.peer.end();
  assertEquals((await end).wasClean, true);
  assertEquals(log, ["close 3"]);
});

test("a connection lost while CLOSING is close 1006 and not clean", async () => {
  await using pair = await Pair.open();
  const log = logOf(pair.socket);
  const end = closed(pair.socket);
  pair.socket.close(3000, "bye");
  await pair.peer.closeFrame();
  pair.peer.destroy();
  const { code, reason, wasClean } = await end;
  assertEquals([code, reason, wasClean], [1006, "", false]);
  assertEquals(log.at(-1), "close 3");
});

test("a close reason keeps its byte order mark", async () => {
  await using pair = await Pair.open();
  const end = next<CloseEvent>(pair.socket, "close");
  await pair.close(4000, "\ufeffwhy");
  assertEquals((await end).reason, "\ufeffwhy");
});

test("url, protocol and extensions stay readable after the close", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url("/path"), "chat");
  const open = opened(socket);
  const peer = await server.connection();
  await peer.accept({ headers: ["Sec-WebSocket-Protocol: chat"] });
  await open;
  const end = closed(socket);
  await peer.send(frame(Opcode.close));
  peer.end();
  await end;
  assertEquals([socket.url, socket.protocol, socket.extensions], [server.url("/path"), "chat", ""]);
});
