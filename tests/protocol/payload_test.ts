import { assertEquals, assertThrows } from "@std/assert";
import { AsciiScanner, portableDecoder } from "../../src/protocol/payload.ts";
import { test } from "../support/testing.ts";
import { placed } from "./support.ts";

test("ASCII is recognized at every offset and length, by each byte alone", () => {
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

test("text keeps its byte order mark and its U+FFFD; what is not UTF-8 is a TypeError", () => {
  const text = "\uFEFFabc\uFFFD漢字😀";
  const bytes = placed(new TextEncoder().encode(text), 3);
  assertEquals(portableDecoder.decode(bytes, 3, bytes.length - 9), text);
  assertEquals(portableDecoder.ascii(bytes, 6, 9), "abc");
  assertThrows(() => portableDecoder.decode(bytes, 3, bytes.length - 10), TypeError);
});

test("binary is copied, from anywhere in a buffer", () => {
  const bytes = placed(Uint8Array.of(1, 2, 3, 4), 5);
  const copied = portableDecoder.copy(bytes.subarray(4), 2, 5);
  bytes.fill(0);
  assertEquals(new Uint8Array(copied), Uint8Array.of(2, 3, 4));
  assertEquals(copied.byteLength, 3);
});
