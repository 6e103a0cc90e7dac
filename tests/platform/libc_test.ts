import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import "../../runtimes/mod.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import { toCString } from "../../src/platform/ffi.ts";
import { openLibc } from "../../src/platform/libc.ts";
import { test } from "../support/testing.ts";
import { runUser } from "../support/user_program.ts";

test("functions of the C library are opened, each by its name", () => {
  const { strlen, abs } = openLibc({
    strlen: { parameters: ["buffer"], result: "usize" },
    abs: { parameters: ["i32"], result: "i32" },
  });
  assertEquals([Number(strlen(toCString("four"))), abs(-4)], [4, 4]);
});

test("a function that it does not have is ERR_LIBCURL_NOT_FOUND, with what was tried and the cause", () => {
  const error = assertThrows(() => openLibc({ curlws_no_such: { parameters: [], result: "void" } }));
  assertInstanceOf(error, CurlWebSocketError);
  assertEquals(error.code, "ERR_LIBCURL_NOT_FOUND");
  assert(/^no C library found; tried \S+/.test(error.message), error.message);
  assert(error.cause instanceof Error);
});

test("Deno: without permission the error names what may not be opened", async () => {
  const [runtimes, libc] = ["runtimes/mod.ts", "src/platform/libc.ts"]
    .map((path) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href));
  const line = `await import(${runtimes}); const { openLibc } = await import(${libc}); openLibc({})`;
  const shown = await runUser(["run", "--no-check", "--no-prompt", "--allow-read", "--deny-ffi"], {}, line);
  assert(/^ERR_FFI_PERMISSION opening lib\S+ is not allowed: run the program without --deny-ffi/.test(shown), shown);
}, { skip: "Deno" in globalThis ? undefined : "Bun has no permissions" });
