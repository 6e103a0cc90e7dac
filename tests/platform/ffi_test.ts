import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import "../../runtimes/mod.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import { allocate, ffi, isNull, type Pointer, setFfi, toCString } from "../../src/platform/ffi.ts";
import { test } from "../support/testing.ts";

test("NULL is null on Deno and 0 on Bun; any other is none", () => {
  assertEquals([isNull(null), isNull(0 as unknown as Pointer)], [true, true]);
  assertEquals(isNull(ffi().pointerTo(allocate(1))), false);
});

test("allocate: zeros, with a buffer of their own, whose address stays", () => {
  for (const length of [0, 1, 8, 64, 65, 100_000]) {
    const bytes = allocate(length);
    assertEquals([bytes.length, bytes.byteOffset, bytes.buffer.byteLength], [length, 0, length]);
    assert(bytes.every((byte) => byte === 0));
  }
  const small = Array.from({ length: 100 }, () => allocate(8));
  const addresses = small.map((bytes) => ffi().address(ffi().pointerTo(bytes)));
  // Engines move small arrays when their buffer is first read, or when memory is collected.
  for (let round = 0; round < 20; round++) new Uint8Array(1_000_000).fill(round);
  for (const bytes of small) assertEquals(bytes.buffer.byteLength, 8);
  assertEquals(small.map((bytes) => ffi().address(ffi().pointerTo(bytes))), addresses);
});

test("toCString: UTF-8 and one NUL", () => {
  assertEquals(toCString(""), Uint8Array.of(0));
  assertEquals(toCString("aé"), Uint8Array.of(0x61, 0xc3, 0xa9, 0));
});

test("toCString: NUL inside is a TypeError that says where, and does not repeat what may be a password", () => {
  for (const [text, at] of [["\0", 0], ["secret\0", 6], ["secret\0x\0", 6]] as const) {
    const error = assertThrows(() => toCString(text), TypeError, `at ${at}`);
    assert(!(error as Error).message.includes("secret"));
  }
});

test("without a runtime, ffi() is ERR_RUNTIME", () => {
  const real = ffi();
  setFfi(undefined as never);
  try {
    const error = assertThrows(ffi);
    assertInstanceOf(error, CurlWebSocketError);
    assertEquals(error.code, "ERR_RUNTIME");
  } finally {
    setFfi(real);
  }
  assert(ffi() === real);
});
