/** `ReconnectingCurlWebSocket` against a server that numbers its messages, 1,000 a second. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import process from "node:process";
import {
  CurlWebSocketError,
  reactorStats,
  ReconnectingCurlWebSocket,
  type ReconnectingCurlWebSocketOptions,
  type ReconnectingEvent,
  type WarningEvent,
} from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { domException, next } from "../support/events.ts";
import { type Frame, frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";
import { type Death, NumberingServer } from "./numbering_server.ts";

/** How many rotations, and deaths of a connection: `CURLWS_FEED_ROUNDS=1` takes as many as are claimed. */
const ALL = process.env["CURLWS_FEED_ROUNDS"] === "1";
const ROTATIONS = ALL ? 200 : 25, KILLS = ALL ? 500 : 25, DEATHS = ALL ? 300 : 25;
const TIMEOUT = { timeout: ALL ? 300_000 : 30_000 };

const key = (data: string | ArrayBuffer) => Number(data);
const trusting = (tls: boolean): ReconnectingCurlWebSocketOptions => tls ? { tls: { ca: certificates().ca } } : {};
const pass = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** Resolves when `done` returns true, which is asked again and again. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await pass(2);
}

/** The numbers that a feed brought. */
function numbersOf(feed: ReconnectingCurlWebSocket): number[] {
  const numbers: number[] = [];
  feed.addEventListener("message", ({ data }) => numbers.push(Number(data)));
  return numbers;
}

/** Numbers that are missing, or come twice. */
function problemsOf(numbers: readonly number[]): string[] {
  const seen = new Set(numbers), problems: string[] = [];
  if (seen.size !== numbers.length) problems.push(`${numbers.length - seen.size} came twice`);
  const sorted = [...seen].sort((a, b) => a - b);
  for (const [i, number] of sorted.entries()) {
    if (i > 0 && number !== sorted[i - 1]! + 1) problems.push(`${number} after ${sorted[i - 1]}`);
  }
  return problems;
}

const textOf = ({ payload }: Frame) => new TextDecoder().decode(payload);

async function closeAll(feed: ReconnectingCurlWebSocket): Promise<CloseEvent> {
  const closed = next<CloseEvent>(feed, "close");
  feed.close(1000);
  return await closed;
}

