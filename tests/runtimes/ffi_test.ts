/** What `src/platform/ffi.ts` promises of a runtime, on the one that runs this: the C library is what is called. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import "../../runtimes/mod.ts";
import { allocate, ffi, isNull, type Pointer, toCString } from "../../src/platform/ffi.ts";
import { openLibc } from "../../src/platform/libc.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { test } from "../support/testing.ts";

const libc = openLibc({
  // int abs(int)
  abs: { parameters: ["i32"], result: "i32" },
  // long long llabs(long long)
  llabs: { parameters: ["i64"], result: "i64" },
  // void *memset(void *, int, size_t)
  memset: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
  // size_t strlen(const char *), under two names and with two signatures
  strlen: { parameters: ["buffer"], result: "usize" },
  lengthAt: { name: "strlen", parameters: ["pointer"], result: "usize" },
  // char *strchr(const char *, int)
  strchr: { parameters: ["buffer", "i32"], result: "pointer" },
  // void *calloc(size_t, size_t)
  calloc: { parameters: ["usize", "usize"], result: "pointer" },
  // void free(void *)
  free: { parameters: ["pointer"], result: "void" },
  // void qsort(void *, size_t, size_t, int (*)(const void *, const void *))
  qsort: { parameters: ["buffer", "usize", "usize", "pointer"], result: "void" },
});

/** C memory of this size, until the body returns. */
function withMemory(size: number, body: (pointer: Pointer) => void): void {
  const pointer = libc.calloc(size, 1);
  try {
    body(pointer);
  } finally {
    libc.free(pointer);
  }
}

test("integers of 32 and 64 bits go to C and come back", () => {
  assertEquals(libc.abs(-5), 5);
  assertEquals(libc.abs(-0x7fff_ffff), 0x7fff_ffff);
  assertEquals(Number(libc.llabs(-5)), 5);
  assertEquals(Number(libc.llabs(-(2 ** 52))), 2 ** 52);
});

test("an unsigned result of 32 bits has no sign", () => {
  // uint32_t htonl(uint32_t): every machine that this runs on is little-endian
  const { htonl } = openLibc({ htonl: { parameters: ["u32"], result: "u32" } });
  assertEquals(htonl(0xff), 0xff00_0000);
  assertEquals(htonl(0xff00_0000), 0xff);
}, { skip: runtime().os === "windows" ? "htonl is no function of its C library" : undefined });

test("a function can be opened under several names, with a signature each", () => {
  const text = toCString("twelve bytes");
  assertEquals(Number(libc.strlen(text)), 12);
  assertEquals(Number(libc.lengthAt(ffi().pointerTo(text))), 12);
});

test("a buffer is passed by its own address, also if it is a part of a larger one", () => {
  const text = toCString("twelve bytes");
  assertEquals(Number(libc.strlen(text.subarray(7))), 5);
});

test("a pointer that C returns has the address that it was computed from, or is NULL", () => {
  const text = toCString("twelve bytes");
  const found = libc.strchr(text, "b".charCodeAt(0));
  assertEquals(isNull(found), false);
  assertEquals(ffi().address(found) - ffi().address(ffi().pointerTo(text)), 7n);
  assertEquals(ffi().cString(found), "bytes");
  assertEquals(isNull(libc.strchr(text, "x".charCodeAt(0))), true);
});

test("view() is the memory, not a copy", () =>
  withMemory(64, (pointer) => {
    const view = ffi().view(pointer, 64);
    assertEquals([view.length, view.every((byte) => byte === 0)], [64, true]);
    libc.memset(pointer, 7, 32);
    assertEquals([view[0], view[31], view[32]], [7, 7, 0]);
    view.set(toCString("written here"));
    assertEquals(Number(libc.lengthAt(pointer)), 12);
    assertEquals(ffi().view(pointer, 7), new TextEncoder().encode("written"));
  }));

test("pointerAt() reads what address() wrote, and NULL", () =>
  withMemory(8, (pointer) => {
    const structure = allocate(24);
    new DataView(structure.buffer).setBigUint64(16, ffi().address(pointer), true);
    const read = ffi().pointerAt(ffi().pointerTo(structure), 16);
    assertEquals(ffi().address(read), ffi().address(pointer));
    assertEquals(isNull(ffi().pointerAt(ffi().pointerTo(structure), 8)), true);
  }));

test("cString() is UTF-8 up to NUL; empty for NULL, from a call and from memory", () => {
  const text = toCString("grüße 漢字 😀");
  assertEquals(ffi().cString(ffi().pointerTo(text)), "grüße 漢字 😀");
  assertEquals(ffi().cString(ffi().pointerTo(toCString(""))), "");
  assertEquals(ffi().cString(null), "");
  assertEquals(ffi().cString(libc.strchr(text, 1)), "");
  assertEquals(ffi().cString(ffi().pointerAt(ffi().pointerTo(allocate(8)), 0)), "");
});

/** Sorts through a comparison in JavaScript. */
function sorted(numbers: readonly number[], compare: (a: number, b: number) => number): number[] {
  const bytes = allocate(numbers.length * 4);
  const items = new Int32Array(bytes.buffer);
  items.set(numbers);
  const valueAt = (pointer: Pointer) => {
    const view = ffi().view(pointer, 4);
    return new DataView(view.buffer, view.byteOffset).getInt32(0, true);
  };
  const callback = ffi().callback(
    ["pointer", "pointer"],
    "i32",
    (a: Pointer, b: Pointer) => Math.sign(compare(valueAt(a), valueAt(b))),
  );
  libc.qsort(bytes, numbers.length, 4, callback.pointer);
  callback.close();
  return [...items];
}

test("C calls back, with its arguments, and gets what is returned", () => {
  assertEquals(sorted([3, -1, 2, 40_000_000, 0], (a, b) => a - b), [-1, 0, 2, 3, 40_000_000]);
  assertEquals(sorted([3, -1, 2], (a, b) => b - a), [3, 2, -1]);
});

test("callbacks that are closed make room for others", () => {
  for (let round = 0; round < 500; round++) assertEquals(sorted([2, 1], (a, b) => a - b), [1, 2]);
});

test("a library, or a function of it, that is not there throws; that is no refusal of permission", () => {
  const table = { curlws_no_such_function: { parameters: [], result: "void" } } as const;
  for (const open of [() => ffi().open("/no/such/library.so", table), () => openLibc(table)]) {
    const error = assertThrows(open);
    assert(error instanceof Error);
    assertEquals(ffi().isPermissionError(error), false);
  }
});

test("the tests may call C", () => assertEquals(ffi().mayCallC(), true));
