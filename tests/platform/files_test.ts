import { assert, assertEquals, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../runtimes/mod.ts";
import { canOpen, readFile } from "../../src/platform/files.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

const unix = runtime().os === "windows" ? "Windows has no such file" : undefined;

/** A folder that is there until the body returns. */
function withFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "curlws-files-"));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("readFile gives all bytes of a file, of any length", () =>
  withFolder((folder) => {
    // Around the first buffer's length, and around where it has been doubled.
    for (const length of [0, 1, 262_143, 262_144, 262_145, 524_289, 2_000_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i % 251);
      const path = join(folder, "grüße.bin");
      writeFileSync(path, bytes);
      const read = readFile(path);
      assertEquals(read?.length, length);
      assert(read!.every((byte, i) => byte === bytes[i]), `${length} bytes`);
    }
  }));

test("readFile ends at 32 MiB: an endless file ends nothing else", () => {
  assertEquals(readFile("/dev/zero")?.length, 32 * 1024 * 1024);
}, { skip: unix });

test("what cannot be opened is null, and false", () =>
  withFolder((folder) => {
    for (const path of [join(folder, "none"), join(folder, "none", "below"), ""]) {
      assertEquals([readFile(path), canOpen(path)], [null, false], path);
    }
  }));

test("a path with NUL inside is a TypeError, not another file", () => {
  for (const call of [readFile, canOpen]) assertThrows(() => call("/dev/null\0.pem"), TypeError);
});

test("canOpen: a file, a folder, and each several times at once", () =>
  withFolder((folder) => {
    assertEquals([canOpen(folder), canOpen("/dev/null"), canOpen("/dev/null", 20)], [true, true, true]);
  }), { skip: unix });

test("canOpen closes what it opened, also if it could not open all", async () => {
  const files = new URL("../../src/platform/files.ts", import.meta.url).href;
  const output = await runScript(
    "",
    `const { canOpen } = await import(${JSON.stringify(files)});
    for (let round = 0; round < 20; round++) {
      if (canOpen("/dev/null", 1000)) console.log("opened more than the limit");
      if (!canOpen("/dev/null", 10)) console.log("could not open in round " + round);
    }
    console.log("done");`,
    { openFiles: 200 },
  );
  assertEquals(output, "done");
}, { skip: unix });