for (const tls of [false, true]) {
  const scheme = tls ? "wss" : "ws";

  test(`${ROTATIONS} rotations while it runs: every number once, in order, none lost (${scheme})`, async () => {
    await using server = await NumberingServer.start({ tls });
    const feed = new ReconnectingCurlWebSocket(server.url(), { ...trusting(tls), rotate: { key } });
    const numbers = numbersOf(feed);
    await next(feed, "open");
    await until(() => numbers.length > 10);
    for (let i = 0; i < ROTATIONS; i++) {
      assert(feed.rotate());
      await until(() => feed.stats.rotations === i + 1);
    }
    await until(() => server.live.size === 1);
    const { gaps, connections } = feed.stats;
    assertEquals([gaps, connections], [0, ROTATIONS + 1]);
    await closeAll(feed);
    assertEquals(numbers, numbers.map((_, i) => numbers[0]! + i));
  }, TIMEOUT);

  test(`a reader that stops for a while holds the server back, during rotations too (${scheme})`, async () => {
    await using server = await NumberingServer.start({ tls });
    // Some hundred messages: less than comes while the reader sleeps.
    const highWaterMark = 10_000;
    const feed = new ReconnectingCurlWebSocket(server.url(), { ...trusting(tls), highWaterMark, rotate: { key } });
    const numbers: number[] = [];
    let pauses = 0, rotations = 0;
    for await (const data of feed) {
      numbers.push(Number(data));
      if (numbers.length % 100 !== 0 || feed.stats.rotations < rotations) continue;
      if (rotations === 5) break;
      assert(feed.rotate());
      rotations++;
      await pass(300);
      if (feed.isPaused) pauses++;
    }
    assertEquals([feed.stats.gaps, pauses], [0, 5]);
    assertEquals(numbers, numbers.map((_, i) => numbers[0]! + i));
  }, TIMEOUT);

  test(`two connections of which one dies again and again: every number once (${scheme})`, async () => {
    await using server = await NumberingServer.start({ tls });
    const feed = new ReconnectingCurlWebSocket(server.url(), {
      ...trusting(tls),
      // Silence is found by it. A machine that is busy for as long would end the other connection too.
      pingInterval: 250,
      handshakeTimeout: 100,
      closeTimeout: 100,
      reconnect: { firstDelay: 5, maxDelay: 10 },
      redundancy: { connections: 2, key },
    });
    const numbers = numbersOf(feed);
    await until(() => feed.sockets.length === 2 && server.live.size === 2);
    const deaths: readonly Death[] = ["reset", "silence", "garbage", "end", "close"];
    const receptions = ["serve", "slow", "refuse", "429", "reset", "hang", "serve"] as const;
    for (let i = 0; i < KILLS; i++) {
      let left = 1;
      server.receive = () => left-- > 0 ? receptions[i % receptions.length]! : "serve";
      server.kill([...server.live][i % 2]!, deaths[i % deaths.length]!);
      await until(() => feed.sockets.length === 2 && server.live.size === 2);
    }
    const { gaps, redundancy, duplicates } = feed.stats;
    assertEquals(gaps, 0);
    assert(redundancy.every(({ first }) => first > 0) && duplicates > 0);
    await closeAll(feed);
    assertEquals(problemsOf(numbers), []);
  }, TIMEOUT);

  test(
    `a server that dies and comes back ${DEATHS} times: gaps are told exactly, and nothing is left behind (${scheme})`,
    async () => {
      await using server = await NumberingServer.start({ tls });
      const deaths: readonly Death[] = ["reset", "end", "garbage", "silence", "close"];
      // Of the connection that stands, or is being made.
      let death = deaths[0]!;
      const feed = new ReconnectingCurlWebSocket(server.url(), {
        ...trusting(tls),
        handshakeTimeout: 40,
        // A machine that is busy for as long would end one that is not to die in silence.
        pingInterval: () => death === "silence" ? 50 : 0,
        closeTimeout: 50,
        reconnect: { firstDelay: 2, maxDelay: 8 },
      });
      const numbers = numbersOf(feed), gaps: { from: number; to: number; at: number }[] = [], open: number[] = [];
      feed.ongap = ({ from, to }) => gaps.push({ from, to, at: numbers.length });
      feed.onopen = () => open.push(Date.now());
      const receptions = ["refuse", "429", "hang", "reset", "slow"] as const;
      for (let i = 0; i < DEATHS; i++) {
        await until(() => feed.readyState === 1 && server.live.size > 0 && numbers.length > (gaps.at(-1)?.at ?? 0));
        let left = i % 4;
        server.receive = () => left-- > 0 ? receptions[(i + left) % receptions.length]! : "serve";
        const now = death;
        death = deaths[(i + 1) % deaths.length]!;
        for (const connection of server.live) server.kill(connection, now);
        await until(() => gaps.length === i + 1);
      }
      assertEquals([gaps.length, open.length, feed.stats.gaps], [DEATHS, DEATHS + 1, DEATHS]);
      // All that is missing is missing at a gap.
      const told = new Set(gaps.map(({ at }) => at));
      const jumps = numbers.flatMap((number, i) => i > 0 && number !== numbers[i - 1]! + 1 ? [i] : []);
      assertEquals(jumps.filter((at) => !told.has(at)), []);
      assert(gaps.every(({ from, to }) => from <= to));
      const end = await closeAll(feed);
      assertEquals([end.code, feed.readyState], [1000, 3]);
      const { accepted } = server;
      await pass(50);
      assertEquals(server.accepted, accepted);
    },
    TIMEOUT,
  );
}

