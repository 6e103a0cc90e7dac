/** Recordings that are served again, by a client that knows nothing of it. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect } from "node:net";
import { CurlWebSocket, type CurlWebSocketErrorEvent, type CurlWebSocketInit } from "../../../mod.ts";
import { HarRecording, type Replay, replay, type ReplayOptions } from "../../../cli/har/mod.ts";
import { closed, opened } from "../../support/events.ts";
import { RawServer } from "../../support/raw_server.ts";
import { closePayload, frame, Opcode } from "../../support/frames.ts";
import { test } from "../../support/testing.ts";
import { entriesOf, entry, HarFolder, messagesOf } from "./support.ts";

const NO_PROXY: CurlWebSocketInit = { proxy: false };
const MAX = { speed: Infinity };

interface Played {
  readonly messages: { readonly at: number; readonly data: string | Uint8Array }[];
  readonly code: number;
  readonly reason: string;
  readonly protocol: string;
  /** Ms from before it connected to the close event. */
  readonly took: number;
  readonly error: string | undefined;
}

/** Connects, sends these messages, and reads to the end. */
async function client(url: string, send: string[] = [], init: CurlWebSocketInit = {}): Promise<Played> {
  const start = performance.now();
  const socket = new CurlWebSocket(url, { ...NO_PROXY, ...init });
  socket.binaryType = "arraybuffer";
  const messages: Played["messages"] = [];
  let error: string | undefined;
  socket.onopen = () => {
    for (const data of send) socket.send(data);
  };
  socket.onmessage = ({ data }) => {
    messages.push({ at: performance.now() - start, data: typeof data === "string" ? data : new Uint8Array(data) });
  };
  socket.onerror = (event: CurlWebSocketErrorEvent) => error = event.error.code;
  const { code, reason } = await closed(socket);
  return { messages, code, reason, protocol: socket.protocol, took: performance.now() - start, error };
}

/** Asks for a WebSocket in these words; returns the status and the body. */
async function handshake(url: string, path: string, field: string): Promise<string[]> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const fields = ["Host: h", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", field];
  socket.write(`GET ${path} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
  let text = "";
  for await (const chunk of socket) {
    text += chunk;
    if (/\r\n\r\n[^]*\n/.test(text)) break;
  }
  return [/^HTTP\/1\.1 (\d+)/.exec(text)![1]!, text.split("\r\n\r\n")[1]!.trim()];
}

const dataOf = ({ messages }: Played) => messages.map(({ data }) => data);

/** Serves entries, in a file of their own. */
function served(folder: HarFolder, entries: readonly unknown[], options: ReplayOptions = MAX): Replay {
  return replay(folder.write(entries), options);
}

test("what was recorded is replayed: the same messages in the same order, the subprotocol and the close", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  const recording = new HarRecording(folder.path);
  const options = recording.of<CurlWebSocketInit>({ ...NO_PROXY, protocols: ["json", "chat"] });
  const socket = new CurlWebSocket(server.url("/feed?token=hunter2"), options);
  const peer = await server.connection();
  await peer.accept({ headers: ["Sec-WebSocket-Protocol: chat", "X-RateLimit: 7", "Server: recorded"] });
  await opened(socket);
  socket.send("subscribe");
  // Text of one byte, fragments, bytes, nothing, text that JSON escapes, and 3 MB.
  const large = "ü".repeat(1_500_000);
  await peer.send(frame(Opcode.text, "1"));
  await peer.send(Uint8Array.of(0x01, 1, 0x61, 0x00, 1, 0x62, 0x80, 1, 0x63));
  await peer.send(frame(Opcode.binary, new Uint8Array([0, 255, 10])));
  await peer.send(frame(Opcode.binary, new Uint8Array(0)));
  await peer.send(frame(Opcode.text, ""));
  await peer.send(frame(Opcode.text, '"\\\n\u0000\u2028✓😀'));
  await peer.send(frame(Opcode.text, large));
  const end = closed(socket);
  await peer.send(frame(Opcode.close, closePayload(4001, "done ✓")));
  peer.end();
  await end;
  recording.close();

  for (const speed of [1, Infinity]) {
    await using again = replay(folder.path, { speed });
    assertEquals([again.url, again.urls.length], [`ws://127.0.0.1:${new URL(again.url).port}/feed`, 1]);
    const played = await client(again.url, [], { protocols: ["json", "chat"] });
    const expected = ["1", "abc", new Uint8Array([0, 255, 10]), new Uint8Array(0), "", '"\\\n\u0000\u2028✓😀', large];
    assertEquals(dataOf(played), expected);
    assertEquals([played.code, played.reason, played.protocol], [4001, "done ✓", "chat"]);
    // What is replayed can be recorded: nothing but times and fields of the handshake differs.
    using other = new HarFolder();
    const second = new HarRecording(other.path);
    await client(again.url, [], second.of<CurlWebSocketInit>({ ...NO_PROXY, protocols: ["chat"] }));
    second.close();
    const [was] = entriesOf(folder.path), [is] = entriesOf(other.path);
    assertEquals(messagesOf(is!), messagesOf(was!).filter(([type]) => type === "receive"));
    const field = (name: string) => is!.response.headers.find((each) => each.name.toLowerCase() === name)?.value;
    assertEquals(field("server"), "recorded");
    // Left out as a secret when it was recorded.
    assertEquals(field("x-ratelimit"), undefined);
  }
});

