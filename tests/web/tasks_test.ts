import { assert, assertEquals } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { closed, failed, next } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** Text messages 0 to `count` - 1 in one packet. */
function packet(count: number, ...more: Uint8Array[]): Uint8Array {
  const frames = Array.from({ length: count }, (_, index) => frame(Opcode.text, String(index)));
  return new Uint8Array([...frames, ...more].flatMap((bytes) => [...bytes]));
}

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `${from + index}`);

test("messages of one packet that are awaited with one promise after another are not lost", async () => {
  await using pair = await Pair.open();
  let take: (data: string) => void = () => {};
  pair.socket.onmessage = ({ data }) => take(data);
  const sent = pair.peer.send(packet(2000));
  const nextMessage = async () => {
    const data = await new Promise<string>((resolve) => take = resolve);
    for (let tick = 0; tick < 10; tick++) await null;
    return data;
  };
  for (const expected of numbers(2000)) assertEquals(await nextMessage(), expected);
  await sent;
});

test("messages of two sockets that are awaited with one promise after another are not lost", async () => {
  await using one = await Pair.open();
  await using two = await Pair.open();
  let take: (data: string) => void = () => {};
  for (const { socket } of [one, two]) socket.onmessage = ({ data }) => take(data);
  for (let round = 0; round < 50; round++) {
    const sent = Promise.all([one.peer.send(packet(3)), two.peer.send(packet(3))]);
    const got: string[] = [];
    while (got.length < 6) got.push(await new Promise<string>((resolve) => take = resolve));
    assertEquals(got.sort(), ["0", "0", "1", "1", "2", "2"]);
    await sent;
  }
});

test("the microtasks of a message run before the next message", async () => {
  await using pair = await Pair.open();
  const log: string[] = [];
  pair.socket.onmessage = async ({ data }) => {
    log.push(`message ${data}`);
    for (let tick = 0; tick < 5; tick++) await null;
    log.push(`done ${data}`);
  };
  const end = closed(pair.socket);
  await pair.peer.send(packet(600, frame(Opcode.close)));
  pair.peer.end();
  await end;
  assertEquals(log, numbers(600).flatMap((number) => [`message ${number}`, `done ${number}`]));
});

test("the event loop runs between many messages", async () => {
  await using pair = await Pair.open();
  const count = 5000;
  let received = 0, atTimer = 0;
  const done = Promise.withResolvers<void>();
  pair.socket.onmessage = () => {
    if (received === 0) setTimeout(() => atTimer = received, 0);
    const until = performance.now() + 0.02;
    while (performance.now() < until);
    if (++received === count) done.resolve();
  };
  await pair.peer.send(packet(count));
  await done.promise;
  assert(atTimer > 0 && atTimer < count, `${atTimer}`);
});

test("pause() in a later message holds back the rest of the packet, and the close after it, until resume()", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const log: string[] = [];
  const pauses = new Map(["20", "40"].map((data) => [data, Promise.withResolvers<void>()]));
  socket.onmessage = ({ data }) => {
    log.push(data);
    if (!pauses.has(data)) return;
    socket.pause();
    pauses.get(data)!.resolve();
  };
  socket.onclose = ({ code, wasClean }) => log.push(`close ${code} ${wasClean}`);
  await peer.send(packet(60, frame(Opcode.close)));
  await pauses.get("20")!.promise;
  // Whatever could come comes in another socket's life.
  await using other = await Pair.open();
  const otherEnd = closed(other.socket);
  await other.close();
  await otherEnd;
  assertEquals([log, socket.isPaused, socket.readyState], [numbers(21), true, CurlWebSocket.OPEN]);
  socket.resume();
  assertEquals([log.length, socket.isPaused], [21, false]);
  await pauses.get("40")!.promise;
  assertEquals([log, socket.isPaused], [numbers(41), true]);
  const end = closed(socket);
  socket.resume();
  await peer.closeFrame();
  peer.end();
  await end;
  assertEquals(log, [...numbers(60), "close 1005 true"]);
});

test("resume() right after pause() keeps the order, and delivers each message once", async () => {
  await using pair = await Pair.open();
  const log: string[] = [];
  pair.socket.onmessage = ({ data }) => {
    log.push(data);
    pair.socket.pause();
    pair.socket.resume();
    if (Number(data) % 3 === 0) pair.socket.pause();
    queueMicrotask(() => pair.socket.resume());
  };
  const end = closed(pair.socket);
  await pair.peer.send(packet(300, frame(Opcode.close)));
  pair.peer.end();
  await end;
  assertEquals(log, numbers(300));
});

test("a violation received while paused is reported after resume(), after the messages before it", async () => {
  await using pair = await Pair.open();
  const log: string[] = [];
  const paused = Promise.withResolvers<void>();
  pair.socket.onmessage = ({ data }) => {
    log.push(data);
    if (data !== "5") return;
    pair.socket.pause();
    paused.resolve();
  };
  const failure = failed(pair.socket);
  await pair.peer.send(packet(9, frame(Opcode.text, Uint8Array.of(0xff))));
  await paused.promise;
  pair.socket.resume();
  await pair.peer.closeFrame();
  pair.peer.end();
  assertEquals((await failure).error.code, "ERR_PROTOCOL");
  assertEquals(log, numbers(9));
});

test("close() and terminate() while paused drop the waiting messages, and the close event is fired", async () => {
  for (const end of ["close", "terminate"] as const) {
    await using pair = await Pair.open();
    const log: string[] = [];
    pair.socket.onmessage = ({ data }) => {
      log.push(data);
      if (data !== "5") return;
      pair.socket.pause();
      pair.socket[end]();
    };
    const close = closed(pair.socket);
    await pair.peer.send(packet(9));
    if (end === "close") {
      await pair.peer.closeFrame();
      await pair.close();
    }
    assertEquals((await close).wasClean, end === "close");
    assertEquals(log, numbers(6));
  }
});

test("the iterator pauses reading if its loop is slower than the server", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/push?count=60&size=65536"), { highWaterMark: 200_000 });
  let count = 0, paused = 0;
  for await (const data of socket) {
    assertEquals((data as Blob).size, 65536);
    if (++count === 60) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (socket.isPaused) paused++;
  }
  assert(paused > 0, "reading was never paused");
});

test("pongs keep their place among the messages", async () => {
  await using pair = await Pair.open();
  const log: string[] = [];
  pair.socket.onmessage = ({ data }) => log.push(data);
  pair.socket.addEventListener("pong", () => log.push("pong"));
  const end = next(pair.socket, "close");
  await pair.peer.send(
    new Uint8Array([...packet(2), ...frame(Opcode.pong), ...packet(1), ...frame(Opcode.close)]),
  );
  pair.peer.end();
  await end;
  assertEquals(log, ["0", "1", "pong", "0"]);
});
