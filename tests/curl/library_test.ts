import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import process from "node:process";
import { CurlWebSocket, CurlWebSocketError, libcurl } from "../../mod.ts";
import { candidates, installHint } from "../../src/curl/library.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";
import { runUser } from "../support/user_program.ts";

test("libcurl() describes the library in use", () => {
  const { version, features, missing } = libcurl();
  assertMatch(version, /^[78]\.\d+\.\d+/);
  assertEquals(features.includes("SSL"), !missing.includes("SSL"));
});

test("a missing library is an error that names it and says what to install", () => {
  const error = assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { library: "/no/such/libcurl.so" }));
  assertInstanceOf(error, CurlWebSocketError);
  assertEquals(error.code, "ERR_LIBCURL_NOT_FOUND");
  assertMatch(error.message, /library option.*install.*CURLWS_LIBCURL[^]*\/no\/such\/libcurl\.so/);
});

test("an empty library name is a TypeError", () => {
  for (const library of ["", "a\0b", 7 as unknown as string]) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { library }), TypeError, "library ");
  }
});

test("a library that is not libcurl is an error", () => {
  const error = assertThrows(() => libcurl(process.execPath));
  assertInstanceOf(error, CurlWebSocketError);
  assertEquals(error.code, "ERR_LIBCURL_NOT_FOUND");
});

test("each platform has library names to try and a way to install", () => {
  for (const os of ["linux", "darwin", "windows"] as const) {
    assertEquals(candidates({ os, arch: "arm64" }).length > 2, true);
    assertMatch(installHint(os), /install|put/);
  }
});

/** Runs a line of this module's user that has loaded libcurl, in a process of its own. */
function run(args: string[], env: Record<string, string>, line = 'console.log("opened")'): Promise<string> {
  return runUser(args, env, `libcurl(); ${line}`);
}

const deno = "Deno" in globalThis;

test("CURLWS_LIBCURL names the library", async () => {
  const output = await run(deno ? ["run", "-A", "--no-check"] : ["run"], { CURLWS_LIBCURL: "/no/such.so" });
  assertMatch(output, /^ERR_LIBCURL_NOT_FOUND .*CURLWS_LIBCURL/);
});

test("CURLWS_ZLIB names zlib; without zlib no compression is offered, and libcurl() says so", async () => {
  const env = { CURLWS_ZLIB: "/no/such.so" };
  const args = deno ? ["run", "-A", "--no-check"] : ["run"];
  const told = JSON.parse(await run(args, env, "console.log(JSON.stringify(libcurl()))"));
  assertEquals([told.zlib, told.missing], [null, ["zlib"]]);
  await using server = await RawServer.start();
  const request = server.connection().then(async (peer) => {
    const text = await peer.request();
    peer.destroy();
    return text;
  });
  await run(args, env, `new CurlWebSocket(${JSON.stringify(server.url())}).onerror = () => process.exit()`);
  assert(!(await request).includes("Sec-WebSocket-Extensions"));
});

test("without --allow-ffi the error says so; without --allow-env Deno does not prompt", async () => {
  assertMatch(await run(["run", "--no-check", "--no-prompt"], {}), /^ERR_FFI_PERMISSION .*--allow-ffi/);
  assertMatch(await run(["run", "--no-check", "--no-prompt", "--allow-ffi"], {}), /^opened/);
}, { skip: deno ? undefined : "Bun has no permissions" });
