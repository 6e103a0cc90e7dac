/** `stats` of a socket, and `reactorStats()`. */
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { CurlWebSocket, CurlWebSocketStream, reactorStats } from "../../mod.ts";
import { closed, message, next, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { noBell } from "../support/bell.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

test("stats: counts messages, frames and bytes in each direction", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  socket.binaryType = "arraybuffer";
  const all = new Promise<void>((resolve) => {
    let left = 4;
    socket.onmessage = () => void (--left === 0 && resolve());
  });
  const pong = next(socket, "pong");
  const frames = [
    frame(Opcode.text, "hello"),
    frame(Opcode.text, "é€"),
    frame(Opcode.binary, new Uint8Array(300)),
    frame(Opcode.text, "in ", { fin: false }),
    frame(Opcode.continuation, "pieces"),
    frame(Opcode.ping, "p"),
    frame(Opcode.pong, "q"),
  ];
  for (const each of frames) await peer.send(each);
  await all;
  await pong;
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  const before = socket.stats;
  assertEquals(
    [before.messagesReceived, before.framesReceived, before.bytesReceived, before.payloadBytesReceived],
    [4, 7, bytes, 5 + 5 + 300 + 9],
  );
  // The pong that answers the ping.
  assertEquals([before.messagesSent, before.framesSent, before.payloadBytesSent], [0, 1, 0]);
  socket.send("hello");
  socket.send("é€");
  socket.send("");
  socket.send(new Uint8Array(300));
  socket.send("x".repeat(300_000));
  socket.ping("now");
  for (let i = 0; i < 7; i++) await peer.frame();
  const { stats } = socket;
  assertEquals([stats.messagesSent, stats.framesSent, stats.payloadBytesSent], [5, 7, 5 + 5 + 300 + 300_000]);
  // Headers with masks: pong, hello, é€, empty, 300, 300,000, ping.
  assertEquals(stats.bytesSent, 7 + 11 + 11 + 6 + 308 + 300_014 + 9);
  assertEquals([stats.compressionRatioReceived, stats.compressionRatioSent], [null, null]);
  assertEquals(stats.roundTripTime, null);
  assert(stats.turns >= 1 && stats.turns >= stats.wakeups, `${stats.wakeups} wake-ups, ${stats.turns} turns`);
  assertEquals(before.messagesSent, 0, "a snapshot does not change");
  assert(Object.isFrozen(stats));
});

test("stats: a message after a quiet time counts one wake-up and one turn", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  for (let last = -1; last !== reactorStats().turns;) {
    last = reactorStats().turns;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  const { wakeups, turns } = socket.stats;
  const first = message(socket);
  await peer.send(frame(Opcode.text, "hello"));
  await first;
  assertEquals([socket.stats.wakeups - wakeups, socket.stats.turns - turns], [1, 1]);
});

test("stats: counts a message that arrives with the handshake, and none that arrives too late", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/push?count=3"));
  assertEquals(socket.stats.framesReceived, 0);
  const close = closed(socket);
  const all = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => void (data === "2" && resolve());
  });
  await all;
  socket.close();
  await close;
  socket.send("too late");
  const { messagesReceived, bytesReceived, messagesSent, framesSent, framesReceived } = socket.stats;
  // Our close frame, and the server's.
  assertEquals([messagesReceived, messagesSent, framesSent, framesReceived], [3, 0, 1, 4]);
  assertEquals(bytesReceived, 3 * 3 + 2);
});

test("stats: has compression ratios, and payload sizes before and after", async () => {
  await using server = await WsServer.start({ deflate: { threshold: 0 } });
  await using socket = new CurlWebSocket(server.url("/echo"), { perMessageDeflate: { threshold: 100 } });
  await opened(socket);
  socket.send("short");
  await message(socket);
  assertEquals(socket.stats.compressionRatioSent, null);
  const text = "the same again and again, ".repeat(1000);
  socket.send(text);
  await message(socket);
  const { stats } = socket;
  assertEquals([stats.payloadBytesSent, stats.payloadBytesReceived], [text.length + 5, text.length + 5]);
  const sent = stats.compressionRatioSent!, received = stats.compressionRatioReceived!;
  assert(sent > 0 && sent < 0.05, String(sent));
  assert(received > 0 && received < 0.05, String(received));
  // The headers of both have 6 bytes.
  assertEquals(stats.bytesSent, 11 + Math.round(sent * text.length) + 6);
});

