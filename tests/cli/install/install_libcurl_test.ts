import { assert, assertEquals, assertMatch } from "@std/assert";
import { zipSync } from "fflate";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { PYCURL, WHEELS } from "../../../cli/install/pins.ts";
import { thisPlatform } from "../../../cli/install/platform.ts";
import { withCredentials } from "../../../cli/install/pypi.ts";
import { libcurlNamed, whyNoLibcurl } from "../../support/libcurls.ts";
import { test } from "../../support/testing.ts";
import { Cache, CLI, Mirror, run, sha256, truncated } from "../support.ts";

const folder = `libcurl-${thisPlatform()}`;
const file = WHEELS[thisPlatform() as keyof typeof WHEELS]?.file ?? "";
const skip = whyNoLibcurl("8.23");
const pip = spawnSync("python3", ["-m", "pip", "--version"]).status === 0;

const bytes = (text: string) => new TextEncoder().encode(text);

/** A wheel as pip takes it. */
function wheel(files: Record<string, Uint8Array>): Uint8Array {
  const info = `${PYCURL.project}-${PYCURL.version}.dist-info`;
  return zipSync({
    ...files,
    "pycurl/__init__.py": bytes(""),
    [`${info}/licenses/COPYING`]: bytes("licence"),
    [`${info}/METADATA`]: bytes(`Metadata-Version: 2.1\nName: ${PYCURL.project}\nVersion: ${PYCURL.version}\n`),
    [`${info}/WHEEL`]: bytes("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\n"),
    [`${info}/RECORD`]: bytes(""),
  }, { level: 0 });
}

let real: Uint8Array | undefined;

/** A wheel with the real libraries. */
function realWheel(): Uint8Array {
  const libraries = dirname(libcurlNamed("8.23")!);
  return real ??= wheel(
    Object.fromEntries(
      readdirSync(libraries).map((name) => [`pycurl.libs/${name}`, readFileSync(join(libraries, name))]),
    ),
  );
}

const json = (url: string) =>
  JSON.stringify({ files: [{ filename: "other.whl", url: "/no" }, { filename: file, url }] });

test("install-libcurl downloads the wheel from a package index, and the installed library loads", async () => {
  using cache = new Cache();
  const data = realWheel();
  await using mirror = await Mirror.start({ "/simple/pycurl/": json("../../files/w.whl"), "/files/w.whl": data });
  const args = ["install-libcurl", "--index-url", `http://joe:secret@${mirror.host}/simple`, "--sha256", sha256(data)];
  const { code, out, err } = await cache.cli(args);
  assertEquals(code, 0, err);
  assertMatch(err, /libcurl 8\.23\.0, which loads/);
  assert(!err.includes("secret"));
  assertEquals(out.trim(), join(cache.folder, folder, "libcurl.so"));
  assertEquals(mirror.asked, ["joe:secret@/simple/pycurl/", "joe:secret@/files/w.whl"]);
  assertEquals(cache.files.filter((name) => !name.includes("/")), [folder]);
  assert(cache.files.includes(`${folder}/COPYING`));
  assertEquals(JSON.parse(readFileSync(join(cache.folder, folder, "installed.json"), "utf8")).sha256, sha256(data));
  // Once more there is nothing to do, but by force.
  const again = await cache.cli(args);
  assertEquals([again.code, again.out, mirror.asked.length], [0, out, 2]);
  assertMatch(again.err, /already installed/);
  const before = cache.files;
  assertEquals((await cache.cli([...args, "--force"])).code, 0);
  assertEquals([cache.files, mirror.asked.length], [before, 4]);
}, { skip, timeout: 60_000 });

