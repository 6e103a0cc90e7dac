import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { CurlWebSocket, CurlWebSocketError, libcurl } from "../../mod.ts";
import { candidates, installHint } from "../../src/curl/library.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

test("libcurl() describes the library in use", () => {
  const { version, features, missing } = libcurl();
  assertMatch(version, /^[78]\.\d+\.\d+/);
  assertEquals(features.includes("SSL"), !missing.includes("SSL"));
});

test("a library that is not there: the error names it and says what to install", () => {
  const error = assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { library: "/no/such/libcurl.so" }));
  assertInstanceOf(error, CurlWebSocketError);
  assertEquals(error.code, "ERR_LIBCURL_NOT_FOUND");
  assertMatch(error.message, /library option.*install.*CURLWS_LIBCURL[^]*\/no\/such\/libcurl\.so/);
});

test("a library that is no libcurl is refused", () => {
  const error = assertThrows(() => libcurl(process.execPath));
  assertInstanceOf(error, CurlWebSocketError);
  assertEquals(error.code, "ERR_LIBCURL_NOT_FOUND");
});

test("each platform has names to try and a way to install", () => {
  for (const os of ["linux", "darwin", "windows"] as const) {
    assertEquals(candidates({ os, arch: "arm64" }).length > 2, true);
    assertMatch(installHint(os), /install|put/);
  }
});

/** Runs a line of this module's user in a process of its own. */
async function run(args: string[], env: Record<string, string>, line = 'console.log("opened")'): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "curlws-user-"));
  const program = join(folder, "user.ts");
  writeFileSync(
    program,
    `import { CurlWebSocket, libcurl } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    try { libcurl(); ${line}; } catch (error) { console.log(error.code, error.message); }`,
  );
  try {
    return await output([...args, program], env);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface DenoCommand {
  new (path: string, options: object): { output(): Promise<{ stdout: Uint8Array }> };
}

/** Deno's node:child_process gives a Deno that it starts every permission, so on Deno its own API is used. */
async function output(args: string[], env: Record<string, string>): Promise<string> {
  const { Deno } = globalThis as unknown as { Deno?: { Command: DenoCommand } };
  if (Deno !== undefined) {
    return new TextDecoder().decode((await new Deno.Command(process.execPath, { args, env }).output()).stdout);
  }
  return (await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env }, encoding: "utf8" }))
    .stdout;
}

const deno = "Deno" in globalThis;

test("CURLWS_LIBCURL names the library", async () => {
  const output = await run(deno ? ["run", "-A", "--no-check"] : ["run"], { CURLWS_LIBCURL: "/no/such.so" });
  assertMatch(output, /^ERR_LIBCURL_NOT_FOUND .*CURLWS_LIBCURL/);
});

test("CURLWS_ZLIB names zlib; without one compression is not offered, and libcurl() says so", async () => {
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

test("without --allow-ffi the error says so; without --allow-env nothing is asked", async () => {
  assertMatch(await run(["run", "--no-check", "--no-prompt"], {}), /^ERR_FFI_PERMISSION .*--allow-ffi/);
  assertMatch(await run(["run", "--no-check", "--no-prompt", "--allow-ffi"], {}), /^opened/);
}, { skip: deno ? undefined : "Bun has no permissions" });
