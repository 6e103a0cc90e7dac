import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { domException, message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** The lines of the request that a socket with these arguments sends. */
async function requestLines(
  server: RawServer,
  ...args: ConstructorParameters<typeof CurlWebSocket> extends [unknown, ...infer Rest] ? Rest : never
): Promise<string[]> {
  const socket = new CurlWebSocket(server.url("/path?query=1"), ...args);
  const open = opened(socket);
  const peer = await server.connection();
  const request = await peer.accept();
  await open;
  socket.terminate();
  return request.split("\r\n");
}

test("the request has exactly the expected lines", async () => {
  await using server = await RawServer.start();
  const lines = await requestLines(server);
  assertEquals(lines[0], "GET /path?query=1 HTTP/1.1");
  const values = new Map(
    lines.slice(1).filter(Boolean).map((line) => {
      const [name = "", value = ""] = line.split(/: */, 2);
      return [name.toLowerCase(), value];
    }),
  );
  assertEquals(lines.slice(1).filter((line) => /^host:/i.test(line)), [`Host: 127.0.0.1:${server.port}`]);
  assertEquals(values.get("upgrade")?.toLowerCase(), "websocket");
  assertEquals(values.get("connection")?.toLowerCase(), "upgrade");
  assertEquals(values.get("sec-websocket-version"), "13");
  assertMatch(values.get("sec-websocket-key") ?? "", /^[A-Za-z0-9+/]{22}==$/);
  assert(!values.has("sec-websocket-protocol"));
  assertEquals(values.get("sec-websocket-extensions"), "permessage-deflate; client_max_window_bits");
});

test("each connection has its own key", async () => {
  await using server = await RawServer.start();
  const key = async () => (await requestLines(server)).find((line) => /^sec-websocket-key:/i.test(line));
  assert(await key() !== await key());
});

test("headers are sent in their order and case", async () => {
  await using server = await RawServer.start();
  const lines = await requestLines(server, {
    headers: [["X-One", "1"], ["x-TWO", "zwei: 2"], ["X-one", "3"], ["X-Empty", ""], ["Authorization", "Bearer t"]],
  });
  const own = lines.filter((line) => /^(x-|authorization)/i.test(line));
  assertEquals(own.map((line) => line.trimEnd()), [
    "X-One: 1",
    "x-TWO: zwei: 2",
    "X-one: 3",
    "X-Empty:",
    "Authorization: Bearer t",
  ]);
});

test("headers can be a record", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocket(server.url("/headers"), {
    headers: { "X-First": "a", "Origin": "https://example.com", "User-Agent": "mine/1" },
  });
  const raw: string[] = JSON.parse(await message(socket) as string);
  const pairs = raw.flatMap((name, index) => index % 2 === 0 ? [[name, raw[index + 1]]] : []);
  assertEquals(
    pairs.filter(([name]) => ["X-First", "Origin", "User-Agent"].includes(name ?? "")),
    [["X-First", "a"], ["Origin", "https://example.com"], ["User-Agent", "mine/1"]],
  );
});

test("the third argument has options, the second protocols", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(), ["a", "b"], { headers: { "X-Third": "yes" } });
  const open = opened(socket);
  const peer = await server.connection();
  const request = await peer.accept({ headers: ["Sec-WebSocket-Protocol: b"] });
  await open;
  assertMatch(request, /\r\nX-Third: yes\r\n/);
  assertMatch(request, /\r\nSec-WebSocket-Protocol: a, ?b\r\n/i);
  assertEquals(socket.protocol, "b");
  socket.terminate();
});

test("headers cannot inject lines", () => {
  for (const bad of ["a\r\nEvil: 1", "a\nEvil: 1", "a\rb", "a\0b"]) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { headers: { "X-A": bad } }), TypeError);
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { headers: [[bad, "value"]] }), TypeError);
    assertEquals(domException(() => new CurlWebSocket("ws://127.0.0.1:9/", [bad])), "SyntaxError");
  }
});

test("a frame that arrives with the 101 is not lost", async () => {
  for (const tls of [false, true]) {
    await using server = await RawServer.start({ tls });
    const socket = new CurlWebSocket(server.url("/", "localhost"), tls ? { tls: { ca: certificates().ca } } : {});
    const first = message(socket);
    const peer = await server.connection();
    await peer.accept({ then: frame(Opcode.text, "together") });
    assertEquals(await first, "together");
    socket.terminate();
  }
});

test("a response and frames that arrive byte by byte are read", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const first = message(socket);
  const peer = await server.connection();
  await peer.accept({ bytewise: true, then: frame(Opcode.text, "crumbs") });
  assertEquals(await first, "crumbs");
  const second = message(socket);
  await peer.sendBytewise(frame(Opcode.text, "ü".repeat(70)));
  assertEquals(await second, "ü".repeat(70));
  socket.terminate();
});

test("a fragmented message arrives, with a ping between its fragments", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const first = message(socket);
  const peer = await server.connection();
  await peer.accept();
  const euro = new TextEncoder().encode("a€b"); // cut inside of the euro sign
  await peer.send(frame(Opcode.text, euro.subarray(0, 2), { fin: false }));
  await peer.send(frame(Opcode.ping, "between"));
  await peer.send(frame(Opcode.continuation, "", { fin: false }));
  await peer.send(frame(Opcode.continuation, euro.subarray(2)));
  assertEquals(await first, "a€b");
  const pong = await peer.frame();
  assertEquals([pong?.opcode, new TextDecoder().decode(pong?.payload)], [Opcode.pong, "between"]);
  socket.terminate();
});

test("each frame of the client is masked, with a new mask each time", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const start = peer.received.length;
  socket.send("same");
  socket.send("same");
  const frames = [await peer.frame(), await peer.frame()];
  for (const each of frames) {
    assert(each?.masked && each.fin && each.reserved === 0);
    assertEquals(new TextDecoder().decode(each.payload), "same");
  }
  const sent = peer.received.subarray(start);
  assert(sent.subarray(2, 6).join() !== sent.subarray(12, 16).join(), "the same mask twice");
  socket.terminate();
});