test("without pip, install-libcurl reads the index at PIP_INDEX_URL itself, as JSON or HTML", async () => {
  using cache = new Cache();
  const data = realWheel();
  const page = `<!DOCTYPE html><a href="no">no.whl</a>\n<a class="x" href="/f/w.whl?a=1&amp;b=2#sha256=ab">${file}</a>`;
  await using mirror = await Mirror.start({ "/s/pycurl/": page, "/f/w.whl?a=1&b=2": data });
  const env = { PATH: "/nowhere", PIP_INDEX_URL: `http://${mirror.host}/s/` };
  const { code, err } = await cache.cli(["install-libcurl", "--sha256", sha256(data)], env);
  assertEquals(code, 0, err);
  assertMatch(err, /which loads/);
}, { skip, timeout: 60_000 });

test("if pip is installed, install-libcurl downloads with it, by pip's own settings", async () => {
  using cache = new Cache();
  const data = realWheel();
  const page = `<!DOCTYPE html><html><body><a href="/f/${file}">${file}</a></body></html>`;
  await using mirror = await Mirror.start({ "/s/pycurl/": page, [`/f/${file}`]: data });
  const env = { PIP_INDEX_URL: `http://${mirror.host}/s/`, PIP_FIND_LINKS: "", PIP_NO_CACHE_DIR: "1" };
  const { code, err } = await cache.cli(["install-libcurl", "--sha256", sha256(data)], env);
  assertEquals(code, 0, err);
  assertMatch(err, /with python3 -m pip[^]*which loads/);
  assert(mirror.asked.includes(`/f/${file}`));
}, { skip: skip ?? (pip ? undefined : "there is no pip"), timeout: 60_000 });

test("install-libcurl reports each failed download, and leaves no files behind", async () => {
  using cache = new Cache();
  const data = wheel({ "pycurl.libs/libcurl-1.so": bytes("no library") });
  await using mirror = await Mirror.start({
    "/good/pycurl/": json("/w.whl"),
    "/w.whl": data,
    "/cut/pycurl/": json("/cut.whl"),
    "/cut.whl": truncated(data),
    "/gone/pycurl/": json("/gone.whl"),
    "/empty/pycurl/": "<html></html>",
    "/forbidden/pycurl/": 403,
    "/nothing/pycurl/": "{",
    "/evil/pycurl/": (_request, response) => {
      response.writeHead(403, "no\x9b2J");
      response.end();
    },
    "/evil-link/pycurl/": json("http://joe:hun/ter2@h:x/"),
    "/nolib.whl": wheel({}),
  });
  const from = (index: string, ...args: string[]) =>
    cache.cli(["install-libcurl", "--index-url", `http://${mirror.host}/${index}`, ...args]);
  const expected: [Promise<{ code: unknown; err: string }>, RegExp][] = [
    [
      from("good"),
      new RegExp(`is not the expected file: its sha256 is ${sha256(data)}, not [0-9a-f]{64}; nothing`),
    ],
    [from("cut"), /cut\.whl cannot be downloaded: /],
    [from("gone"), /gone\.whl cannot be downloaded: the server returned 404/],
    [from("empty"), /does not have pycurl-/],
    [from("nothing"), /does not have pycurl-/],
    [from("evil"), /the server returned 403 (Forbidden|no\\x9b2J)\n/],
    [from("evil-link"), /has no URL for pycurl-.*: http:\/\/h:…/],
    [
      cache.cli(["install-libcurl", "--index-url", "http://joe:hun/ter2@h:x/"]),
      /the index is not a URL: http:\/\/h:…\/\n/,
    ],
    [
      from("good", "--from", "http://joe:hun/ter2@h:x/"),
      /^curlws: http:\/\/h:…\/ cannot be downloaded: it is not a URL$/m,
    ],
    [from("good", "--from", "ftp://joe:hunter2@h/x"), /^curlws: ftp:\/\/h\/x cannot be read: ENOENT/m],
    [from("forbidden"), /the server returned 403/],
    [from("good", "--from", "/no/such.whl"), /\/no\/such\.whl cannot be read: ENOENT/],
    [
      from("", "--from", `http://${mirror.host}/nolib.whl`, "--sha256", sha256(wheel({}))),
      /the wheel has no libcurl/,
    ],
  ];
  for (const [running, message] of expected) {
    const { code, err } = await running;
    assertMatch(err, message);
    assertEquals(code, 1);
    assert(!/joe|hun.?ter2|^ +at /m.test(err), err);
  }
  assertEquals(cache.files, []);
  // A % that begins no escape is itself, in a name or password.
  const percent = await cache.cli(["install-libcurl", "--index-url", `http://jo%C3%A9:50%@${mirror.host}/gone`]);
  assertEquals([percent.code, mirror.asked.slice(-2)], [1, [
    "jo\xc3\xa9:50%@/gone/pycurl/",
    "jo\xc3\xa9:50%@/gone.whl",
  ]]);
}, { timeout: 60_000, skip: file === "" ? "there is no wheel for this platform" : undefined });

