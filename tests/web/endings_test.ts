import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { constants, deflateRawSync } from "node:zlib";
import { CurlWebSocket, CurlWebSocketStream } from "../../mod.ts";
import { loadZlib } from "../../src/platform/zlib.ts";
import { closed, failed, next, opened } from "../support/events.ts";
import { closePayload, frame, Opcode, readClose } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** How a socket ended: its errors' codes, and the close event. */
async function ending(socket: CurlWebSocket): Promise<unknown[]> {
  const errors: string[] = [];
  socket.addEventListener("error", (event) => errors.push((event as ErrorEvent).error.code));
  const { code, reason, wasClean } = await closed(socket);
  return [...errors, code, reason, wasClean];
}

const RESERVED_BITS = Uint8Array.of(0xf1, 1, 120);
/** Has the server read nothing more, and sends it more than the kernel's buffers hold: what is sent from now on waits. */
function fill({ socket, peer }: Pair): void {
  peer.pause();
  for (let i = 0; i < 20; i++) socket.send(new Uint8Array(1 << 20));
}

const POLICY = frame(Opcode.close, closePayload(1008, "policy"));

for (const tls of [false, true]) {
  const over = tls ? "TLS" : "TCP";

  // Destroyed, TLS ends without close_notify, as with servers in Python.
  test(`a failure after the server's close frame does not matter: the close event has its code and no error (${over})`, async () => {
    for (const how of ["reset", "destroy", "end"] as const) {
      await using pair = await Pair.open({}, { tls });
      const end = ending(pair.socket);
      await pair.peer.send(POLICY);
      assertEquals(readClose(await pair.peer.closeFrame()).code, 1008);
      pair.peer[how]();
      assertEquals(await end, [1008, "policy", true], how);
    }
  });

  test(`a failure after the reply to close() does not matter: the close event has its code and no error (${over})`, async () => {
    for (const how of ["reset", "destroy", "end"] as const) {
      await using pair = await Pair.open({}, { tls });
      const end = ending(pair.socket);
      pair.socket.close(4001, "enough");
      await pair.peer.closeFrame();
      await pair.peer.send(frame(Opcode.close, closePayload(4001, "enough")));
      pair.peer[how]();
      assertEquals(await end, [4001, "enough", true], how);
    }
  });

  test(`a reset after a violation: the violation is the error (${over})`, async () => {
    await using pair = await Pair.open({}, { tls });
    const end = ending(pair.socket);
    await pair.peer.send(RESERVED_BITS);
    assertEquals(readClose(await pair.peer.closeFrame()).code, 1002);
    pair.peer.reset();
    assertEquals(await end, ["ERR_PROTOCOL", 1006, "", false]);
  });

  test(`a failed send: received data is read first, and the close frame explains the failure (${over})`, async () => {
    for (const paused of [true, false]) {
      await using pair = await Pair.open({}, { tls });
      const { socket, peer } = pair;
      const got: unknown[] = [];
      socket.onmessage = ({ data }: MessageEvent) => void got.push(data);
      const end = ending(socket);
      socket.pause();
      await peer.send(new Uint8Array([...frame(Opcode.text, "one"), ...frame(Opcode.text, "two"), ...POLICY]));
      peer.reset();
      await peer.closed;
      if (!paused) socket.resume();
      // The first one may be taken by the kernel, the next ones are not.
      for (let i = 0; i < 3; i++) {
        socket.send("x".repeat(100_000));
        await Promise.resolve();
      }
      if (paused) {
        assertEquals(got, []);
        socket.resume();
      }
      assertEquals([await end, got], [[1008, "policy", false], ["one", "two"]]);
    }
  });

  test(`close() followed only by the end of TCP: 1006 and no error, as in browsers (${over})`, async () => {
    for (const how of ["end", "destroy", "reset"] as const) {
      await using pair = await Pair.open({}, { tls });
      const end = ending(pair.socket);
      pair.socket.close(3000, "bye");
      await pair.peer.closeFrame();
      pair.peer[how]();
      assertEquals(await end, [1006, "", false], how);
    }
  });
}

test("close() after a violation changes neither its error nor its time-out, with and without a closeTimeout", async () => {
  for (const closeTimeout of [0, 60_000]) {
    await using server = await RawServer.start();
    const stream = new CurlWebSocketStream(server.url(), { closeTimeout });
    const peer = await server.connection();
    await peer.accept();
    await stream.opened;
    await peer.send(RESERVED_BITS);
    await peer.closeFrame();
    // The server does nothing more.
    stream.close();
    const error = await stream.closed.catch((error) => error);
    assertEquals(error.cause?.code, "ERR_PROTOCOL");
  }
});

test("terminate() after a violation ends at once, and the violation is the error", async () => {
  await using pair = await Pair.open({ closeTimeout: 0 });
  const end = ending(pair.socket);
  await pair.peer.send(RESERVED_BITS);
  await pair.peer.closeFrame();
  pair.socket.terminate();
  assertEquals(await end, ["ERR_PROTOCOL", 1006, "", false]);
});

