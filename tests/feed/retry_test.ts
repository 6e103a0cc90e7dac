/** When the next attempt begins. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Retry, type RetrySettings } from "../../src/feed/retry.ts";
import { test } from "../support/testing.ts";
import { closedBy, lost } from "./scripted.ts";

const SETTINGS: RetrySettings = {
  firstDelay: 100,
  factor: 2,
  maxDelay: 1000,
  stableAfter: 5000,
  maxAttempts: Infinity,
};
const make = (settings: Partial<RetrySettings> = {}, random = 1) =>
  new Retry({ ...SETTINGS, ...settings }, () => random);

/** A refusal with this Retry-After. */
const refused = (status: number, retryAfter: string) =>
  lost("ERR_HANDSHAKE_STATUS", { status, headers: [["Server", "x"], ["retry-AFTER", retryAfter]] });

test("the longest delay grows by the factor, up to the most", () => {
  const retry = make();
  const delays = Array.from({ length: 6 }, () => retry.next(lost(), 0, 0));
  assertEquals(delays, [100, 200, 400, 800, 1000, 1000]);
  assertEquals(retry.attempt, 7);
});

test("the delay is a random part of the longest", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (random) => {
    const retry = make({}, random);
    assertEquals([retry.next(lost(), 0, 0), retry.next(lost(), 0, 0)], [100 * random, 200 * random]);
  }));
});

test("a connection that has stood long enough begins the count anew, a shorter one does not", () => {
  const retry = make();
  retry.next(lost(), 0, 0);
  retry.next(lost(), 0, 0);
  assertEquals([retry.next(lost(), 4999, 0), retry.attempt], [400, 4]);
  assertEquals([retry.next(lost(), 5000, 0), retry.attempt], [100, 1]);
  assertEquals([retry.next(lost(), 0, 0), retry.attempt], [100, 2]);
});

test("after maxAttempts that failed in a row there is no other; the end of a stable connection is none of them", () => {
  const retry = make({ maxAttempts: 2 });
  assertEquals([retry.next(lost(), 0, 0), retry.next(lost(), 6000, 0)], [100, 100]);
  assertEquals([retry.next(lost(), 0, 0), retry.next(lost(), 0, 0)], [100, null]);
  assertEquals(make({ maxAttempts: 1 }).next(lost(), 0, 0), null);
});

test("what Retry-After asks for is waited for, and the delay is added", () => {
  assertEquals(make().next(refused(429, "7"), 0, 0), 7100);
  assertEquals(make().next(refused(500, "7"), 0, 0), 100);
});

test("1013 waits for half of the most at least", () => {
  assertEquals([make({}, 0).next(closedBy(1013), 0, 0), make({}, 1).next(closedBy(1013), 0, 0)], [500, 1000]);
});