test("it has WebSocket's members, events and states", async () => {
  await using server = await NumberingServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url("/path"), { perMessageDeflate: false });
  assertEquals([feed.readyState, feed.url, feed.protocol, feed.extensions], [0, server.url("/path"), "", ""]);
  assertEquals([feed.CONNECTING, feed.OPEN, feed.CLOSING, feed.CLOSED], [0, 1, 2, 3]);
  assertEquals(Object.prototype.toString.call(feed), "[object WebSocket]");
  assertEquals(domException(() => feed.send("x")), "InvalidStateError");
  assertEquals(domException(() => feed.close(1)), "InvalidAccessError");
  const events: string[] = [];
  for (const type of ["open", "message", "error", "close"] as const) {
    feed.addEventListener(type, () => void (events.includes(type) || events.push(type)));
  }
  await next(feed, "message");
  assertEquals([feed.readyState, feed.connection?.remoteAddress], [1, "127.0.0.1"]);
  const closed = next<CloseEvent>(feed, "close");
  feed.close(3001, "done");
  assertEquals(feed.readyState, 2);
  const { code, wasClean } = await closed;
  assertEquals([code, wasClean, feed.readyState, events], [3001, true, 3, ["open", "message", "close"]]);
});

test("ping() and pong() go over the open connection, and throw without one", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url());
  for (const method of ["ping", "pong"] as const) assertEquals(domException(() => feed[method]()), "InvalidStateError");
  const peer = await server.connection();
  await peer.accept();
  await next(feed, "open");
  feed.ping("a");
  feed.pong("b");
  const [ping, pong] = [await peer.frame(), await peer.frame()];
  assertEquals([ping!.opcode, textOf(ping!), pong!.opcode, textOf(pong!)], [Opcode.ping, "a", Opcode.pong, "b"]);
  await peer.send(frame(Opcode.pong, "a"));
  await until(() => feed.stats.roundTripTime !== null);
  assertEquals(feed.URL, feed.url);
  feed.terminate();
});

test("handlers are properties as WebSocket's are", () => {
  const feed = new ReconnectingCurlWebSocket("ws://localhost:9");
  const names = ["onopen", "onmessage", "onerror", "onclose", "onreconnecting", "ongap", "onwarning"] as const;
  for (const name of names) {
    const { get, enumerable } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(feed), name)!;
    assertEquals([feed[name], get!.name, enumerable], [null, `get ${name}`, true]);
    const handler = () => {};
    feed[name] = handler;
    assertEquals(feed[name], handler);
  }
  feed.terminate();
});

test("with() makes a class for libraries that take one, whose own options win", async () => {
  await using server = await RawServer.start();
  const Feed = ReconnectingCurlWebSocket.with({ headers: { A: "1" }, maxMessageSize: 5 });
  const feed = new Feed(server.url(), ["a"], { headers: { B: "2" } });
  assert(feed instanceof ReconnectingCurlWebSocket);
  const request = await (await server.connection()).request();
  assertMatch(request, /^B: 2\r$/m);
  assertMatch(request, /^Sec-WebSocket-Protocol: a\r$/m);
  assertEquals(request.includes("A: 1"), false);
  feed.terminate();
});

test("what cannot be right is refused by the constructor", () => {
  const make = (options: object, url = "ws://localhost") => () =>
    new ReconnectingCurlWebSocket(url, options as ReconnectingCurlWebSocketOptions);
  assertThrows(make({ nonsense: 1 }), TypeError, "unknown option nonsense");
  assertThrows(make({ reconnect: { nonsense: 1 } }), TypeError, "unknown option of reconnect nonsense");
  assertThrows(make({ reconnect: { factor: 0 } }), RangeError, "reconnect.factor must be from 1 to 10");
  assertThrows(make({ redundancy: { connections: 2 } }), TypeError, "redundancy needs a key");
  assertThrows(make({ redundancy: { connections: 17, key } }), RangeError, "from 1 to 16");
  assertThrows(make({ connected: "x" }), TypeError, "connected must be a function");
  assertThrows(make({ signal: {} }), TypeError, "signal must be an AbortSignal");
  assertEquals(domException(make({}, "ftp://localhost")), "SyntaxError");
});

test("for await goes on across connections, and throws when it cannot go on", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { reconnect: { firstDelay: 1 } });
  const texts: unknown[] = [];
  const reading = (async () => {
    for await (const data of feed) texts.push(data);
  })();
  for (const text of ["a", "b"]) {
    const peer = await server.connection();
    await peer.accept();
    await peer.send(frame(Opcode.text, text));
    peer.end();
  }
  const peer = await server.connection();
  await peer.request();
  await peer.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  const error = await assertRejects(() => reading, CurlWebSocketError);
  assertEquals([texts, error.code, error.status], [["a", "b"], "ERR_HANDSHAKE_STATUS", 401]);
});