test("stats: has the round-trip time, and a stream has statistics too", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocket(server.url("/echo"));
  await opened(socket);
  const pong = next(socket, "pong");
  socket.ping();
  await pong;
  assertEquals(socket.stats.roundTripTime, socket.roundTripTime);
  assert(socket.stats.roundTripTime! > 0);
  await using stream = new CurlWebSocketStream(server.url("/echo"));
  const { readable, writable } = await stream.opened;
  await writable.getWriter().write("hello");
  await readable.getReader().read();
  assertEquals([stream.stats.messagesSent, stream.stats.messagesReceived], [1, 1]);
});

test("stats: what the server has not acknowledged is counted when the connection has ended, and not before", async () => {
  const onLinux = process.platform === "linux";
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const closed = next(socket, "close");
  peer.pause();
  // More than the kernel takes: what it has taken, the server's kernel has in part.
  socket.send(new Uint8Array(32 * 1024 * 1024));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(socket.stats.bytesUnacknowledged, null);
  peer.reset();
  await closed;
  const { bytesUnacknowledged, bytesSent } = socket.stats;
  assert(socket.bufferedAmount > 0);
  if (!onLinux) return assertEquals(bytesUnacknowledged, null);
  assert(bytesUnacknowledged! > 0 && bytesUnacknowledged! <= bytesSent, `${bytesUnacknowledged} of ${bytesSent}`);
});

test("stats: behind a closing handshake all is acknowledged", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/echo"));
  await opened(socket);
  socket.send("hello");
  const closed = next(socket, "close");
  socket.close();
  await closed;
  assertEquals(socket.stats.bytesUnacknowledged, process.platform === "linux" ? 0 : null);
});

test("reactorStats(): is all zeros before the first connection, and does not change while idle", async () => {
  await using server = await WsServer.start();
  const script = `
    const { reactorStats } = module;
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    console.log(JSON.stringify(reactorStats()));
    const socket = new CurlWebSocket(url);
    await new Promise((resolve) => socket.onopen = resolve);
    // The looking for answers ends within a moment.
    for (let last = -1; last !== reactorStats().turns; last = reactorStats().turns, await sleep(20));
    const before = reactorStats();
    await sleep(300);
    const idle = reactorStats();
    socket.send("hello");
    await new Promise((resolve) => socket.onmessage = resolve);
    const busy = reactorStats();
    socket.close();
    await new Promise((resolve) => socket.onclose = resolve);
    console.log(JSON.stringify([before, idle, busy, reactorStats()]));`;
  const [first, rest] = (await runScript(server.url("/echo"), script)).split("\n").map((line) => JSON.parse(line));
  assertEquals(first, {
    sockets: 0,
    connections: 0,
    polls: 0,
    wakeups: 0,
    looks: 0,
    turns: 0,
    timers: 0,
    moderations: 0,
    hasThread: false,
  });
  const [before, idle, busy, after] = rest;
  assertEquals(idle, before);
  assertEquals([idle.sockets, idle.connections, idle.polls - idle.wakeups], [1, 1, 1]);
  assert(busy.turns > idle.turns && busy.turns === busy.wakeups + busy.looks, JSON.stringify(busy));
  assertEquals([after.sockets, after.connections], [0, 0]);
  assertEquals(idle.hasThread, noBell() !== undefined);
});

test("reactorStats(): a dense stream is read by timers", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocket(server.url("/flow"), { maxReceiveDelay: 20 });
  const before = reactorStats();
  let count = 0;
  await new Promise<void>((resolve) => socket.onmessage = () => void (++count === 300 && resolve()));
  const { timers, moderations } = reactorStats();
  assert(timers > before.timers, "no turn came from a timer");
  assert(moderations > before.moderations, "timers took over and that was not counted");
});
