import { assert, assertEquals } from "@std/assert";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../runtimes/mod.ts";
import { namesIn, stampOf } from "../../src/platform/folders.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { test } from "../support/testing.ts";

const skip = runtime().os === "linux" ? undefined : "only Linux has these structures";

/** A folder that is there until the body returns. */
function withFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "curlws-folders-"));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test(
  "namesIn gives all names, long ones and links that lead nowhere too, but not . and ..",
  () =>
    withFolder((folder) => {
      assertEquals(namesIn(folder, 10), []);
      const names = ["a", "002c0b4f.0", ".hidden", "n".repeat(255), "below", "nowhere"];
      for (const name of names.slice(0, 4)) writeFileSync(join(folder, name), "");
      mkdirSync(join(folder, "below"));
      symlinkSync("/no/such", join(folder, "nowhere"));
      assertEquals(namesIn(folder, 10)?.sort(), names.sort());
    }),
  { skip },
);

test(
  "namesIn gives null for what is no folder, and for one of more names than it may have",
  () =>
    withFolder((folder) => {
      for (let i = 0; i < 500; i++) writeFileSync(join(folder, `file ${i}`), "");
      assertEquals(namesIn(folder, 500)?.length, 500);
      assertEquals(namesIn(folder, 499), null);
      assertEquals([namesIn(join(folder, "none"), 10), namesIn(join(folder, "file 1"), 10)], [null, null]);
    }),
  { skip },
);

test(
  "stampOf changes when a file is written or replaced, and when a folder gets or loses a name",
  () =>
    withFolder((folder) => {
      const file = join(folder, "file"), other = join(folder, "other");
      writeFileSync(file, "one");
      writeFileSync(other, "one");
      const first = stampOf(file), empty = stampOf(folder);
      assert(first !== null && empty !== null);
      assertEquals([stampOf(file), stampOf(folder)], [first, empty]);
      writeFileSync(file, "longer");
      const second = stampOf(file);
      // Of the same length, and with the old times.
      utimesSync(other, new Date(0), new Date(0));
      renameSync(other, file);
      assertEquals(new Set([first, second, stampOf(file)]).size, 3);
      assert(stampOf(folder) !== empty);
    }),
  { skip },
);

test("stampOf follows links, and is null for what is not there", () =>
  withFolder((folder) => {
    const file = join(folder, "file"), link = join(folder, "link");
    writeFileSync(file, "one");
    symlinkSync(file, link);
    assertEquals(stampOf(link), stampOf(file));
    rmSync(file);
    assertEquals([stampOf(link), stampOf(join(folder, "none"))], [null, null]);
  }), { skip });
