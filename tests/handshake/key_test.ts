import { createHash } from "node:crypto";
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { acceptFor, makeKey } from "../../src/handshake/key.ts";
import { test } from "../support/testing.ts";
import { ACCEPTS } from "../vectors/handshake.ts";

test("the Accept that belongs to a key", () => {
  for (const { key, accept } of ACCEPTS) {
    assertEquals(acceptFor(key, (text) => createHash("sha1").update(text).digest("base64")), accept);
  }
});

test("a key is 16 random bytes", () => {
  assertEquals(makeKey(Uint8Array.from({ length: 16 }, (_, i) => i + 1)), "AQIDBAUGBwgJCgsMDQ4PEA==");
  assertEquals(makeKey(new TextEncoder().encode("the sample nonce")), ACCEPTS[0]!.key);
  assertMatch(makeKey(), /^[A-Za-z0-9+/]{22}==$/);
  assertNotEquals(makeKey(), makeKey());
});