test("a violation while close() waits for a Blob is the error, with and without a closeTimeout", async () => {
  for (const closeTimeout of [0, 60_000]) {
    await using pair = await Pair.open({ closeTimeout });
    const { socket, peer } = pair;
    const read = Promise.withResolvers<ArrayBuffer>();
    const blob = new Blob(["late"]);
    blob.arrayBuffer = () => read.promise;
    const end = ending(socket);
    socket.send(blob);
    socket.close();
    await peer.send(RESERVED_BITS);
    await peer.closeFrame();
    read.resolve(new ArrayBuffer(4));
    assertEquals(await end, ["ERR_PROTOCOL", 1006, "", false]);
  }
});

test("a Blob too large for memory ends the connection, also if close() waits for it", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false });
  const { socket } = pair;
  const blob = new Blob([new Uint8Array(8 << 20)]);
  const bytes = await blob.arrayBuffer();
  const { ArrayBuffer } = globalThis;
  const end = ending(socket);
  try {
    blob.arrayBuffer = () => {
      // The size of the large send buffers: what the thread has of them is not enough.
      globalThis.ArrayBuffer = new Proxy(ArrayBuffer, {
        construct(target, [length, ...rest]) {
          if (length === 256 * 1024) throw new RangeError("Array buffer allocation failed");
          return new target(length, ...rest);
        },
      });
      return Promise.resolve(bytes);
    };
    socket.send(blob);
    socket.close();
    assertEquals(await end, ["ERR_INTERNAL", 1006, "", false]);
  } finally {
    globalThis.ArrayBuffer = ArrayBuffer;
  }
  assertEquals(socket.bufferedAmount, bytes.byteLength);
});

test("a loop over messages ends if a reset follows the close frame or close()", async () => {
  for (const own of [true, false]) {
    await using pair = await Pair.open();
    const { socket, peer } = pair;
    const got: unknown[] = [];
    const loop = (async () => {
      for await (const data of socket) got.push(data);
    })();
    await peer.send(frame(Opcode.text, "one"));
    await next(socket, "message");
    if (own) socket.close();
    else await peer.send(POLICY);
    await peer.closeFrame();
    peer.reset();
    await loop;
    assertEquals(got, ["one"]);
  }
});

test("not clean: our close frame is queued behind data that the server does not read", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false, closeTimeout: 300 });
  const { socket, peer } = pair;
  fill(pair);
  const end = ending(socket);
  await peer.send(POLICY);
  assertEquals(await end, [1008, "policy", false]);
  assert(socket.bufferedAmount > 0);
});

test("not clean: TCP is reset while our close frame is queued behind data that the server does not read", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false, closeTimeout: 0 });
  const { socket, peer } = pair;
  fill(pair);
  const end = ending(socket);
  await peer.send(POLICY);
  while (socket.readyState === CurlWebSocket.OPEN) await new Promise((resolve) => setTimeout(resolve, 1));
  peer.reset();
  assertEquals(await end, [1008, "policy", false]);
});

test("a server that ends TCP after its close frame but still reads gets all data, and the close is clean", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false, closeTimeout: 0 });
  const { socket, peer } = pair;
  fill(pair);
  const end = ending(socket);
  await peer.send(POLICY);
  peer.end();
  while (socket.readyState === CurlWebSocket.OPEN) await new Promise((resolve) => setTimeout(resolve, 1));
  peer.resume();
  assertEquals(readClose(await peer.closeFrame()).code, 1008);
  assertEquals(await end, [1008, "policy", true]);
  assertEquals(socket.bufferedAmount, 0);
});

test("after both close frames the client ends TCP and waits at most a second, also without a closeTimeout", async () => {
  for (const own of [true, false]) {
    for (const tls of [true, false]) {
      await using pair = await Pair.open({ closeTimeout: 0 }, { tls });
      const { socket, peer } = pair;
      const end = ending(socket);
      if (own) socket.close(1000);
      else await peer.send(frame(Opcode.close, closePayload(1000)));
      await peer.closeFrame();
      if (own) await peer.send(frame(Opcode.close, closePayload(1000)));
      // The server does nothing more: it keeps TCP open.
      await peer.ended();
      assertEquals(await end, [1000, "", true]);
    }
  }
});

test("a connection that is lost without close() is an error", async () => {
  await using pair = await Pair.open();
  const failure = failed(pair.socket);
  pair.peer.reset();
  const { error, close } = await failure;
  assertEquals([error.code, close.code, close.wasClean], ["ERR_CONNECTION_LOST", 1006, false]);
});

test("ten pings of one packet get ten pongs, in order", async () => {
  await using pair = await Pair.open();
  const pings = Array.from({ length: 10 }, (_, i) => frame(Opcode.ping, `ping ${i}`));
  await pair.peer.send(new Uint8Array(pings.flatMap((bytes) => [...bytes])));
  for (let i = 0; i < 10; i++) {
    const { opcode, payload } = (await pair.peer.frame())!;
    assertEquals([opcode, new TextDecoder().decode(payload)], [Opcode.pong, `ping ${i}`]);
  }
});

