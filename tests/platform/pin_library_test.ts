import { assertEquals } from "@std/assert";
import "../../runtimes/mod.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { loadZlib } from "../../src/platform/zlib.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

const zlib = loadZlib();
const skip = runtime().os !== "linux" ? "there is no /proc" : zlib === null ? "there is no zlib" : undefined;
const file = (name: string) => JSON.stringify(new URL(`../../src/platform/${name}.ts`, import.meta.url).href);

test("a pinned library stays loaded when everybody else has closed it; another is unloaded", async () => {
  const output = await runScript(
    "",
    `const { readFileSync } = await import("node:fs");
    const { openLibc } = await import(${file("libc")});
    const { toCString } = await import(${file("ffi")});
    const { pinLibrary } = await import(${file("pin_library")});
    const { dlopen, dlclose } = openLibc({
      dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
      dlclose: { parameters: ["pointer"], result: "i32" },
    });
    const path = ${JSON.stringify(zlib?.path)};
    const loaded = () => /\\/libz\\.so/.test(readFileSync("/proc/self/maps", "utf8"));
    const seen = [loaded()];
    for (const pinned of [false, true]) {
      const handle = dlopen(toCString(path), 2);
      if (pinned) pinLibrary(path);
      seen.push(loaded());
      dlclose(handle);
      seen.push(loaded());
    }
    console.log(seen.join(" "));`,
  );
  assertEquals(output, "false true false true true");
}, { skip });

test("a library that is not there pins nothing, and is no error", async () => {
  const output = await runScript(
    "",
    `const { pinLibrary } = await import(${file("pin_library")});
    pinLibrary("/no/such/library.so");
    console.log("goes on");`,
  );
  assertEquals(output, "goes on");
});
