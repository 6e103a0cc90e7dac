/** What a `ReconnectingCurlWebSocket` promises beside its events. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CurlWebSocketError, ReconnectingCurlWebSocket, WebSocketError } from "../../mod.ts";
import { next } from "../support/events.ts";
import { type Frame, frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

const textOf = ({ payload }: Frame) => new TextDecoder().decode(payload);

test("opened resolves with the feed when its first connection is open, and stays so", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { reconnect: { firstDelay: 1 } });
  const { opened } = feed;
  await (await server.connection()).refuse("503 Service Unavailable");
  const peer = await server.accepted();
  assert(await opened === feed && feed.readyState === 1);
  peer.end();
  await next(feed, "reconnecting");
  assert(await feed.opened === feed);
  feed.terminate();
  const { code, error, wasClean } = await feed.closed;
  assertEquals([code, error, wasClean], [1006, null, false]);
});

test("if it cannot go on, opened rejects with its error, closed has it, and nobody has to look", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url());
  void feed.opened;
  void feed.receive();
  void feed.drained();
  await (await server.connection()).refuse("401 Unauthorized");
  const { error } = await feed.closed;
  assertEquals([error?.code, error?.status], ["ERR_HANDSHAKE_STATUS", 401]);
  assert(await assertRejects(() => feed.opened, CurlWebSocketError) === error);
  assert(await assertRejects(() => feed.receive(), CurlWebSocketError) === error);
  assert(await assertRejects(() => feed.receive(), CurlWebSocketError) === error);
});

test("receive() waits across connections, and a wait that is given up loses no message", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { reconnect: { firstDelay: 1 } });
  const first = feed.receive();
  const peer = await server.accepted();
  await peer.send(frame(Opcode.text, "a"));
  assertEquals(await first, "a");
  const error = await assertRejects(() => feed.receive({ timeout: 1 }), DOMException);
  assertEquals(error.name, "TimeoutError");
  const second = feed.receive();
  peer.end();
  const other = await server.accepted();
  await other.send(frame(Opcode.text, "b"));
  assertEquals(await second, "b");
  const last = feed.receive();
  feed.close(1000);
  await other.send(frame(Opcode.close, (await other.closeFrame()).payload));
  other.end();
  assertEquals((await assertRejects(() => last, WebSocketError)).closeCode, 1000);
});

test("a gap is told between the messages that receive() gives, also behind a wait that was given up", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { reconnect: { firstDelay: 1 } });
  const told: unknown[] = [];
  feed.ongap = () => told.push("gap");
  const first = feed.receive();
  const peer = await server.accepted();
  await peer.send(frame(Opcode.text, "a"));
  told.push(await first);
  await assertRejects(() => feed.receive({ timeout: 1 }), DOMException);
  const open = next(feed, "open");
  peer.end();
  const other = await server.accepted();
  await open;
  await other.send(frame(Opcode.text, "b"));
  assertEquals(told, ["a"]);
  told.push(await feed.receive());
  assertEquals(told, ["a", "gap", "b"]);
  feed.terminate();
});

test("drained() waits for a connection, and for the kernel", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { buffer: 1000 });
  feed.send("kept");
  await feed.drained(4);
  let isDrained = false;
  const drained = feed.drained().then(() => isDrained = true);
  assertEquals((await assertRejects(() => feed.drained(3, { timeout: 1 }), DOMException)).name, "TimeoutError");
  assertEquals(isDrained, false);
  const peer = await server.accepted();
  await drained;
  assertEquals([textOf((await peer.frame())!), feed.bufferedAmount], ["kept", 0]);
  peer.pause();
  feed.send(new Uint8Array(20_000_000));
  const waiting = feed.drained();
  feed.terminate();
  assertEquals((await assertRejects(() => waiting, WebSocketError)).closeCode, 1006);
  assertThrows(() => feed.drained(-1), RangeError);
});

test("ping() resolves with milliseconds, and rejects if its connection ends before the pong", async () => {
  await using server = await RawServer.start();
  const feed = new ReconnectingCurlWebSocket(server.url(), { reconnect: { firstDelay: 60_000 } });
  assertThrows(() => feed.ping(), DOMException, "no connection is open");
  const peer = await server.accepted();
  await feed.opened;
  const time = feed.ping("a");
  await peer.send(frame(Opcode.pong, (await peer.frame())!.payload));
  assert(await time >= 0);
  const lost = feed.ping("b");
  peer.end();
  assertEquals((await assertRejects(() => lost, CurlWebSocketError)).code, "ERR_CONNECTION_LOST");
  feed.terminate();
});

for (const when of ["at once", "when its queue is full"]) {
  test(`connected may receive(), and be done ${when}: its queue holds nothing up then`, async () => {
    await using server = await RawServer.start();
    const feed = new ReconnectingCurlWebSocket(server.url(), {
      highWaterMark: 1000,
      connected: async (socket) => {
        socket.send("login");
        assertEquals(await socket.receive(), "welcome");
        while (when !== "at once" && !socket.isPaused) await new Promise((resolve) => setTimeout(resolve, 2));
      },
    });
    const texts: unknown[] = [];
    const all = new Promise<void>((resolve) => {
      feed.onmessage = ({ data }) => void (texts.push(data) === 101 && resolve());
    });
    const peer = await server.accepted();
    assertEquals(textOf((await peer.frame())!), "login");
    const messages = Array.from({ length: 100 }, (_, i) => `${i} ${"x".repeat(100)}`);
    await peer.send(frame(Opcode.text, "welcome"));
    for (const message of messages) await peer.send(frame(Opcode.text, message));
    await all;
    assertEquals(texts, ["welcome", ...messages]);
    feed.terminate();
  });
}

test("await using closes it", async () => {
  await using server = await RawServer.start();
  let closed;
  {
    await using feed = new ReconnectingCurlWebSocket(server.url());
    ({ closed } = feed);
    const peer = await server.accepted();
    await feed.opened;
    void peer.closeFrame().then(async ({ payload }) => {
      await peer.send(frame(Opcode.close, payload));
      peer.end();
    });
  }
  assertEquals((await closed).wasClean, true);
});
