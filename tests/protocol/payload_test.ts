import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { runtime } from "../../src/platform/runtime.ts";
import "../../mod.ts";
import { runtimeCopying } from "../../src/platform/payload_decoder.ts";
import { AsciiScanner, COPYING } from "../../src/protocol/payload.ts";
import { test } from "../support/testing.ts";
import { property } from "./support.ts";

/** The bytes at `offset` in a larger buffer, among bytes that are not ASCII. */
function placed(bytes: Uint8Array, offset: number): Uint8Array {
  const buffer = new Uint8Array(offset + bytes.length + 9).fill(0xff);
  buffer.set(bytes, offset);
  return buffer;
}

test("ASCII is told at every offset and length, from each byte alone", () => {
  const scanner = new AsciiScanner();
  for (let offset = 0; offset < 9; offset++) {
    for (let length = 0; length < 20; length++) {
      const bytes = placed(new Uint8Array(length).fill(0x7f), offset);
      assertEquals(scanner.isAscii(bytes, offset, offset + length), true, `${offset} ${length}`);
      const view = bytes.subarray(offset);
      assertEquals(scanner.isAscii(view, 0, length), true);
      for (let bad = 0; bad < length; bad++) {
        bytes[offset + bad] = 0x80;
        assertEquals(scanner.isAscii(bytes, offset, offset + length), false, `${offset} ${length} ${bad}`);
        assertEquals(scanner.isAscii(view, 0, length), false);
        bytes[offset + bad] = 0x7f;
      }
    }
  }
});

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
    for (const { decode } of [COPYING, runtimeCopying]) {
      if (expected === undefined) assertThrows(() => decode(from, offset, offset + bytes.length), TypeError);
      else assertEquals(decode(from, offset, offset + bytes.length), expected);
    }
  },
);

test("long text, with U+FFFD in it, with a byte order mark, and with an error at its end", () => {
  const long = "\uFEFFabc\uFFFD漢字😀".repeat(1000);
  const bytes = new TextEncoder().encode(long);
  assertEquals(runtimeCopying.decode(bytes, 0, bytes.length), long);
  assertEquals(runtime().utf8(bytes), long);
  const bad = Uint8Array.of(...bytes, 0xe6, 0xbc);
  assertThrows(() => runtimeCopying.decode(bad, 0, bad.length), TypeError);
});

test("binary is copied, from anywhere in a buffer", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i & 255).subarray(7);
  for (const { copy } of [COPYING, runtimeCopying]) {
    for (const [from, to] of [[0, 0], [0, 5], [3, 100], [200, 293]] as const) {
      const copied = copy(bytes, from, to);
      assertEquals(new Uint8Array(copied), bytes.slice(from, to));
      assertEquals(copied.byteLength, to - from);
    }
  }
  const copied = runtimeCopying.copy(bytes, 0, 4);
  bytes.fill(0);
  assertEquals(new Uint8Array(copied), Uint8Array.of(7, 8, 9, 10));
});
