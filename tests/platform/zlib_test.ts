import { assert, assertEquals, assertMatch } from "@std/assert";
import "../../runtimes/mod.ts";
import { loadZlib, zlibCandidates } from "../../src/platform/zlib.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

const module = JSON.stringify(new URL("../../src/platform/zlib.ts", import.meta.url).href);

test("each platform has names to try, and Linux a folder of its own architecture", () => {
  for (const os of ["linux", "darwin", "windows", "other"] as const) {
    const names = zlibCandidates({ os, arch: "x64" });
    assert(names.length > 1 && new Set(names).size === names.length, os);
  }
  for (const [arch, folder] of [["x64", "x86_64"], ["arm64", "aarch64"]] as const) {
    assert(zlibCandidates({ os: "linux", arch }).includes(`/usr/lib/${folder}-linux-gnu/libz.so.1`));
  }
});

test("it is opened once, with its path and version", () => {
  const zlib = loadZlib()!;
  assertMatch(zlib.version, /^1\./);
  assert(zlib.path.length > 0);
  assert(loadZlib() === zlib);
}, { skip: loadZlib() === null ? "there is no zlib" : undefined });

test("CURLWS_ZLIB names the only one to try; without one it is null, and stays so", async () => {
  const output = await runScript(
    "",
    `const { loadZlib } = await import(${module});
    console.log(loadZlib(), loadZlib());`,
    { env: { CURLWS_ZLIB: "/no/such/libz.so" } },
  );
  assertEquals(output, "null null");
});
