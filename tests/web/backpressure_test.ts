/** Backpressure from end to end: of the streams both ways, and of the async iterator. */
import { assert, assertEquals } from "@std/assert";
import { CurlWebSocket, CurlWebSocketStream } from "../../mod.ts";
import { Feeder } from "../support/feeder.ts";
import { test } from "../support/testing.ts";

const MARK = 256 * 1024;
/** What the kernel's buffers of both ends, and the one read of the client, hold at most on loopback. */
const KERNEL = 16 * 1024 * 1024;

/** The next of what a loop would take: the same for a stream and for the iterator. */
interface Taker {
  next(): Promise<IteratorResult<unknown>>;
  close(): Promise<unknown>;
}

async function stream(url: string, highWaterMark = MARK): Promise<Taker> {
  const socket = new CurlWebSocketStream(url, { highWaterMark, closeTimeout: 50 });
  const iterator = (await socket.opened).readable[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    close: async () => {
      await iterator.return!();
      await socket.closed.catch(() => {});
    },
  };
}

function iterator(url: string, highWaterMark = MARK): Promise<Taker> {
  const socket = new CurlWebSocket(url, { highWaterMark });
  socket.binaryType = "arraybuffer";
  const iterator = socket[Symbol.asyncIterator]();
  return Promise.resolve({
    next: () => iterator.next(),
    close: () => {
      socket.terminate();
      return Promise.resolve();
    },
  });
}

function batches(url: string, highWaterMark = MARK): Promise<Taker> {
  const socket = new CurlWebSocket(url, { highWaterMark });
  socket.binaryType = "arraybuffer";
  const loop = async function* (): AsyncGenerator<unknown> {
    for await (const batch of socket.batches()) yield* batch;
  }();
  return Promise.resolve({
    next: () => loop.next(),
    close: () => {
      socket.terminate();
      return Promise.resolve();
    },
  });
}

/** Each message has a key of its own, so none supersedes another. */
function latest(url: string, highWaterMark = MARK): Promise<Taker> {
  const socket = new CurlWebSocket(url, { highWaterMark });
  socket.binaryType = "arraybuffer";
  let key = 0;
  const loop = socket.latest(() => key++);
  return Promise.resolve({
    next: async () => {
      const { value, done } = await loop.next();
      return { value: value?.data, done } as IteratorResult<unknown>;
    },
    close: () => {
      socket.terminate();
      return Promise.resolve();
    },
  });
}

const length = (value: unknown) => typeof value === "string" ? value.length : (value as ArrayBuffer).byteLength;
const number = (value: unknown) =>
  value instanceof Uint8Array
    ? new DataView(value.buffer, value.byteOffset).getUint32(0)
    : new DataView(value as ArrayBuffer).getUint32(0);

