import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CurlWebSocketError } from "../../src/errors.ts";
import { type BatchOptions, BatchQueue, type MessageBatch } from "../../src/web/batch_queue.ts";
import { MESSAGE_COST } from "../../src/web/loop_queue.ts";
import { test } from "../support/testing.ts";

/** A queue, and what it did to its socket. */
function queueOf(highWaterMark: number, options?: BatchOptions): { queue: BatchQueue; calls: string[] } {
  const calls: string[] = [];
  const call = (name: string) => () => void calls.push(name);
  const socket = { pause: call("pause"), resume: call("resume"), close: call("close") };
  return { queue: new BatchQueue(socket, highWaterMark, options), calls };
}

/** Hands over a read. */
function read(queue: BatchQueue, at: number, ...messages: string[]): boolean {
  for (const data of messages) queue.push(data, at);
  return queue.flush();
}

/** A text that counts `cost` in a queue. */
const costing = (cost: number) => "x".repeat(cost - MESSAGE_COST);
const plain = ({ value }: IteratorResult<MessageBatch>) => value === undefined ? null : [value.receivedAt, ...value];

test("a read is a batch, an array with its time; a read without messages is none", async () => {
  const { queue } = queueOf(1000);
  assertEquals([read(queue, 5, "one", "two"), read(queue, 6), read(queue, 7, "three")], [false, false, false]);
  const first = await queue.next();
  assertEquals(Array.isArray(first.value), true);
  assertEquals([plain(await queue.next()), plain(first)], [[7, "three"], [5, "one", "two"]]);
});

test("who waits gets a batch when all of it is there, and not before", async () => {
  const { queue } = queueOf(1000);
  const waiting = queue.next();
  let isThere = false;
  void waiting.then(() => isThere = true);
  queue.push("one", 1);
  await null;
  await null;
  assertEquals(isThere, false);
  queue.push("two", 1);
  assertEquals(queue.flush(), true);
  assertEquals(plain(await waiting), [1, "one", "two"]);
});

test("maxMessages limits a batch: what is left is the next one, of the same time", async () => {
  const { queue } = queueOf(1000, { maxMessages: 2 });
  read(queue, 1, "one", "two", "three");
  assertEquals([plain(await queue.next()), plain(await queue.next())], [[1, "one", "two"], [1, "three"]]);
});

test("merge: a loop that was busy takes all that waits at once, with the time of the first", async () => {
  const { queue } = queueOf(10_000, { merge: true });
  const waiting = queue.next();
  for (let i = 1; i <= 4; i++) read(queue, i, `${i}a`, `${i}b`);
  assertEquals(plain(await waiting), [1, "1a", "1b"]);
  assertEquals(plain(await queue.next()), [2, "2a", "2b", "3a", "3b", "4a", "4b"]);

  const limited = queueOf(10_000, { merge: true, maxMessages: 3 }).queue;
  for (let i = 1; i <= 2; i++) read(limited, i, `${i}a`, `${i}b`);
  assertEquals([plain(await limited.next()), plain(await limited.next())], [[1, "1a", "1b", "2a"], [2, "2b"]]);
});

test("half of the high-water mark is a batch at once, so that a loop that keeps up is never the reason to pause", async () => {
  const { queue, calls } = queueOf(400);
  const waiting = queue.next();
  assertEquals([queue.push(costing(100), 1), queue.push(costing(100), 1)], [false, true]);
  assertEquals((await waiting).value.length, 2);
  assertEquals(calls, []);
});

test("reading pauses at the high-water mark, also within a read, and goes on when half of it was taken", async () => {
  const { queue, calls } = queueOf(400);
  for (let i = 0; i < 3; i++) read(queue, i, costing(100));
  assertEquals(calls, []);
  queue.push(costing(100), 4);
  assertEquals(calls, ["pause"]);
  queue.flush();
  await queue.next();
  assertEquals(calls, ["pause"]);
  await queue.next();
  assertEquals(calls, ["pause", "resume"]);
});

test("one message above the high-water mark is a batch, and so is each with a mark of 0", async () => {
  for (const mark of [0, 100]) {
    const { queue } = queueOf(mark);
    read(queue, 1, "x".repeat(200), "y".repeat(200));
    assertEquals([(await queue.next()).value.length, (await queue.next()).value.length], [1, 1]);
    const waiting = queue.next();
    queue.push("x".repeat(200), 2);
    assertEquals((await waiting).value.length, 1);
  }
});

test("the end comes behind the batch that was begun, to all who wait; the error comes once", async () => {
  for (const merge of [false, true]) {
    const { queue } = queueOf(1000, { merge });
    queue.push("last", 1);
    const error = new CurlWebSocketError("ERR_CONNECTION_LOST", "lost");
    queue.end(error);
    assertEquals(plain(await queue.next()), [1, "last"]);
    assertStrictEquals(await assertRejects(() => queue.next()), error);
    assertEquals(await queue.next(), { done: true, value: undefined });
  }
});

test("leaving the loop drops what waits, and closes a socket that may be paused", async () => {
  const { queue, calls } = queueOf(200);
  read(queue, 1, costing(100), costing(100));
  queue.push("more", 2);
  assertEquals(await queue.return(), { done: true, value: undefined });
  assertEquals(calls, ["pause", "pause", "resume", "close"]);
  queue.end(null);
  assertEquals(await queue.next(), { done: true, value: undefined });
});

test("a bad option is an error that names it and its value", () => {
  for (const maxMessages of [0, -1, 1.5, NaN]) {
    assertThrows(() => queueOf(1, { maxMessages }), RangeError, `from 1 on, not ${maxMessages}`);
  }
  assertThrows(() => queueOf(1, { maxMessages: "5" as never }), TypeError, "maxMessages must be a number, not string");
  assertThrows(() => queueOf(1, { merge: 1 as never }), TypeError, "merge must be a boolean, not number");
});

test("any order of reads and of who takes them loses none and mixes no reads, and pauses by what waits", async () => {
  const step = fc.oneof(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 6 }), fc.constant(null));
  const options = fc.record({
    merge: fc.boolean(),
    maxMessages: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 8 })),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 100 }),
      fc.integer({ min: 0, max: 4000 }),
      options,
      async (steps, mark, options) => {
        const { queue, calls } = queueOf(mark, options);
        const taken: Promise<IteratorResult<MessageBatch>>[] = [];
        let pushed = 0, at = 0;
        for (const sizes of steps) {
          if (sizes === null) taken.push(queue.next());
          else read(queue, ++at, ...sizes.map((size) => `${at} ${pushed++}`.padEnd(size)));
        }
        queue.end(null);
        while (taken.length < pushed + steps.length) taken.push(queue.next());
        const batches = (await Promise.all(taken)).flatMap(({ value, done }): MessageBatch[] => done ? [] : [value]);
        const numbers = batches.flatMap((batch) => batch.map((data) => Number(String(data).split(" ")[1])));
        assertEquals(numbers, Array.from({ length: pushed }, (_, index) => index));
        for (const batch of batches) {
          const reads = new Set(batch.map((data) => Number(String(data).split(" ")[0])));
          assert(batch.length > 0 && batch.length <= options.maxMessages, `${batch.length} messages`);
          assert(options.merge || reads.size === 1, "two reads in a batch");
          assertEquals(Math.min(...reads), batch.receivedAt);
        }
        // Nothing waits any more.
        assertEquals(calls.lastIndexOf("pause") <= calls.lastIndexOf("resume"), true);
      },
    ),
  );
});
