/** What was sent on all connections of a feed leaves. */
import { assertEquals } from "@std/assert";
import { FeedDrain } from "../../src/feed/feed_drain.ts";
import { SocketPromises } from "../../src/web/socket_promises.ts";
import { test } from "../support/testing.ts";

/** A socket whose bytes leave when the test says so. */
class Sending {
  bufferedAmount = 0;
  #waiting: { limit: number; resolve: () => void; reject: (reason: unknown) => void }[] = [];

  drained(limit = 0): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ limit, resolve, reject });
    return promise;
  }

  async leave(bytes: number): Promise<void> {
    this.bufferedAmount -= bytes;
    for (const { limit, resolve } of this.#waiting) if (this.bufferedAmount <= limit) resolve();
    this.#waiting = this.#waiting.filter(({ limit }) => this.bufferedAmount > limit);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async end(): Promise<void> {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("ended"));
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

class Sendings {
  alive: Sending[] = [];
  waiting = 0;
  get bufferedAmount(): number {
    return this.alive.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, this.waiting);
  }
}

/** A feed, its drain, and which limits have been reached. */
function draining(limits: readonly number[]) {
  const feed = new Sendings(), one = new Sending(), two = new Sending();
  feed.alive = [one, two];
  one.bufferedAmount = 10;
  two.bufferedAmount = 10;
  const drain = new FeedDrain(feed), promises = new SocketPromises(feed, true, null), reached: number[] = [];
  for (const limit of limits) void promises.drained(drain, limit, undefined).then(() => reached.push(limit));
  return { feed, one, two, drain, promises, reached };
}

test("it adds up the bytes of all connections, and looks whenever some have left", async () => {
  const { one, two, reached } = draining([15, 10, 0]);
  await one.leave(4);
  assertEquals(reached, []);
  await two.leave(1);
  assertEquals(reached, [15]);
  await two.leave(5);
  assertEquals(reached, [15, 10]);
  await one.leave(6);
  await two.leave(4);
  assertEquals([reached, one.waiting, two.waiting], [[15, 10, 0], 0, 0]);
});

test("what waits for a connection counts, and is watched on the one that takes it", async () => {
  const { feed, one, two, drain, reached } = draining([0]);
  feed.waiting = 5;
  await one.leave(10);
  await two.leave(10);
  assertEquals(reached, []);
  feed.waiting = 0;
  one.bufferedAmount = 5;
  drain.look();
  await one.leave(5);
  assertEquals(reached, [0]);
});

test("what is lost with its connection is not waited for, and a connection that has ended is forgotten", async () => {
  const { feed, one, two, drain, reached } = draining([0]);
  await two.leave(10);
  await one.end();
  feed.alive = [two];
  drain.look();
  await two.leave(0);
  assertEquals(reached, [0]);
});

test("while nobody drains, nothing is watched, and one wait is enough for a socket", async () => {
  const { one, two, drain, promises, reached } = draining([]);
  drain.look();
  assertEquals([one.waiting, two.waiting], [0, 0]);
  for (const limit of [0, 1]) void promises.drained(drain, limit, undefined).then(() => reached.push(limit));
  drain.look();
  assertEquals([one.waiting, two.waiting], [1, 1]);
  await one.leave(10);
  await two.leave(10);
  assertEquals(reached.sort(), [0, 1]);
});
