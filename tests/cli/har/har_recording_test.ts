/** Records connections, and looks at what is in the file. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketInit, CurlWebSocketStream, ReconnectingCurlWebSocket } from "../../../mod.ts";
import { withObserver } from "../../../src/observe/observer.ts";
import { HarRecording } from "../../../cli/har/mod.ts";
import { closed, failed, message, opened } from "../../support/events.ts";
import { closePayload, frame, Opcode } from "../../support/frames.ts";
import { RawServer } from "../../support/raw_server.ts";
import { WsServer } from "../../support/servers.ts";
import { test } from "../../support/testing.ts";
import { entriesOf, type Entry, HarFolder, messagesOf } from "./support.ts";

const NO_PROXY: CurlWebSocketInit = { proxy: false };

const field = (entry: Entry, of: "request" | "response", name: string) =>
  entry[of].headers.find((each) => each.name.toLowerCase() === name)?.value;

test("HarRecording: after flush() a message is in the file while its handler runs", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  using recording = new HarRecording(folder.path);
  const socket = new CurlWebSocket(server.url(), recording.of(NO_PROXY));
  const peer = await server.connection();
  const recorded = new Promise<unknown>((resolve) => {
    socket.onmessage = () => {
      recording.flush();
      resolve(entriesOf(folder.path).flatMap(messagesOf));
    };
  });
  await peer.accept({ then: frame(Opcode.text, "hello") });
  assertEquals(await recorded, [["receive", 1, "hello"]]);
  peer.destroy();
  await closed(socket);
});

test("HarRecording: the handshake, both directions with their times, and the close", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  const recording = new HarRecording(folder.path);
  const before = Date.now();
  const socket = new CurlWebSocket(server.url("/feed?symbol=BTC"), recording.of({ ...NO_PROXY, protocols: ["chat"] }));
  socket.binaryType = "arraybuffer";
  const peer = await server.connection();
  await peer.accept({ headers: ["Sec-WebSocket-Protocol: chat", "Server: test"] });
  await opened(socket);
  socket.send("grüß ✓ \u2028 \"'");
  socket.send(new Uint8Array([0, 255]));
  socket.send("");
  // In pieces, with a ping in between: a message is whole in the file, and control frames are not messages.
  await peer.send(Uint8Array.of(0x01, 1, 0x61, 0x89, 0, 0x80, 1, 0x62));
  await peer.send(frame(Opcode.binary, new Uint8Array([1, 2, 3])));
  const large = message(socket).then(() => message(socket)).then(() => message(socket));
  await peer.send(frame(Opcode.text, "x".repeat(3_000_000)));
  await large;
  await peer.send(frame(Opcode.close, closePayload(4001, "gone ✓")));
  peer.end();
  await closed(socket);
  recording.close();
  const after = Date.now();

  const [entry, ...more] = entriesOf(folder.path);
  assertEquals(more, []);
  assert(entry !== undefined);
  assertEquals(messagesOf(entry), [
    ["send", 1, "grüß ✓ \u2028 \"'"],
    ["send", 2, "AP8="],
    ["send", 1, ""],
    ["receive", 1, "ab"],
    ["receive", 2, "AQID"],
    ["receive", 1, "x".repeat(3_000_000)],
  ]);
  const { request, response, timings, _webSocketClose: close, ...rest } = entry;
  const times = [Date.parse(entry.startedDateTime) / 1000, ...entry._webSocketMessages.map(({ time }) => time)];
  times.push(close!.time);
  // A millisecond for the clock, which has no more digits.
  assert(times[0]! >= before / 1000 - 0.002 && times.at(-1)! <= after / 1000 + 0.002, times.join());
  assertEquals(times.slice(1).every((time, index) => time >= times[index]! - 0.001), true);
  assertEquals([close?.code, close?.reason, close?.wasClean], [4001, "gone ✓", true]);
  assertEquals([request.method, request.httpVersion, request.url], [
    "GET",
    "HTTP/1.1",
    server.url("/feed?symbol=%E2%80%A6"),
  ]);
  assertEquals([response.status, response.statusText], [101, "Switching Protocols"]);
  assertEquals(field(entry, "response", "server"), "test");
  assertEquals(field(entry, "response", "sec-websocket-protocol"), "chat");
  assertEquals(field(entry, "request", "sec-websocket-protocol"), "chat");
  assertEquals([rest.serverIPAddress, rest.connection, rest._resourceType], [
    "127.0.0.1",
    String(server.port),
    "websocket",
  ]);
  const { dns, connect, ssl, wait } = timings;
  assert(dns >= 0 && connect > 0 && ssl === -1 && wait > 0);
  assert(Math.abs(rest.time - dns - connect - wait) < 1e-6);
  if (process.platform !== "win32") assertEquals(statSync(folder.path).mode & 0o777, 0o600);
});

test("HarRecording: secrets are left out unless they are asked for", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  const token = "t0ken".repeat(10);
  for (const secrets of [false, true]) {
    const recording = new HarRecording(folder.path, { secrets });
    const socket = new CurlWebSocket(
      server.url(`/feed?key=hunter2&hunter3`).replace("//", "//joe:hunter5@"),
      recording.of<CurlWebSocketInit>({
        ...NO_PROXY,
        protocols: ["chat", token],
        cookies: "session=hunter6",
        headers: { "X-Api-Key": "hunter7", "User-Agent": "bot" },
      }),
    );
    const peer = await server.connection();
    await peer.accept({
      headers: [`Sec-WebSocket-Protocol: ${token}`, "Set-Cookie: session=hunter8", "X-Id: hunter9"],
    });
    await opened(socket);
    socket.terminate();
    await closed(socket);
    recording.close();
    const text = readFileSync(folder.path, "utf8"), [entry] = entriesOf(folder.path);
    const found = ["hunter2", "hunter3", "hunter6", "hunter7", "hunter8", "hunter9", token, btoa("joe:hunter5")]
      .filter((secret) => text.includes(secret));
    assertEquals(found.length, secrets ? 8 : 0, found.join());
    // A user has no place in a HAR file's URL.
    assertEquals(text.includes("joe"), false);
    assertEquals(field(entry!, "request", "user-agent"), "bot");
    assertEquals(field(entry!, "request", "authorization") !== undefined, secrets);
    assertEquals(field(entry!, "response", "set-cookie") !== undefined, secrets);
    assertEquals([entry!._webSocketClose?.code, entry!._webSocketClose?.wasClean], [1006, false]);
  }
});

test("HarRecording: each handshake has an entry: a redirect, a refusal, and one without a response", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  const recording = new HarRecording(folder.path);
  const answers = [
    "HTTP/1.1 302 Found\r\nLocation: /b?c=hunter2\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno",
    "",
  ];
  for (const paths of [["/a", "/b"], ["/d"]]) {
    const socket = new CurlWebSocket(server.url(paths[0]), recording.of({ ...NO_PROXY, maxRedirects: 1 }));
    const end = closed(socket);
    for (const _ of paths) {
      const peer = await server.connection();
      await peer.request();
      await peer.send(answers.shift()!);
      peer.end();
    }
    await end;
  }
  // Nothing is told of who was never connected to.
  await failed(new CurlWebSocket("ws://127.0.0.1:1/", recording.of(NO_PROXY)));
  recording.close();
  const entries = entriesOf(folder.path);
  assertEquals(entries.map(({ request, response }) => [new URL(request.url).pathname, response.status]), [
    ["/a", 302],
    ["/b", 429],
    ["/d", 0],
  ]);
  assertEquals(entries[0]!.response.redirectURL, "/b?c=…");
  assertEquals(field(entries[1]!, "response", "retry-after"), "7");
  assertMatch(entries[2]!.response._error!, /closed the connection/);
  assertEquals(entries.map(({ _webSocketMessages: list, _webSocketClose: close }) => [list, close]), [
    [[], undefined],
    [[], undefined],
    [[], undefined],
  ]);
});

test("HarRecording: a feed has an entry for each connection, also where two are open at once", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  const recording = new HarRecording(folder.path);
  const feed = new ReconnectingCurlWebSocket(
    server.url(),
    recording.of({
      ...NO_PROXY,
      reconnect: { maxDelay: 10 },
      connected: (socket: CurlWebSocket) => socket.send("hello"),
    }),
  );
  const received: unknown[] = [];
  let wake = () => {};
  feed.onmessage = ({ data }) => {
    received.push(data);
    wake();
  };
  const until = async (count: number) => {
    while (received.length < count) await new Promise<void>((resolve) => wake = resolve);
  };
  const first = await server.connection();
  await first.accept({ then: frame(Opcode.text, "1") });
  await until(1);
  feed.rotate();
  const second = await server.connection();
  await second.accept();
  await second.frame();
  // Both are open. What each brings stands with the rest of it, and the second one's comes behind the first one's end.
  await first.send(frame(Opcode.text, "late"));
  await until(2);
  await second.send(frame(Opcode.text, "2"));
  await second.send(frame(Opcode.text, "3"));
  await until(4);
  await first.closeFrame();
  await first.send(frame(Opcode.close, closePayload(1000)));
  first.end();
  await first.ended();
  const end = new Promise((resolve) => feed.onclose = resolve);
  feed.close(1000);
  await second.closeFrame();
  await second.send(frame(Opcode.close, closePayload(1000)));
  second.end();
  await end;
  recording.close();
  const entries = entriesOf(folder.path);
  assertEquals(entries.map((entry) => messagesOf(entry).map(([, , data]) => data)), [
    ["hello", "1", "late"],
    ["hello", "2", "3"],
  ]);
  assertEquals(entries.map(({ _webSocketClose: close }) => close?.code), [1000, 1000]);
});

test("HarRecording: streams are recorded; after each turn the file is whole, with all that came", async () => {
  using folder = new HarFolder();
  await using server = await WsServer.start({ deflate: {} });
  using recording = new HarRecording(folder.path);
  const stream = new CurlWebSocketStream(server.url("/echo"), recording.of(NO_PROXY));
  const { readable, writable } = await stream.opened;
  const reader = readable.getReader(), writer = writable.getWriter();
  for (const data of ["a", "b".repeat(2000)]) {
    await writer.write(data);
    assertEquals((await reader.read()).value, data);
  }
  // It is written at the end of the turn, and whole all the time.
  await new Promise((resolve) => setImmediate(resolve));
  const [entry] = entriesOf(folder.path);
  assertEquals(messagesOf(entry!).map(([type, , { length }]) => [type, length]), [
    ["send", 1],
    ["receive", 1],
    ["send", 2000],
    ["receive", 2000],
  ]);
  assertEquals(entry!._webSocketClose, undefined);
  stream.close();
  await stream.closed;
});

test("HarRecording: a file that cannot be begun is an error that names it", () => {
  using folder = new HarFolder();
  const path = join(folder.path, "no", "file.har");
  assertThrows(() => new HarRecording(path), Error, `${path} cannot be written: `);
});

test("HarRecording: it goes with an observer that is there already", async () => {
  using folder = new HarFolder();
  await using server = await WsServer.start();
  using recording = new HarRecording(folder.path);
  const seen: unknown[] = [];
  const options = withObserver(NO_PROXY, { messageReceived: (data) => seen.push(data) });
  const socket = new CurlWebSocket(server.url("/echo"), recording.of(options));
  await opened(socket);
  const echoed = message(socket);
  socket.send("a");
  await echoed;
  socket.terminate();
  await closed(socket);
  recording.close();
  assertEquals([seen, entriesOf(folder.path).map((entry) => messagesOf(entry).length)], [["a"], [2]]);
});
