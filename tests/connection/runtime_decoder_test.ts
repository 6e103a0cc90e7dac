import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import "../../runtimes/mod.ts";
import { runtimeDecoder } from "../../src/connection/runtime_decoder.ts";
import { placed, property } from "../protocol/support.ts";
import { test } from "../support/testing.ts";

property(
  "text is decoded as by the platform's strict decoder, or refused as by it",
  fc.tuple(
    fc.oneof(fc.string({ unit: "binary" }).map((text) => new TextEncoder().encode(text)), fc.uint8Array()),
    fc.nat(9),
  ),
  ([bytes, offset]) => {
    const from = placed(bytes, offset);
    let expected: string | undefined;
    try {
      expected = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice());
    } catch {
      // It is to be refused.
    }
    const decode = () => runtimeDecoder.decode(from, offset, offset + bytes.length);
    if (expected === undefined) assertThrows(decode, TypeError);
    else assertEquals(decode(), expected);
  },
);

test("long text, with U+FFFD in it, with a byte order mark, and with an error at its end", () => {
  const long = "\uFEFFabc\uFFFD漢字😀".repeat(1000);
  const bytes = new TextEncoder().encode(long);
  assertEquals(runtimeDecoder.decode(bytes, 0, bytes.length), long);
  const bad = Uint8Array.of(...bytes, 0xe6, 0xbc);
  assertThrows(() => runtimeDecoder.decode(bad, 0, bad.length), TypeError);
});

test("ASCII is read as it is, from anywhere in a buffer", () => {
  const bytes = placed(new TextEncoder().encode("hello, world"), 3);
  assertEquals(runtimeDecoder.ascii(bytes, 3, 15), "hello, world");
  assertEquals(runtimeDecoder.ascii(bytes.subarray(5), 0, 3), "llo");
  assertEquals(runtimeDecoder.ascii(bytes, 7, 7), "");
});

test("binary is copied, from anywhere in a buffer", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i & 255).subarray(7);
  for (const [from, to] of [[0, 0], [0, 5], [3, 100], [200, 293]] as const) {
    const copied = runtimeDecoder.copy(bytes, from, to);
    assertEquals(new Uint8Array(copied), bytes.slice(from, to));
    assertEquals(copied.byteLength, to - from);
  }
  const copied = runtimeDecoder.copy(bytes, 0, 4);
  bytes.fill(0);
  assertEquals(new Uint8Array(copied), Uint8Array.of(7, 8, 9, 10));
});