test("a flood of pings from a server that does not read: few pongs are queued, and the latest ping gets one", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false });
  const { socket, peer } = pair;
  // The kernel's buffers are full, so nothing goes out any more.
  fill(pair);
  const { framesSent } = socket.stats;
  const burst = frame(Opcode.ping, "x".repeat(125)), count = 20_000;
  const pings = new Uint8Array(burst.length * count);
  for (let i = 0; i < count; i++) pings.set(burst, i * burst.length);
  const reached = next(socket, "message");
  await peer.send(pings);
  await peer.send(frame(Opcode.ping, "the latest"));
  await peer.send(frame(Opcode.text, "all sent"));
  await reached;
  assert(socket.stats.framesReceived > count);
  assert(socket.stats.framesSent - framesSent <= 64, `${socket.stats.framesSent - framesSent} pongs`);
  peer.resume();
  for (let pongs = 0;;) {
    const { opcode, payload } = (await peer.frame())!;
    if (opcode !== Opcode.pong) continue;
    assert(++pongs <= 65);
    if (new TextDecoder().decode(payload) === "the latest") break;
  }
});

test("floods of frames without events let the event loop run", async () => {
  const ping = frame(Opcode.ping), fragment = Uint8Array.of(0x00, 0x00);
  for (const [kind, first, each] of [["pings", "", ping], ["fragments", "\x02\x00", fragment]] as const) {
    await using pair = await Pair.open({ perMessageDeflate: false });
    const { socket, peer } = pair;
    const flood = new Uint8Array(2 * 3_000_000);
    for (let at = 0; at < flood.length; at += 2) flood.set(each, at);
    await peer.send(new TextEncoder().encode(first));
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    const reached = next(socket, "message");
    void peer.send(flood);
    void peer.send(kind === "pings" ? frame(Opcode.text, "end") : Uint8Array.of(0x80, 0x00));
    await reached;
    clearInterval(timer);
    assert(socket.stats.framesReceived >= 3_000_000, `${socket.stats.framesReceived} frames`);
    // A turn takes some 5 ms, and the flood some fifty.
    assert(socket.stats.turns > 4, `${kind}: ${socket.stats.turns} turns`);
    assert(timers > 2, `${kind}: a timer ran ${timers} times`);
  }
});

test("a packet of messages that each inflate to 1 MiB lets the event loop run", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const open = opened(socket);
  const peer = await server.connection();
  await peer.accept({ headers: ["Sec-WebSocket-Extensions: permessage-deflate"] });
  await open;
  const output = deflateRawSync(new Uint8Array(1 << 20), { finishFlush: constants.Z_SYNC_FLUSH });
  const message = frame(Opcode.binary, output.subarray(0, -4), { reserved: 4 }), count = 300;
  // What is fast first: the clock is then looked at seldom.
  const pings = new Uint8Array(200_000);
  for (let at = 0; at < pings.length; at += 2) pings[at] = 0x89;
  let got = 0, turn = 0, inTurn = 0, most = 0;
  const all = new Promise<void>((resolve) => {
    socket.onmessage = () => {
      const { turns } = socket.stats;
      inTurn = turns === turn ? inTurn + 1 : 1;
      turn = turns;
      most = Math.max(most, inTurn);
      if (++got === count) resolve();
    };
  });
  await peer.send(Buffer.concat([pings, ...Array.from({ length: count }, () => message)]));
  await all;
  socket.terminate();
  // A turn takes some 5 ms, and each of them more than a tenth of one.
  assert(most <= 50, `${most} messages in a turn`);
}, { skip: loadZlib() === null ? "there is no zlib" : undefined });

test("a socket closed by a reset leaves no unsent data to the next one", async () => {
  // Each connection's messages carry its name; the servers go away while much is under way.
  await using other = await Pair.open({ perMessageDeflate: false });
  for (let round = 0; round < 5; round++) {
    await using pair = await Pair.open({ perMessageDeflate: false });
    const { socket, peer } = pair;
    const end = closed(socket);
    socket.pause();
    peer.reset();
    await peer.closed;
    for (let i = 0; i < 60; i++) socket.send("x".repeat(1000 * (round + 1)));
    socket.resume();
    await end;
    await using one = await Pair.open({ perMessageDeflate: false });
    await using two = await Pair.open({ perMessageDeflate: false });
    one.socket.send(`one ${round}`);
    two.socket.send(`two ${round}`);
    other.socket.send(`other ${round}`);
    for (const [name, { peer }] of [["one", one], ["two", two], ["other", other]] as const) {
      assertEquals(new TextDecoder().decode((await peer.frame())!.payload), `${name} ${round}`);
    }
  }
});

test("close() waits for a Blob: the end of TCP meanwhile is no error", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  class SlowBlob extends Blob {
    override async arrayBuffer(): Promise<ArrayBuffer> {
      await peer.closed;
      await new Promise((resolve) => socket.addEventListener("close", resolve));
      return new ArrayBuffer(0);
    }
  }
  socket.send(new SlowBlob(["slow"]));
  const end = ending(socket);
  socket.close();
  peer.reset();
  assertEquals(await end, [1006, "", false]);
});
