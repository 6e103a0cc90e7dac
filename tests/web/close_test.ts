import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { closed, failed, opened } from "../support/events.ts";
import { closePayload, frame, Opcode, readClose } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

test("the close event has the server's close code and reason", async () => {
  await using server = await WsServer.start();
  const cases = [
    ["/close", 1005, ""],
    ["/close?code=1000&reason=done", 1000, "done"],
    ["/close?code=1001", 1001, ""],
    ["/close?code=1011&reason=sch%C3%B6n", 1011, "schön"],
    ["/close?code=4999&reason=own", 4999, "own"],
  ] as const;
  for (const [path, code, reason] of cases) {
    const event = await closed(new CurlWebSocket(server.url(path)));
    assertInstanceOf(event, CloseEvent);
    assertEquals([event.code, event.reason, event.wasClean], [code, reason, true], path);
  }
});

test("close() sends its code and reason", async () => {
  await using server = await WsServer.start();
  const cases = [
    [[], 1005, ""],
    [[1000], 1000, ""],
    [[3000, "three"], 3000, "three"],
    [[4999, "é".repeat(61) + "x"], 4999, "é".repeat(61) + "x"],
  ] as const;
  for (const [args, code, reason] of cases) {
    const socket = new CurlWebSocket(server.url("/closed"));
    await opened(socket);
    const end = closed(socket);
    socket.close(...(args as readonly [number?, string?]));
    const event = await end;
    assertEquals(await server.closed(), { code, reason });
    assertEquals([event.code, event.wasClean], [code, true]);
  }
});

test("messages before close() are sent before it", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const end = closed(socket);
  socket.send("one");
  socket.send(new Blob(["two"]));
  socket.close(1000, "bye");
  const frames = [await peer.frame(), await peer.frame(), await peer.frame()];
  assertEquals(frames.map((frame) => frame?.opcode), [Opcode.text, Opcode.binary, Opcode.close]);
  assert(frames.every((frame) => frame?.masked));
  await peer.send(frame(Opcode.close, closePayload(1000, "back")));
  peer.end();
  const { code, reason, wasClean } = await end;
  assertEquals([code, reason, wasClean], [1000, "back", true]);
});

test("a server's close frame is echoed with its code", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const end = closed(socket);
  const peer = await server.connection();
  await peer.accept({ then: frame(Opcode.close, closePayload(4321, "why")) });
  assertEquals(readClose(await peer.closeFrame()).code, 4321);
  peer.end();
  const { code, reason, wasClean } = await end;
  assertEquals([code, reason, wasClean], [4321, "why", true]);
});

test("close() while connecting fires error and close 1006", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const failure = failed(socket);
  const peer = await server.connection();
  await peer.request();
  socket.close(1000, "never mind");
  assertEquals(socket.readyState, CurlWebSocket.CLOSING);
  const { close } = await failure;
  assertEquals([close.code, close.reason, close.wasClean], [1006, "", false]);
  assertEquals(await peer.frame(), undefined);
});

test("TCP that ends without a close frame is 1006", async () => {
  await using server = await RawServer.start();
  for (const drop of ["end", "destroy"] as const) {
    const socket = new CurlWebSocket(server.url());
    const open = opened(socket);
    const peer = await server.connection();
    await peer.accept();
    await open;
    const failure = failed(socket);
    peer[drop]();
    const { error, close } = await failure;
    assertEquals(error.code, "ERR_CONNECTION_LOST", drop);
    assertEquals([close.code, close.reason, close.wasClean], [1006, "", false], drop);
  }
});

test("a server that drops the connection after a message is 1006", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/drop"));
  await opened(socket);
  const end = closed(socket);
  socket.send("x");
  const { code, wasClean } = await end;
  assertEquals([code, wasClean], [1006, false]);
});

test("closeTimeout ends a connection that the server keeps open after its close frame", async () => {
  await using pair = await Pair.open({ closeTimeout: 100 });
  const { socket, peer } = pair;
  const end = closed(socket);
  socket.close(1000);
  const sent = await peer.closeFrame();
  await peer.send(frame(Opcode.close, sent.payload));
  const { code, wasClean } = await end;
  assertEquals([code, wasClean], [1000, true]);
});

test("closeTimeout ends a connection whose server sends no close frame", async () => {
  await using pair = await Pair.open({ closeTimeout: 100 });
  const { socket, peer } = pair;
  const end = closed(socket);
  socket.close(1000);
  await peer.closeFrame();
  const { code, wasClean } = await end;
  assertEquals([code, wasClean], [1006, false]);
});

test("messages that arrive while closing are dropped, as WHATWG says", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const got: unknown[] = [];
  socket.onmessage = ({ data }: MessageEvent) => void got.push(data);
  const end = closed(socket);
  socket.close();
  await peer.closeFrame();
  await peer.send(frame(Opcode.text, "late"));
  await peer.send(frame(Opcode.close));
  peer.end();
  await end;
  assertEquals(got, []);
});