test("an index's credentials are sent only to its origin, or to its host over TLS", () => {
  const index = new URL("https://joe:secret@h/simple/pycurl/");
  const made = (file: string, from = index) => withCredentials(new URL(file), from).href;
  assertEquals(made("https://h/w.whl#sha256=ab"), "https://joe:secret@h/w.whl");
  for (const file of ["http://h/w.whl", "https://h:444/w.whl", "https://files.h/w.whl"]) assertEquals(made(file), file);
  assertEquals(made("https://me:own@h/w.whl"), "https://me:own@h/w.whl");
  assertEquals(made("https://h/w.whl", new URL("http://joe:secret@h/")), "https://joe:secret@h/w.whl");
});

test("a broken archive or a library that does not load leaves the installed version in place", async () => {
  using cache = new Cache();
  const data = realWheel();
  const broken = wheel({ "pycurl.libs/libcurl-1.so": bytes("no library") });
  const paths = { good: data, broken, text: bytes("<html>") };
  const install = async (name: keyof typeof paths) => {
    const path = join(cache.home, `${name}.whl`);
    writeFileSync(path, paths[name]);
    return await cache.cli(["install-libcurl", "--from", path, "--sha256", sha256(paths[name])]);
  };
  assertEquals((await install("good")).code, 0);
  const before = cache.files;
  const [unopened, unpacked] = [await install("broken"), await install("text")];
  assertEquals([unopened.code, unpacked.code], [1, 1]);
  assertMatch(unopened.err, /does not load on this machine, and was removed again: .*(ELF|short|header)/i);
  assertMatch(unpacked.err, /the wheel cannot be unpacked/);
  assertEquals(cache.files, before);
  assertMatch((await install("good")).err, /already installed/);
}, { skip, timeout: 60_000 });

test("a cache folder that is not writable is an error that says what to do", async () => {
  using cache = new Cache();
  const data = wheel({ "pycurl.libs/libcurl-1.so": bytes("no library") });
  const path = join(cache.home, "w.whl"), occupied = join(cache.home, "occupied");
  writeFileSync(path, data);
  writeFileSync(occupied, "");
  const args = ["install-libcurl", "--from", path, "--sha256", sha256(data)];
  const notFolder = await cache.cli(args, { XDG_CACHE_HOME: occupied });
  assertEquals(notFolder.code, 1);
  assertMatch(notFolder.err, /occupied\/curlws\/libcurl-.* cannot be installed; a part of the path is a file/);
  assertMatch(notFolder.err, /set XDG_CACHE_HOME .*nothing was changed/);
  const homeless = await cache.cli(args, { XDG_CACHE_HOME: "", HOME: "" });
  assertEquals(homeless.code, 1);
  assertMatch(homeless.err, /cache folder is unknown: set HOME or XDG_CACHE_HOME/);
}, { skip: process.platform === "linux" && file !== "" ? undefined : "the cache's places are Linux's" });

const namespaces = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