const TAKERS = [["stream", stream], ["iterator", iterator], ["batches", batches], ["latest", latest]] as const;
for (const [name, open] of TAKERS) {
  test(`${name}: a loop whose reader stops blocks the server's TCP, and loses nothing`, async () => {
    await using feeder = await Feeder.start();
    const count = 1200, size = 65536;
    const reader = await open(`${feeder.url}/?count=${count}&size=${size}`);
    assertEquals(number((await reader.next()).value), 0);
    const stopped = await feeder.still();
    assertEquals(stopped.blocked, true);
    // 80 MB are to be had.
    assert(stopped.sent < KERNEL, `${stopped.sent} bytes were taken while nobody read`);
    for (let i = 1; i < count; i++) assertEquals(number((await reader.next()).value), i);
    await reader.close();
  });

  for (const size of [0, 100]) {
    test(`${name}: what waits is a bounded number of messages of ${size} bytes`, async () => {
      await using feeder = await Feeder.start();
      // Their frames alone are more than the kernel holds.
      const count = Math.ceil(1.5 * KERNEL / (2 + size));
      const reader = await open(`${feeder.url}/?count=${count}&size=${size}&text=1`);
      assertEquals(length((await reader.next()).value), size);
      const stopped = await feeder.still();
      assertEquals(stopped.blocked, true);
      for (let i = 0; i < 20_000; i++) assertEquals(length((await reader.next()).value), size);
      await reader.close();
    });
  }

  for (const mark of [0, 1]) {
    test(`${name}: highWaterMark ${mark} brings each message`, async () => {
      await using feeder = await Feeder.start();
      const reader = await open(`${feeder.url}/?count=50&size=10`, mark);
      for (let i = 0; i < 50; i++) {
        assertEquals(number((await reader.next()).value), i);
        // A message that comes while nobody asks.
        if (i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await reader.close();
    });
  }
}

test("two reads at once both get a message, with highWaterMark 0", async () => {
  await using feeder = await Feeder.start();
  await using socket = new CurlWebSocketStream(`${feeder.url}/?count=4&size=10`, { highWaterMark: 0 });
  const reader = (await socket.opened).readable.getReader();
  const both = await Promise.all([reader.read(), reader.read(), reader.read()]);
  assertEquals(both.map(({ value }) => number(value)), [0, 1, 2]);
  await feeder[Symbol.asyncDispose]();
});

test("the iterator does not resume a socket that the user paused", async () => {
  await using feeder = await Feeder.start();
  const socket = new CurlWebSocket(`${feeder.url}/?count=3&size=10`);
  const messages = socket[Symbol.asyncIterator]();
  const all = new Promise<void>((resolve) => {
    let left = 3;
    socket.onmessage = () => void (--left === 0 && resolve());
  });
  await all;
  socket.pause();
  for (let i = 0; i < 3; i++) await messages.next();
  assertEquals(socket.isPaused, true);
  socket.terminate();
});

test("a write waits while the server does not read, and ends once it does", async () => {
  await using feeder = await Feeder.start();
  const socket = new CurlWebSocketStream(`${feeder.url}/?read=no`, { highWaterMark: MARK });
  const writer = (await socket.opened).writable.getWriter();
  const chunk = new Uint8Array(65536);
  let written = 0, most = 0;
  // More than the kernel takes.
  const all = (async () => {
    for (; written < 400; written++) {
      await writer.ready;
      void writer.write(chunk);
      most = Math.max(most, socket.bufferedAmount);
    }
    await writer.ready;
  })();
  for (let last = -1; last !== written;) {
    last = written;
    await feeder.still();
  }
  assert(written < 400, "the writer did not wait");
  assertEquals(writer.desiredSize, 0);
  assert(most <= MARK + chunk.length, `bufferedAmount was ${most}`);
  assert(socket.bufferedAmount > MARK, `bufferedAmount is ${socket.bufferedAmount} and the writer waits`);
  await feeder.read();
  await all;
  assertEquals(written, 400);
  assert(most <= MARK + chunk.length, `bufferedAmount was ${most}`);
  while ((await feeder.ask()).received < 400 * chunk.length);
  writer.closed.catch(() => {});
  await feeder[Symbol.asyncDispose]();
  await socket.closed.catch(() => {});
});

test("aborting the writable ends a pending write", async () => {
  await using feeder = await Feeder.start();
  const socket = new CurlWebSocketStream(`${feeder.url}/?read=no`, { highWaterMark: MARK, closeTimeout: 100 });
  const writer = (await socket.opened).writable.getWriter();
  writer.closed.catch(() => {});
  const write = writer.write(new Uint8Array(20_000_000));
  await feeder.still();
  assertEquals(writer.desiredSize, 0);
  await writer.abort();
  await write;
  // The close frame stands behind what the server does not read.
  const error = await socket.closed.then(() => null, (error) => error);
  assertEquals(error?.closeCode, 1006);
});

test("a pending write ends with the connection", async () => {
  await using feeder = await Feeder.start();
  const socket = new CurlWebSocketStream(`${feeder.url}/?read=no`, { highWaterMark: 0 });
  const writer = (await socket.opened).writable.getWriter();
  writer.closed.catch(() => {});
  const write = writer.write(new Uint8Array(20_000_000));
  await feeder.still();
  assertEquals(writer.desiredSize, 0);
  await feeder[Symbol.asyncDispose]();
  await write.catch(() => {});
  const error = await socket.closed.then(() => null, (error) => error);
  assertEquals(error?.cause.code, "ERR_CONNECTION_LOST");
});
