import { assert, assertEquals, assertThrows } from "@std/assert";
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { CurlWebSocket } from "../../mod.ts";
import { failed, next } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import type { RawConnection } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** Answers the next pings of the client, and gives their payloads. */
async function answer(peer: RawConnection, count: number): Promise<Uint8Array[]> {
  const payloads: Uint8Array[] = [];
  while (payloads.length < count) {
    const ping = await peer.frame();
    assertEquals(ping?.opcode, Opcode.ping);
    payloads.push(ping!.payload);
    await peer.send(frame(Opcode.pong, ping!.payload));
  }
  return payloads;
}

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Fails with what ended the socket, if anything does while `work` goes on. */
async function lives<T>(socket: CurlWebSocket, work: Promise<T>): Promise<T> {
  return await Promise.race([work, failed(socket).then(({ error }) => Promise.reject(error))]);
}

test("pingInterval: a server that stops replying is ERR_PING_TIMEOUT and 1006", async () => {
  await using pair = await Pair.open({ pingInterval: 150 });
  const failure = failed(pair.socket);
  await answer(pair.peer, 3);
  const answered = performance.now();
  const { error, close } = await failure;
  const took = performance.now() - answered;
  assertEquals([error.code, close.code, close.wasClean], ["ERR_PING_TIMEOUT", 1006, false]);
  // One more ping after an interval, its answer's time, and the last look.
  assert(took > 200 && took < 2000, `found after ${took} ms`);
  assertEquals((await pair.peer.frame())?.opcode, Opcode.ping);
  assertEquals(await pair.peer.frame(), undefined);
});

test("pingInterval: each ping has its own payload, and its pong fires no event", async () => {
  await using pair = await Pair.open({ pingInterval: 40 });
  let pongs = 0;
  pair.socket.addEventListener("pong", () => pongs++);
  const payloads = await lives(pair.socket, answer(pair.peer, 4));
  assertEquals(new Set(payloads.map((payload) => payload.join())).size, 4);
  assert(payloads.every((payload) => payload.length === 8));
  assertEquals(pongs, 0);
  const pong = next<MessageEvent<ArrayBuffer>>(pair.socket, "pong");
  await pair.peer.send(frame(Opcode.pong, "unasked"));
  assertEquals(new TextDecoder().decode((await pong).data), "unasked");
});

test("pingInterval: a server that sends data but no pongs counts as alive", async () => {
  await using pair = await Pair.open({ pingInterval: 60 });
  const flow = (async () => {
    for (let i = 0; i < 20; i++) {
      await pair.peer.send(frame(Opcode.text, "data"));
      await delay(30);
    }
  })();
  await lives(pair.socket, flow);
  assertEquals(pair.socket.readyState, CurlWebSocket.OPEN);
  assertEquals(pair.socket.roundTripTime, null);
  const { error } = await failed(pair.socket);
  assertEquals(error.code, "ERR_PING_TIMEOUT");
});

test("pingInterval: after a busy thread, data that waits unread is not taken for silence", async () => {
  await using pair = await Pair.open({ pingInterval: 100 });
  const ping = await lives(pair.socket, pair.peer.frame());
  await pair.peer.send(frame(Opcode.pong, ping!.payload));
  // The pong is in the kernel. The next interval passes without a chance to read it.
  for (const until = performance.now() + 400; performance.now() < until;);
  await lives(pair.socket, answer(pair.peer, 2));
});

test("pingInterval: no ping is sent early, and none by default", async () => {
  await using pair = await Pair.open({ pingInterval: 60_000 });
  await using plain = await Pair.open();
  await delay(150);
  for (const { socket, peer } of [pair, plain]) {
    socket.send("first");
    assertEquals((await peer.frame())?.opcode, Opcode.text);
  }
});

test("idleTimeout: a silent server is ERR_IDLE_TIMEOUT and 1006, one that sends is not", async () => {
  await using pair = await Pair.open({ idleTimeout: 200 });
  const failure = failed(pair.socket);
  const flow = (async () => {
    for (let i = 0; i < 10; i++) {
      await delay(60);
      // Half a frame is as good as a whole one.
      await pair.peer.send(i % 2 === 0 ? Uint8Array.of(0x81) : Uint8Array.of(0));
    }
  })();
  await lives(pair.socket, flow);
  const silent = performance.now();
  const { error, close } = await failure;
  const took = performance.now() - silent;
  assertEquals([error.code, close.code, close.wasClean], ["ERR_IDLE_TIMEOUT", 1006, false]);
  assert(took > 150 && took < 2000, `ended after ${took} ms`);
});

test("idleTimeout: with pingInterval, a server that only sends pongs is not idle", async () => {
  await using pair = await Pair.open({ idleTimeout: 250, pingInterval: 50 });
  await lives(pair.socket, answer(pair.peer, 12));
});

