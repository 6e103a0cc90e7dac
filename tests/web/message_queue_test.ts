import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { CurlWebSocketError } from "../../src/errors.ts";
import { MESSAGE_COST } from "../../src/web/loop_queue.ts";
import { MessageQueue } from "../../src/web/message_queue.ts";
import { test } from "../support/testing.ts";

/** A queue, and what it did to its socket. */
function queueOf(highWaterMark: number): { queue: MessageQueue; calls: string[] } {
  const calls: string[] = [];
  const call = (name: string) => () => void calls.push(name);
  const socket = { pause: call("pause"), resume: call("resume"), close: call("close") };
  return { queue: new MessageQueue(socket, highWaterMark), calls };
}

/** A text that counts `cost` in a queue. */
const costing = (cost: number) => "x".repeat(cost - MESSAGE_COST);

test("all who wait get a message each, in the order in which they asked", async () => {
  const { queue } = queueOf(1000);
  const waiting = [queue.next(), queue.next(), queue.next()];
  for (const text of ["one", "two", "three", "four"]) queue.push(text);
  assertEquals((await Promise.all(waiting)).map(({ value }) => value), ["one", "two", "three"]);
  assertEquals(await queue.next(), { done: false, value: "four" });
});

test("text, bytes and Blobs count their size", () => {
  for (const data of ["x".repeat(100), new ArrayBuffer(100), new Blob(["x".repeat(100)])]) {
    const { queue, calls } = queueOf(2 * (100 + MESSAGE_COST));
    queue.push(data);
    assertEquals(calls, []);
    queue.push(data);
    assertEquals(calls, ["pause"]);
  }
});

test("the socket is resumed once half of what paused it has been taken", async () => {
  const { queue, calls } = queueOf(400);
  for (let i = 0; i < 4; i++) queue.push(costing(100));
  await queue.next();
  assertEquals(calls, ["pause"]);
  await queue.next();
  assertEquals(calls, ["pause", "resume"]);
});

test("from half of the high-water mark on, a loop is to run at once: also for what it waits for", async () => {
  const { queue } = queueOf(400);
  assertEquals([queue.push(costing(100)), queue.push(costing(100))], [false, true]);
  await queue.next();
  await queue.next();
  void queue.next();
  void queue.next();
  assertEquals([queue.push(costing(199)), queue.push(costing(200))], [false, true]);
  assertEquals(queueOf(0).queue.push(""), true);
});

test("the end comes behind what is queued, and to all who wait; the error comes once", async () => {
  const { queue } = queueOf(1000);
  queue.push("last");
  const error = new CurlWebSocketError("ERR_CONNECTION_LOST", "lost");
  queue.end(error);
  assertEquals(await queue.next(), { done: false, value: "last" });
  assertStrictEquals(await assertRejects(() => queue.next()), error);
  assertEquals(await queue.next(), { done: true, value: undefined });

  const other = queueOf(1000).queue, waiting = [other.next(), other.next()];
  other.end(error);
  assertEquals((await Promise.allSettled(waiting)).map(({ status }) => status), ["rejected", "fulfilled"]);
});

test("leaving the loop drops what is queued, and closes a socket that may be paused", async () => {
  const { queue, calls } = queueOf(200);
  for (let i = 0; i < 2; i++) queue.push(costing(100));
  assertEquals(await queue.return(), { done: true, value: undefined });
  assertEquals(calls, ["pause", "resume", "close"]);
  queue.end(null);
  assertEquals(await queue.next(), { done: true, value: undefined });
});

test("any order of messages and of who takes them loses none, and pauses by what is queued", async () => {
  const step = fc.oneof(fc.integer({ min: 0, max: 200 }).map((size) => ({ size })), fc.constant(null));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 2000 }), async (steps, mark) => {
      const { queue, calls } = queueOf(mark);
      const taken: Promise<IteratorResult<unknown>>[] = [];
      let pushed = 0, size = 0, paused = false;
      const waiting: string[] = [];
      for (const one of steps) {
        if (one !== null) {
          const data = String(pushed++).padEnd(one.size, " ");
          queue.push(data);
          if (taken.length < pushed) {
            waiting.push(data);
            size += data.length + MESSAGE_COST;
            paused ||= size >= mark;
          }
        } else {
          taken.push(queue.next());
          const data = waiting.shift();
          if (data !== undefined) size -= data.length + MESSAGE_COST;
          if (size <= mark / 2) paused = false;
        }
        // The socket's own pause is idempotent.
        assertEquals(calls.at(-1) === "pause", paused);
      }
      queue.end(null);
      while (taken.length < pushed) taken.push(queue.next());
      const values = (await Promise.all(taken)).map(({ value }) => value as string | undefined);
      assertEquals(values.slice(0, pushed).map(Number), Array.from({ length: pushed }, (_, i) => i));
      assertEquals(values.slice(pushed).every((value) => value === undefined), true);
    }),
  );
});
