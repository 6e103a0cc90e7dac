import { assert, assertEquals, assertMatch } from "@std/assert";
import { cacheFolder } from "../../src/curl/library_cache.ts";
import { test } from "../support/testing.ts";
import { Cache } from "./support.ts";

test("curlws without a command lists its commands, and so does --help", async () => {
  using cache = new Cache();
  const [bare, help] = await Promise.all([cache.cli([]), cache.cli(["--help"])]);
  assertEquals([bare.code, help.code, bare.out], [2, 0, help.out]);
  for (const name of ["install-libcurl", "install-impersonate"]) {
    assert(help.out.includes(name));
    const { code, out } = await cache.cli([name, "--help"]);
    assertEquals(code, 0);
    assertMatch(out, new RegExp(`^Usage: curlws ${name} [^]*--sha256 HEX[^]*--platform NAME`));
  }
});

test("an unknown command, option or value is an error with exit code 2 or 1", async () => {
  using cache = new Cache();
  const [command, option, positional, digest, platform] = await Promise.all([
    cache.cli(["instal-libcurl"]),
    cache.cli(["install-libcurl", "--bogus"]),
    cache.cli(["install-libcurl", "now"]),
    cache.cli(["install-libcurl", "--sha256", "abc"]),
    cache.cli(["install-libcurl", "--platform", "linux-riscv64"]),
  ]);
  assertEquals([command.code, option.code, positional.code, digest.code, platform.code], [2, 2, 2, 2, 1]);
  assertMatch(command.err, /no command "instal-libcurl"[^]*install-libcurl/);
  assertMatch(option.err, /--bogus[^]*install-libcurl --help/);
  assertMatch(positional.err, /now/);
  assertMatch(digest.err, /--sha256 takes 64 hexadecimal digits, not abc/);
  assertMatch(platform.err, /no libcurl in a wheel for linux-riscv64, only for .*linux-x64/);
  assertEquals(cache.files, []);
});

test("the cache is in the platform's usual folder", () => {
  const env = (variables: Record<string, string>) => (name: string) => variables[name];
  assertEquals(cacheFolder("linux", env({ HOME: "/home/joe" })), "/home/joe/.cache/curlws");
  assertEquals(cacheFolder("linux", env({ HOME: "/home/joe", XDG_CACHE_HOME: "/var/c" })), "/var/c/curlws");
  // A relative one is to be ignored, as the specification says, and an empty one is none.
  assertEquals(cacheFolder("linux", env({ HOME: "/home/joe", XDG_CACHE_HOME: "c" })), "/home/joe/.cache/curlws");
  assertEquals(cacheFolder("other", env({ HOME: "/home/joe", XDG_CACHE_HOME: "" })), "/home/joe/.cache/curlws");
  assertEquals(cacheFolder("darwin", env({ HOME: "/Users/joe" })), "/Users/joe/Library/Caches/curlws");
  assertEquals(cacheFolder("windows", env({ LOCALAPPDATA: "C:\\L" })), "C:\\L\\curlws");
  for (const os of ["linux", "darwin", "windows"] as const) assertEquals(cacheFolder(os, env({})), null);
});