test("a full disk is an error, and no partial file stays", async () => {
  const mount = mkdtempSync(join(tmpdir(), "curlws-full-"));
  try {
    const data = realWheel(), path = join(mount, "..", `${sha256(data)}.whl`);
    writeFileSync(path, data);
    // The folder is 4 MB large inside, and not there outside.
    const script =
      `mount -t tmpfs -o size=4m none ${mount} && XDG_CACHE_HOME=${mount} "$@"; echo "code $?"; find ${mount}/curlws -type f`;
    const args = ["install-libcurl", "--from", path, "--sha256", sha256(data)];
    const { out, err } = await run(["unshare", "-rm", "sh", "-c", script, "sh", ...CLI, ...args], {
      DENO_DIR: process.env.DENO_DIR || join(process.env.HOME ?? "", ".cache", "deno"),
    });
    rmSync(path);
    assertMatch(err, /the disk is full: free some space.*ENOSPC/);
    assertEquals(out.trim(), "code 1");
  } finally {
    rmSync(mount, { recursive: true });
  }
}, { skip: skip ?? (namespaces ? undefined : "no mount namespace may be made here"), timeout: 60_000 });

test("an install that is killed midway leaves no files behind", async () => {
  using cache = new Cache();
  let reached = () => {};
  const halfway = new Promise<void>((resolve) => reached = resolve);
  await using mirror = await Mirror.start({
    "/w.whl": (_request, response) => {
      response.setHeader("content-length", 1000);
      response.write("PK", () => reached());
    },
  });
  const [program = "", ...args] = [...CLI, "install-libcurl", "--from", `http://${mirror.host}/w.whl`];
  const child = spawn(program, args, { env: { ...process.env, XDG_CACHE_HOME: cache.home }, stdio: "ignore" });
  await halfway;
  child.kill("SIGTERM");
  await once(child, "exit");
  assertEquals(cache.files, []);
}, { skip: file === "" ? "there is no wheel for this platform" : undefined });

test("--if-missing does nothing if a libcurl is found, and prints which", async () => {
  using cache = new Cache();
  const { code, err } = await cache.cli(["install-libcurl", "--if-missing"], { CURLWS_LIBCURL: libcurlNamed("8.23")! });
  assertEquals([code, cache.files.length], [0, 0], err);
  assertMatch(err, /^libcurl 8\.23\.0 is installed: /);
}, { skip });

test("--platform downloads for another machine, without loading the library", async () => {
  using cache = new Cache();
  const data = wheel({
    "pycurl/.dylibs/libcurl.4.8.0.dylib": bytes("no library"),
    "pycurl/.dylibs/libz.1.dylib": bytes("z"),
  });
  const path = join(cache.home, "w.whl");
  writeFileSync(path, data);
  const args = ["install-libcurl", "--platform", "darwin-arm64", "--from", path, "--sha256", sha256(data)];
  const { code, err } = await cache.cli(args);
  assertEquals(code, 0, err);
  assert(!err.includes("loads"));
  assertEquals(cache.files.map((name) => name.replace("libcurl-darwin-arm64/", "")), [
    "libcurl-darwin-arm64",
    "COPYING",
    "installed.json",
    "libcurl.dylib",
    "libz.1.dylib",
  ]);
});

test("two installs at once leave one complete library", async () => {
  using cache = new Cache();
  const data = realWheel(), path = join(cache.home, "w.whl");
  writeFileSync(path, data);
  const args = ["install-libcurl", "--force", "--from", path, "--sha256", sha256(data)];
  const results = await Promise.all(Array.from({ length: 4 }, () => cache.cli(args)));
  assertEquals(results.map(({ code, err }) => code === 0 ? "" : err), ["", "", "", ""]);
  assertEquals(cache.files.filter((name) => !name.includes("/")), [folder]);
  assertMatch((await cache.cli(args.filter((arg) => arg !== "--force"))).err, /already installed/);
}, { skip, timeout: 60_000 });