test("replay: messages come at their times, or faster", async () => {
  using folder = new HarFolder();
  const entries = [entry([["receive", 100, "a"], ["receive", 100, "b"], ["receive", 400, "c"]], {
    close: { at: 600, code: 1000 },
  })];
  const recorded = [100, 100, 400];
  for (const speed of [1, 4]) {
    await using server = served(folder, entries, { speed });
    const { messages, took } = await client(server.url);
    // Never earlier, but for a timer's millisecond or two; how much later is the machine's affair.
    for (const [index, { at }] of messages.entries()) assert(at >= recorded[index]! / speed - 2, `${at} at ${speed}`);
    assert(took >= 600 / speed - 2, `${took}`);
  }
  await using server = served(folder, [entry([["receive", 3e9, "in a month"]])]);
  assertEquals(dataOf(await client(server.url)), ["in a month"]);
});

test("replay: each close code, no code, and a connection that breaks", async () => {
  using folder = new HarFolder();
  const codes = [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4999, 1005, 1006];
  await using server = served(
    folder,
    codes.map((code) => entry([], { close: { code, reason: code < 1005 ? "why" : "" } })),
  );
  const results = [];
  for (const _ of codes) results.push(await client(server.url));
  assertEquals(results.map(({ code }) => code), codes);
  assertEquals(results.slice(0, 2).map(({ reason }) => reason), ["why", "why"]);
  assertEquals(results.map(({ error }) => error !== undefined), codes.map((code) => code === 1006));
});

test("replay: the path chooses, those of one path come one after another, and then from the first again", async () => {
  using folder = new HarFolder();
  const entries = [
    entry([["receive", 1, "a1"]], { url: "wss://h/a?token=…" }),
    entry([["receive", 1, "b"]], { url: "wss://h/b" }),
    entry([["receive", 1, "a2"]], { url: "wss://h/a", startedDateTime: "2026-01-02T03:04:06.000Z" }),
    entry([], {
      url: "wss://h/a",
      status: 503,
      headers: [["Retry-After", "7"]],
      startedDateTime: "2026-01-02T03:04:07.000Z",
    }),
  ];
  await using server = served(folder, entries);
  const [a, b] = server.urls;
  let isPlayed = false;
  void server.played.then(() => isPlayed = true);
  assertEquals([new URL(a!).pathname, new URL(b!).pathname], ["/a", "/b"]);
  const first = await client(`${a}?token=other`), second = await client(a!), other = await client(b!);
  assertEquals([first, second, other].map((played) => dataOf(played)), [["a1"], ["a2"], ["b"]]);
  assertEquals(isPlayed, false);
  const refused = new CurlWebSocket(a!, NO_PROXY);
  const { error } = await new Promise<CurlWebSocketErrorEvent>((resolve) => refused.onerror = resolve);
  assertEquals([error.code, error.status, error.headers?.find(([name]) => name.toLowerCase() === "retry-after")?.[1]], [
    "ERR_HANDSHAKE_STATUS",
    503,
    "7",
  ]);
  await server.played;
  assertEquals(dataOf(await client(a!)), ["a1"]);
  // Others are told what there is.
  assertEquals(await handshake(a!, "/c", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), [
    "404",
    "nothing was recorded at /c, only at /a, /b",
  ]);
  assertEquals(await handshake(a!, "/b", "X: y"), ["400", "not a WebSocket handshake"]);
  const plain = await fetch(a!.replace("ws:", "http:"));
  assertEquals([plain.status, await plain.text()], [426, "connect a WebSocket\n"]);

  await using one = served(folder, entries, { ...MAX, entry: 2 });
  assertEquals(dataOf(await client(one.url.replace("/b", "/anything"))), ["b"]);
  assertThrows(
    () => served(folder, entries, { entry: 9 }),
    Error,
    "has no WebSocket number 9; it has 1: /a, 1 messages; 2:",
  );
});

