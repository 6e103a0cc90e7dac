import { assertEquals } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../runtimes/mod.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { WatchedFiles } from "../../src/platform/watched_files.ts";
import { test } from "../support/testing.ts";

const skip = runtime().os === "linux" ? undefined : "only Linux tells when a file has changed";

test("a change is found at the first look that is a second after the last one", () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-watched-")), file = join(folder, "file");
  let now = 0;
  const files = new WatchedFiles(() => now);
  const changedAt = (at: number) => {
    now = at;
    return files.look(file).changed;
  };
  try {
    assertEquals(files.look(file).stamp, null);
    writeFileSync(file, "one");
    assertEquals([changedAt(999), changedAt(1_000)], [null, 1_000]);
    writeFileSync(file, "longer");
    assertEquals([changedAt(1_999), changedAt(2_500), changedAt(9_000)], [1_000, 2_500, 2_500]);
    rmSync(file);
    assertEquals([changedAt(10_000), files.look(file).stamp], [10_000, null]);
    assertEquals(files.look(folder).changed, null);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, { skip });

test("of very many files some are forgotten, and count as changed from then on", () => {
  let now = 0;
  const files = new WatchedFiles(() => now);
  assertEquals(files.look("/dev/null").changed, null);
  for (let i = 1; i < 1_000; i++) files.look(`/no/such/${i}`);
  now = 5;
  assertEquals([files.look("/dev/null").changed, files.look("/no/such/999").changed], [null, null]);
  assertEquals(files.look("/one/more").changed, 5);
  assertEquals([files.look("/dev/null").changed, files.look("/no/such/1").changed], [5, 5]);
});
