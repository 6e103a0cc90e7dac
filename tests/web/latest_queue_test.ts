import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CurlWebSocketError } from "../../src/errors.ts";
import { type LatestMessage, LatestQueue } from "../../src/web/latest_queue.ts";
import { type Data, MESSAGE_COST } from "../../src/web/loop_queue.ts";
import { test } from "../support/testing.ts";

/** The first character; none for a text that begins with a space. */
const firstOf = (data: Data) => data === "" || String(data)[0] === " " ? undefined : String(data)[0];

/** A queue, and what it did to its socket. */
function queueOf(
  highWaterMark: number,
  keyOf: (data: Data) => string | undefined = firstOf,
): { queue: LatestQueue<string>; calls: string[] } {
  const calls: string[] = [];
  const call = (name: string) => () => void calls.push(name);
  const socket = { pause: call("pause"), resume: call("resume"), close: call("close") };
  return { queue: new LatestQueue(socket, highWaterMark, keyOf), calls };
}

/** Hands over a read. */
function read(queue: LatestQueue<string>, at: number, ...messages: string[]): boolean {
  for (const data of messages) queue.push(data, at);
  return queue.flush();
}

const costing = (cost: number, first: string) => first.padEnd(cost - MESSAGE_COST, ".");
const plain = ({ value }: IteratorResult<LatestMessage<string>>) =>
  value === undefined ? null : [value.data, value.dropped, value.receivedAt];

test("what waits is superseded by what comes: the newest of each key, and how many were dropped", async () => {
  const { queue } = queueOf(1000);
  read(queue, 1, "a1", "b1", "a2");
  read(queue, 2, "a3");
  assertEquals((await queue.next()).value, { key: "a", data: "a3", receivedAt: 2, dropped: 2 });
  assertEquals((await queue.next()).value, { key: "b", data: "b1", receivedAt: 1, dropped: 0 });
  read(queue, 3, "a4");
  assertEquals(plain(await queue.next()), ["a4", 0, 3]);
});

test("a key keeps its place while its messages are superseded: one that is never quiet is not passed over", async () => {
  const { queue } = queueOf(10_000);
  const got: string[] = [];
  read(queue, 0, "a", "b", "c");
  for (let i = 1; i < 9; i++) {
    got.push((await queue.next()).value.key);
    read(queue, i, "a", "a", "b", "c");
  }
  assertEquals(got, ["a", "b", "c", "a", "b", "c", "a", "b"]);
});

test("a loop that waits gets the newest of a read, not the first", async () => {
  const { queue } = queueOf(1000);
  const waiting = queue.next();
  assertEquals(read(queue, 1, "a1", "b1", "a2"), true);
  assertEquals(plain(await waiting), ["a2", 1, 1]);
  assertEquals(plain(await queue.next()), ["b1", 0, 1]);
});

test("messages without a key are all kept, in their place", async () => {
  const { queue } = queueOf(1000);
  read(queue, 1, " one", "a1", " two", "a2");
  const got = [];
  for (let i = 0; i < 3; i++) got.push(plain(await queue.next()));
  assertEquals(got, [[" one", 0, 1], ["a2", 1, 1], [" two", 0, 1]]);
});

test("the limit is of the newest of all keys: superseding does not pause, a new key does", async () => {
  const { queue, calls } = queueOf(400);
  for (let i = 0; i < 50; i++) read(queue, i, costing(100, "a"), costing(100, "b"), costing(100, "c"));
  assertEquals(calls, []);
  read(queue, 99, costing(100, "d"));
  assertEquals(calls, ["pause"]);
  await queue.next();
  assertEquals(calls, ["pause"]);
  await queue.next();
  assertEquals(calls, ["pause", "resume"]);
});

test("what supersedes counts by its own size: a larger one may pause, a smaller one resume", () => {
  const { queue, calls } = queueOf(400);
  read(queue, 1, costing(100, "a"), costing(399, "a"));
  assertEquals(calls, []);
  read(queue, 2, costing(400, "a"));
  assertEquals(calls, ["pause"]);
  read(queue, 3, costing(200, "a"));
  assertEquals(calls, ["pause", "resume"]);
});

test("what the function throws the loop throws behind what waits, and the connection is closed", async () => {
  const error = new Error("no JSON");
  const { queue, calls } = queueOf(1000, (data) => {
    if (data === "bad") throw error;
    return firstOf(data);
  });
  read(queue, 1, "a1", "bad", "a2", "bad");
  assertEquals(calls, ["resume", "close"]);
  queue.end(null);
  assertEquals(plain(await queue.next()), ["a1", 0, 1]);
  assertStrictEquals(await assertRejects(() => queue.next()), error);
  assertEquals(await queue.next(), { done: true, value: undefined });
});

test("the end comes behind what waits, and the error once; who leaves the loop closes the socket", async () => {
  const { queue } = queueOf(1000);
  const error = new CurlWebSocketError("ERR_CONNECTION_LOST", "lost");
  read(queue, 1, "a1");
  queue.end(error);
  assertEquals(plain(await queue.next()), ["a1", 0, 1]);
  assertStrictEquals(await assertRejects(() => queue.next()), error);
  assertEquals(await queue.next(), { done: true, value: undefined });

  const left = queueOf(1000);
  read(left.queue, 1, "a1", "b1");
  assertEquals(await left.queue.return(), { done: true, value: undefined });
  assertEquals(left.calls, ["resume", "close"]);
  read(left.queue, 2, "a2");
  assertEquals(plain(await left.queue.next()), ["a2", 0, 2]);
});

test("latest() wants a function", () => {
  assertThrows(() => queueOf(1, "s" as never), TypeError, "latest() needs a function that returns the key, not string");
});

test("of any order of messages, what is taken and what was dropped are all, and each the newest of its key", async () => {
  const message = fc.record({ key: fc.constantFrom("a", "b", "c", "d", " "), size: fc.integer({ min: 0, max: 100 }) });
  const step = fc.oneof(fc.array(message, { maxLength: 6 }), fc.constant(null));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100 }), fc.integer({ min: 0, max: 1000 }), async (steps, mark) => {
      const { queue, calls } = queueOf(mark);
      const newest = new Map<string, string>();
      let pushed = 0, taken = 0;
      for (const one of steps) {
        if (one !== null) {
          const messages = one.map(({ key, size }) => `${key} ${pushed++} `.padEnd(size));
          for (const data of messages) newest.set(data[0]!, data);
          read(queue, pushed, ...messages);
        } else if (taken < pushed) {
          const { value } = await queue.next();
          taken += 1 + value.dropped;
          if (value.key !== undefined) assertEquals(value.data, newest.get(value.key));
        }
      }
      queue.end(null);
      for (let next = await queue.next(); !next.done; next = await queue.next()) taken += 1 + next.value.dropped;
      assertEquals(taken, pushed);
      assert(calls.lastIndexOf("pause") <= calls.lastIndexOf("resume"));
    }),
  );
});
