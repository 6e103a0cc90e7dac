import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import "../../runtimes/mod.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import { ffi } from "../../src/platform/ffi.ts";
import { allocateNative } from "../../src/platform/native_memory.ts";
import { test } from "../support/testing.ts";

test("memory is zeroed, of that length, and its view is the memory itself", () => {
  for (let round = 0; round < 50; round++) {
    const memory = allocateNative(100);
    assertEquals(memory.view.byteLength, 100);
    for (let at = 0; at < 100; at++) assertEquals(memory.view.getUint8(at), 0);
    memory.view.setUint32(96, 0xdead_beef);
    assertEquals(ffi().view(memory.pointer, 100).subarray(96), Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
    // The next may get the same bytes.
    for (let at = 0; at < 100; at++) memory.view.setUint8(at, 0xff);
    memory.free();
  }
});

test("pieces do not overlap", () => {
  const pieces = Array.from({ length: 20 }, () => allocateNative(64));
  const addresses = pieces.map(({ pointer }) => ffi().address(pointer)).sort((a, b) => (a < b ? -1 : 1));
  addresses.slice(1).forEach((address, i) => assert(address - addresses[i]! >= 64n));
  for (const piece of pieces) piece.free();
});

test("more than there is, is ERR_LIBCURL, and says how much", () => {
  const error = assertThrows(() => allocateNative(2 ** 52));
  assertInstanceOf(error, CurlWebSocketError);
  assertEquals([error.code, error.message], ["ERR_LIBCURL", `calloc of ${2 ** 52} bytes failed: out of memory`]);
});