test("a loop that lags behind is told of a gap between the messages before and behind it", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { reconnect: { firstDelay: 1 } });
  const told: unknown[] = [];
  feed.ongap = () => told.push("gap");
  const all = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const data of feed) {
      told.push(data);
      await all.promise;
      if (told.length === 8) break;
    }
  })();
  for (const texts of ["ab", "cd", "ef"]) {
    const peer = await server.connection();
    await peer.accept();
    for (const text of texts) await peer.send(frame(Opcode.text, text));
    if (texts !== "ef") peer.end();
  }
  await until(() => feed.stats.messagesReceived === 6);
  assertEquals([told, feed.stats.gaps], [["a"], 2]);
  all.resolve();
  await reading;
  assertEquals(told, ["a", "b", "gap", "c", "d", "gap", "e", "f"]);
});

test("a rotation that fails is told, and the old connection goes on", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { reconnect: { firstDelay: 60_000 } });
  const peer = await server.connection();
  await peer.accept();
  await next(feed, "open");
  const warned = next<WarningEvent>(feed, "warning");
  assert(feed.rotate());
  const other = await server.connection();
  await other.request();
  await other.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  const { problem, index, delay, reason } = await warned;
  assertEquals([problem, index, reason.error?.status], ["rotation", 0, 503]);
  assert(delay! <= 60_000);
  const { rotations, rotationFailures, gaps } = feed.stats;
  assertEquals([rotations, rotationFailures, gaps, feed.readyState], [0, 1, 0, 1]);
  const message = next<MessageEvent>(feed, "message");
  await peer.send(frame(Opcode.text, "still here"));
  assertEquals((await message).data, "still here");
  feed.terminate();
});

test("an interface that is not there may come up later: it connects again", async () => {
  const feed = new ReconnectingCurlWebSocket("ws://127.0.0.1:9/", { interface: "nosuch0" });
  const { reason: { error } } = await next<ReconnectingEvent>(feed, "reconnecting");
  assertEquals([error?.code, error?.curlCode], ["ERR_CONNECT_REFUSED", 45]);
  feed.terminate();
});

test("binary messages come as binaryType says", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url());
  const peer = await server.connection();
  await peer.accept();
  const blob = next<MessageEvent>(feed, "message");
  await peer.send(frame(Opcode.binary, Uint8Array.of(1)));
  assert((await blob).data instanceof Blob);
  feed.binaryType = "arraybuffer";
  const buffer = next<MessageEvent>(feed, "message");
  await peer.send(frame(Opcode.binary, Uint8Array.of(2)));
  assertEquals(new Uint8Array((await buffer).data), Uint8Array.of(2));
  feed.terminate();
});

test("connected may wait for the server's reply", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), {
    buffer: 100,
    connected: async (socket) => {
      socket.send("login");
      const { data } = await next<MessageEvent>(socket, "message");
      if (data !== "welcome") throw new Error(`refused: ${data}`);
    },
  });
  feed.send("subscribe");
  const texts: unknown[] = [];
  feed.onmessage = ({ data }) => texts.push(data);
  const peer = await server.connection();
  await peer.accept();
  assertEquals(textOf((await peer.frame())!), "login");
  await peer.send(frame(Opcode.text, "welcome"));
  assertEquals(textOf((await peer.frame())!), "subscribe");
  await until(() => texts.length === 1);
  assertEquals(texts, ["welcome"]);
  feed.terminate();
});

test("1,000 feeds that are closed at any moment leave no connection and no socket", async () => {
  await using server = await NumberingServer.start();
  const before = reactorStats().connections;
  for (let i = 0; i < 100; i++) {
    const feeds = Array.from({ length: 10 }, () => new ReconnectingCurlWebSocket(server.url()));
    const closed = feeds.map((feed) => next(feed, "close"));
    await pass(i % 5);
    for (const feed of feeds) feed[i % 3 === 0 ? "terminate" : "close"]();
    await Promise.all(closed);
  }
  await until(() => server.live.size === 0 && reactorStats().connections === before);
});
