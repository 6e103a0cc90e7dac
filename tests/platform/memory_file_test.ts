import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import "../../runtimes/mod.ts";
import { isInherited, isOpen } from "../../src/platform/descriptors.ts";
import { canOpen, readFile } from "../../src/platform/files.ts";
import { memoryFile } from "../../src/platform/memory_file.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { test } from "../support/testing.ts";

const skip = runtime().os === "linux" ? undefined : "only Linux has them";

test("bytes are a file with a path, any number of times, until it is closed", () => {
  for (const length of [0, 1, 5_000, 3_000_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => i % 251);
    const file = memoryFile(bytes)!;
    try {
      for (let time = 0; time < 2; time++) assertEquals(readFileSync(file.path).equals(bytes), true, `${length} bytes`);
      assertEquals(readFile(file.path)?.length, length);
    } finally {
      file.close();
    }
    assertEquals(canOpen(file.path), false);
  }
}, { skip });

test("the bytes are copied: what is given may change", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const file = memoryFile(bytes.subarray(1))!;
  bytes.fill(0);
  assertEquals(new Uint8Array(readFileSync(file.path)), Uint8Array.of(2, 3));
  file.close();
}, { skip });

test("several live beside each other, each with a descriptor that no child process gets", () => {
  const files = [1, 2, 3].map((value) => memoryFile(Uint8Array.of(value))!);
  const descriptors = files.map(({ path }) => Number(path.split("/").at(-1)));
  assertEquals(new Set(descriptors).size, 3);
  assertEquals(descriptors.filter(isInherited), []);
  assertEquals(files.map(({ path }) => readFileSync(path)[0]), [1, 2, 3]);
  for (const file of files) file.close();
  assertEquals(descriptors.filter(isOpen), []);
}, { skip });

test("there is none on other systems", () => assertEquals(memoryFile(Uint8Array.of(1)), null), {
  skip: skip === undefined ? "Linux has them" : undefined,
});
