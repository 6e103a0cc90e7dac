import { assertEquals, assertMatch } from "@std/assert";
import { createTarGzip } from "nanotar";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { IMPERSONATE, IMPERSONATE_HOSTS } from "../../../cli/install/pins.ts";
import { thisPlatform } from "../../../cli/install/platform.ts";
import { RawServer } from "../../support/raw_server.ts";
import { libcurlNamed, whyNoLibcurl } from "../../support/libcurls.ts";
import { test } from "../../support/testing.ts";
import { Cache, Mirror, run, sha256, truncated } from "../support.ts";

const platform = thisPlatform();
const host = IMPERSONATE_HOSTS[platform as keyof typeof IMPERSONATE_HOSTS] ?? "";
const skip = whyNoLibcurl("impersonate-7.84");
const folder = `impersonate-${platform}`;
const asset = (version: string) => `libcurl-impersonate-v${version}.${host}.tar.gz`;

/** A release's archive, as the real ones are laid out. */
async function release(library: Uint8Array): Promise<Uint8Array> {
  return await createTarGzip([
    { name: "libcurl-impersonate.a", data: "archive" },
    { name: "libcurl-impersonate.so.4.8.0", data: library },
  ]);
}

let real: Promise<Uint8Array> | undefined;
const realRelease = () => real ??= release(readFileSync(libcurlNamed("impersonate-7.84")!));

const tagged = (version: string, digest: string | null) =>
  JSON.stringify({ assets: [{ name: "notes.txt" }, { name: asset(version), digest: digest && `sha256:${digest}` }] });

/** Runs a program of a user, which has the cache's library and no other that impersonates. */
async function user(cache: Cache, source: string): Promise<string> {
  const path = join(cache.home, "user.ts");
  const module = new URL("../../../mod.ts", import.meta.url).href;
  writeFileSync(path, `import { CurlWebSocket, libcurl } from ${JSON.stringify(module)};\n${source}`);
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check"] : ["run"];
  const { out, err } = await run([process.execPath, ...args, path], { XDG_CACHE_HOME: cache.home });
  return out.trim() || err;
}

test(
  "install-impersonate checks a release against the digest from the API, and the impersonate option uses it",
  async () => {
    using cache = new Cache();
    const data = await realRelease(), digest = sha256(data);
    await using mirror = await Mirror.start({
      "/api/tags/v9.9.9": tagged("9.9.9", digest),
      [`/get/v9.9.9/${asset("9.9.9")}`]: data,
    });
    await using server = await RawServer.start();
    const connect = `new CurlWebSocket(${JSON.stringify(server.url())}, { impersonate: "chrome" })`;
    const without = await user(cache, `try { ${connect}; } catch (error) { console.log(error.code, error.message) }`);
    assertMatch(without, /^ERR_IMPERSONATE .*plain libcurl.* curlws install-impersonate/);

    const env = {
      CURLWS_RELEASES_URL: `http://${mirror.host}/get/`,
      CURLWS_RELEASES_API_URL: `http://${mirror.host}/api/`,
    };
    const { code, out, err } = await cache.cli(["install-impersonate", "--version", "v9.9.9"], env);
    assertEquals(code, 0, err);
    assertMatch(err, /libcurl-impersonate v9\.9\.9, .*: libcurl 7\.84\.\S+, which loads/);
    assertEquals(out.trim(), join(cache.folder, folder, "libcurl-impersonate.so"));
    assertEquals(cache.files, [folder, `${folder}/installed.json`, `${folder}/libcurl-impersonate.so`]);

    const program = user(
      cache,
      `const socket = ${connect}; socket.onerror = () => {};
    socket.onclose = () => console.log(libcurl().path, libcurl().version.startsWith("7.84"));`,
    );
    const peer = await server.connection();
    assertMatch(await peer.request(), /^GET [^]*Connection: Upgrade\r\nPragma: no-cache\r\n[^]*Chrome\/110\./);
    peer.destroy();
    // Everything else goes on with the system's.
    assertMatch(await program, /false$/);
  },
  { skip, timeout: 60_000 },
);

test("install-impersonate checks the pinned release against its pinned digest, without calling the API", async () => {
  using cache = new Cache();
  const data = await release(new TextEncoder().encode("something else"));
  const path = `/v${IMPERSONATE.version}/${asset(IMPERSONATE.version)}`;
  await using mirror = await Mirror.start({ [path]: data });
  const base = `http://${mirror.host}`;
  const { code, err } = await cache.cli(["install-impersonate", "--base-url", base, "--api-url", base]);
  assertEquals([code, mirror.asked, cache.files], [1, [path], []]);
  assertMatch(err, new RegExp(`is not the expected file: its sha256 is ${sha256(data)}, not [0-9a-f]{64}`));
}, { skip: platform.endsWith("-musl") || host === "" ? "no digest is kept for this platform" : undefined });

test("install-impersonate reports each failed download, and leaves no files behind", async () => {
  using cache = new Cache();
  const data = await release(new TextEncoder().encode("no library")), digest = sha256(data);
  const text = new TextEncoder().encode("<html>");
  await using mirror = await Mirror.start({
    "/tags/v1": tagged("1", null),
    "/tags/v2": tagged("3", digest),
    "/tags/v4": "<html>",
    "/tags/v5": tagged("5", digest),
    [`/v5/${asset("5")}`]: truncated(data),
    "/tags/v6": tagged("6", digest),
    [`/v7/${asset("7")}`]: text,
    "/tags/v8": tagged("8", digest),
    [`/v8/${asset("8")}`]: data,
  });
  const base = `http://${mirror.host}`;
  const cli = (version: string, ...args: string[]) =>
    cache.cli(["install-impersonate", "--base-url", base, "--api-url", base, "--version", version, ...args]);
  const expected: [Promise<{ code: unknown; err: string }>, RegExp][] = [
    [cli("1"), /has no sha256 of libcurl-impersonate-v1\..*--sha256/],
    [cli("2"), /v2 has no libcurl-impersonate-v2\.\S+; it has libcurl-impersonate-v3\./],
    [cli("4"), /tags\/v4 returned no release/],
    [cli("5"), /v5\.\S+ cannot be downloaded: /],
    [cli("6"), /v6\.\S+ cannot be downloaded: the server returned 404/],
    [cli("7", "--sha256", sha256(text)), /the release cannot be unpacked/],
    [cli("8"), /does not load on this machine, and was removed again/],
    [cli("9"), /tags\/v9 cannot be downloaded: the server returned 404/],
    [cli("1", "--platform", "linux-s390x"), /no libcurl-impersonate for linux-s390x, only for /],
  ];
  for (const [running, message] of expected) {
    const { code, err } = await running;
    assertMatch(err, message);
    assertEquals(code, 1);
  }
  assertEquals((await cli("../1")).code, 2);
  assertEquals(cache.files, []);
}, { timeout: 60_000, skip: host === "" ? "there is no release for this platform" : undefined });