test("replay: subprotocols are as the client offers them", async () => {
  using folder = new HarFolder();
  const chosen = (value: string): { headers: [string, string][] } => ({ headers: [["Sec-WebSocket-Protocol", value]] });
  await using server = served(folder, [entry([], chosen("chat")), entry([], chosen("(50 characters)")), entry([])]);
  const protocols = async (...list: string[]) => (await client(server.url, [], { protocols: list })).protocol;
  // Recorded; hidden when it was recorded; none.
  assertEquals([await protocols("a", "chat"), await protocols("token", "b"), await protocols("a")], [
    "chat",
    "token",
    "",
  ]);
  assertEquals([await protocols("a"), await protocols(), await protocols()], ["", "", ""]);
});

const DIALOGUE = [
  entry([["receive", 0, "hello"], ["send", 1, "one"], ["receive", 2, "reply 1"], ["send", 3, "two"], [
    "receive",
    4,
    "reply 2",
  ]]),
];

test("replay: what the client sends is ignored, waited for, or compared", async () => {
  using folder = new HarFolder();
  const all = ["hello", "reply 1", "reply 2"];
  {
    await using server = served(folder, DIALOGUE);
    assertEquals(dataOf(await client(server.url)), all);
    assertEquals(dataOf(await client(server.url, ["x", "y", "z"])), all);
  }
  {
    await using server = served(folder, DIALOGUE, { ...MAX, sent: "wait" });
    assertEquals(dataOf(await client(server.url, ["x", "y", "z"])), all);
    // The replies do not come before what they reply to.
    const socket = new CurlWebSocket(server.url, NO_PROXY);
    const received: string[] = [], end = closed(socket);
    for await (const data of socket) {
      received.push(String(data));
      if (received.length < 3) socket.send(`${received.length}`);
    }
    assertEquals([received, (await end).code], [all, 1000]);
  }
  const told: string[] = [];
  await using server = served(folder, DIALOGUE, { ...MAX, sent: "compare", onDifference: (words) => told.push(words) });
  assertEquals(dataOf(await client(server.url, ["one", "two"])), all);
  assertEquals(server.differences, []);
  const wrong = await client(server.url, ["one", "2\x1b"]);
  assertEquals([wrong.code, wrong.reason], [1008, "not as recorded"]);
  const socket = new CurlWebSocket(server.url, NO_PROXY);
  await opened(socket);
  const end = closed(socket);
  socket.send("one");
  socket.close(1000);
  await end;
  const extra = await client(server.url, ["one", "two", "three"]);
  assert(extra.code === 1008 || extra.code === 1000);
  const differences = ['message 2 of the client is "2\\\\x1b"; recorded is "two"', 'its message 2, "two"'];
  for (const [index, words] of differences.entries()) assert(told[index]!.includes(words), told[index]);
  assertEquals(server.differences, told);
});

test("replay: a client that does not read for a while gets all of it", async () => {
  using folder = new HarFolder();
  const text = "x".repeat(100_000), count = 200;
  const entries = [entry(Array.from({ length: count }, (_, index) => ["receive", index, text] as const))];
  await using server = served(folder, entries);
  const socket = new CurlWebSocket(server.url, NO_PROXY);
  let received = 0;
  socket.onmessage = () => {
    if (received++ === 0) {
      socket.pause();
      setTimeout(() => socket.resume(), 50);
    }
  };
  assertEquals([(await closed(socket)).code, received], [1000, count]);
});

test("replay: closing it ends its connections; a client that leaves harms nobody", async () => {
  using folder = new HarFolder();
  const server = served(folder, [entry([["receive", 0, "a"], ["receive", 60_000, "b"]])], { speed: 1 });
  const gone = new CurlWebSocket(server.url, NO_PROXY);
  await opened(gone);
  gone.terminate();
  const socket = new CurlWebSocket(server.url, NO_PROXY);
  await opened(socket);
  const end = closed(socket);
  await server.close();
  assert([1001, 1006].includes((await end).code));
});

test("replay: an error says what is wrong with the file, the port or an option", async () => {
  using folder = new HarFolder();
  assertThrows(() => replay(`${folder.path}.no`), Error, "feed.har.no cannot be read: ");
  folder.write("{}");
  assertThrows(() => replay(folder.path), Error, "feed.har is no HAR file: it has no log.entries");
  assertThrows(() => served(folder, DIALOGUE, { speed: 0 }), RangeError, "speed must be more than 0, not 0");
  await using server = served(folder, DIALOGUE);
  const port = Number(new URL(server.url).port);
  const error = assertThrows(() => served(folder, DIALOGUE, { port }), Error);
  assertMatch((error as Error).message, new RegExp(`^port ${port} cannot be listened on: .+`));
});
