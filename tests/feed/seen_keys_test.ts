/** The keys of messages that came lately. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SeenKeys } from "../../src/feed/seen_keys.ts";
import { test } from "../support/testing.ts";

test("the last keys of the window are known, and never more than twice as many", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.integer({ min: 0, max: 60 })), (window, keys) => {
    const seen = new SeenKeys(window), added: number[] = [];
    for (const [at, key] of keys.entries()) {
      for (const recent of added.slice(-window)) assert(seen.find(recent) !== undefined);
      if (seen.find(key) !== undefined) continue;
      seen.add(key, { index: 0, at });
      added.push(key);
      assertEquals(seen.find(key), { index: 0, at });
      assert(seen.size <= 2 * window);
    }
  }));
});

test('1 and "1" are two keys', () => {
  const seen = new SeenKeys(10);
  seen.add(1, { index: 0, at: 0 });
  assertEquals(seen.find("1"), undefined);
});