test("over TLS: pings get pongs, and either option detects a server that falls silent", async () => {
  await using pair = await Pair.open({ pingInterval: 60, idleTimeout: 5_000 }, { tls: true });
  const failure = failed(pair.socket);
  await lives(pair.socket, answer(pair.peer, 4));
  assert(pair.socket.roundTripTime! > 0);
  const { error, close } = await failure;
  assertEquals([error.code, close.code], ["ERR_PING_TIMEOUT", 1006]);

  await using idle = await Pair.open({ idleTimeout: 200 }, { tls: true });
  const end = failed(idle.socket);
  const flow = (async () => {
    for (let i = 0; i < 8; i++) {
      await delay(60);
      // Half a frame, in a TLS record of its own.
      await idle.peer.send(i % 2 === 0 ? Uint8Array.of(0x81) : Uint8Array.of(0));
    }
  })();
  await lives(idle.socket, flow);
  const silent = performance.now();
  const result = await end;
  const took = performance.now() - silent;
  assertEquals([result.error.code, result.close.code, result.close.wasClean], ["ERR_IDLE_TIMEOUT", 1006, false]);
  assert(took > 150 && took < 2000, `ended after ${took} ms`);
});

test("the heartbeat is off while a socket is paused, and on again after resume()", async () => {
  for (const options of [{ pingInterval: 80 }, { idleTimeout: 80 }]) {
    await using pair = await Pair.open(options);
    pair.socket.pause();
    await lives(pair.socket, delay(500));
    assertEquals(pair.socket.readyState, CurlWebSocket.OPEN);
    const failure = failed(pair.socket);
    pair.socket.resume();
    const { error } = await failure;
    assertEquals(error.code, "pingInterval" in options ? "ERR_PING_TIMEOUT" : "ERR_IDLE_TIMEOUT");
  }
});

test("a pong that arrives while paused does no harm", async () => {
  await using pair = await Pair.open({ pingInterval: 100 });
  const ping = await lives(pair.socket, pair.peer.frame());
  pair.socket.pause();
  await pair.peer.send(frame(Opcode.pong, ping!.payload));
  await lives(pair.socket, delay(300));
  pair.socket.resume();
  await lives(pair.socket, answer(pair.peer, 3));
});

test("after close() only closeTimeout counts: no ping follows the close frame", async () => {
  await using pair = await Pair.open({ pingInterval: 50, idleTimeout: 120, closeTimeout: 400 });
  let error = false;
  pair.socket.addEventListener("error", () => error = true);
  const end = next<CloseEvent>(pair.socket, "close");
  const started = performance.now();
  pair.socket.close(1000);
  assertEquals((await pair.peer.frame())?.opcode, Opcode.close);
  assertEquals([(await end).code, error], [1006, false]);
  assert(performance.now() - started > 350);
  assertEquals(await pair.peer.frame(), undefined);
});

test("roundTripTime is that of the last ping, whether automatic or by ping()", async () => {
  await using pair = await Pair.open();
  assertEquals(pair.socket.roundTripTime, null);
  pair.socket.ping("slow");
  const slow = await pair.peer.frame();
  await delay(120);
  let pong = next(pair.socket, "pong");
  await pair.peer.send(frame(Opcode.pong, slow!.payload));
  await pong;
  const first = pair.socket.roundTripTime!;
  assert(first >= 115 && first < 1500, `${first} ms`);
  // A pong that answers nothing measures nothing.
  pong = next(pair.socket, "pong");
  await pair.peer.send(frame(Opcode.pong, "unasked"));
  await pong;
  assertEquals(pair.socket.roundTripTime, first);
  // The latest of several may be answered alone (RFC 6455 section 5.5.3).
  pair.socket.ping("a");
  pair.socket.ping("b");
  pong = next(pair.socket, "pong");
  await pair.peer.frame();
  await pair.peer.frame();
  await pair.peer.send(frame(Opcode.pong, "b"));
  await pong;
  assert(pair.socket.roundTripTime! < first);
  await using regular = await Pair.open({ pingInterval: 30 });
  await lives(regular.socket, answer(regular.peer, 2));
  assert(regular.socket.roundTripTime! > 0 && regular.socket.roundTripTime! < 1000);
});

test("a real server replies to the pings", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocket(server.url("/echo"), { pingInterval: 30, idleTimeout: 300 });
  await next(socket, "open");
  await lives(socket, delay(700));
  assert(socket.roundTripTime! > 0);
});

test("the heartbeat keeps no process alive that the socket itself does not", async () => {
  await using server = await WsServer.start();
  const source = `import { CurlWebSocket } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    const options = { pingInterval: 10, idleTimeout: 60_000 };
    const socket = new CurlWebSocket(${JSON.stringify(server.url("/echo"))}, options);
    socket.onopen = () => setTimeout(() => { console.log(socket.roundTripTime > 0); socket.unref(); }, 200);`;
  const args = "Deno" in globalThis ? ["eval", source] : ["-e", source];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 });
  assertEquals(stdout.trim(), "true");
}, { timeout: 30_000 });

test("pingInterval and idleTimeout must be durations", () => {
  for (const name of ["pingInterval", "idleTimeout"]) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { [name]: -1 }), RangeError, name);
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { [name]: "5s" as unknown as number }), TypeError, name);
  }
});
