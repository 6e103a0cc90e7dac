import { assert, assertEquals, assertMatch } from "@std/assert";
import { zipSync } from "fflate";
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { WHEELS } from "../../../cli/install/pins.ts";
import { thisPlatform } from "../../../cli/install/platform.ts";
import { certificates } from "../../support/certificates.ts";
import { libcurlNamed, whyNoLibcurl } from "../../support/libcurls.ts";
import { WsServer } from "../../support/servers.ts";
import { test } from "../../support/testing.ts";
import { Mirror, type Result, run, sha256 } from "../support.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const deno = "Deno" in globalThis;

/** A root file system that has the runtime, the C library, zlib and this repository, and nothing else. */
class Root {
  readonly folder: string = mkdtempSync(join(tmpdir(), "curlws-root-"));

  constructor() {
    for (const name of ["proc", "dev", "tmp", "bin", "curlws"]) mkdirSync(join(this.folder, name));
    writeFileSync(join(this.folder, "bin", "runtime"), "");
    const needed = [process.execPath, libcurlNamed("8.23")!].map((path) => execFileSync("ldd", [path]).toString()).join(
      "\n",
    );
    for (const [path] of needed.matchAll(/(?<=^|\s)\/(?!.*\.cache\/)\S+(?= \(0x)/gm)) {
      const copy = join(this.folder, path);
      mkdirSync(dirname(copy), { recursive: true });
      if (!existsSync(copy)) copyFileSync(path, copy);
    }
  }

  /** Runs this runtime inside. The folders that are mounted there are so for this command alone. */
  async run(args: string[], env: Record<string, string> = {}): Promise<Result> {
    const script = [
      `cd ${this.folder}`,
      `mount --rbind /proc proc && mount --rbind /dev dev`,
      `mount --bind ${process.execPath} bin/runtime && mount --rbind ${repository} curlws`,
      `exec chroot . /bin/runtime "$@"`,
    ].join(" && ");
    const variables = Object.entries({ HOME: "/tmp", ...env }).map(([name, value]) => `${name}=${value}`);
    // Nothing of this environment but the way to unshare, mount and chroot.
    const clean = ["env", "-i", `PATH=${process.env.PATH}`, ...variables];
    return await run([...clean, "unshare", "-rm", "sh", "-c", script, "sh", ...args], {}, 60_000);
  }

  /** Runs a program of a user inside; on Deno with all permissions, or those given. */
  user(source: string, permissions: string[] = ["-A"]): Promise<Result> {
    const text = `import { CurlWebSocket, libcurl } from "/curlws/mod.ts";\n${source}`;
    writeFileSync(join(this.folder, "tmp", "user.ts"), text);
    return this.run([...(deno ? ["run", "--no-check", "--no-prompt", ...permissions] : ["run"]), "/tmp/user.ts"]);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const chroots = spawnSync("unshare", ["-rm", "sh", "-c", "mount --rbind / /mnt && chroot /mnt true"]).status === 0;
const skip = whyNoLibcurl("8.23") ?? (chroots ? undefined : "no mount namespace may be made here");

test("without libcurl the error says what to do, and install-libcurl is enough", async () => {
  using root = new Root();
  const open =
    `try { new CurlWebSocket("ws://127.0.0.1:9/"); } catch ({ code, message }) { console.log(code, message); }`;
  const missing = await root.user(open);
  assertMatch(missing.out, /^ERR_LIBCURL_NOT_FOUND .*apt install libcurl4.*curlws install-libcurl/, missing.err);
  assert(missing.out.includes(`/tmp/.cache/curlws/libcurl-${thisPlatform()}/libcurl.so`), missing.out);

  if (deno) {
    const { out } = await root.user(open, ["--allow-ffi"]);
    assertMatch(out, /^ERR_LIBCURL_NOT_FOUND [^]*may not be read \(--allow-env=HOME,XDG_CACHE_HOME\)/);
  }

  const libraries = dirname(libcurlNamed("8.23")!);
  const wheel = zipSync(
    Object.fromEntries(readdirSync(libraries).map((name) => [`x.libs/${name}`, readFileSync(join(libraries, name))])),
    { level: 0 },
  );
  const { file } = WHEELS["linux-x64"]!;
  await using mirror = await Mirror.start({
    "/simple/pycurl/": `<a href="/${file}">${file}</a>`,
    [`/${file}`]: wheel,
  });
  const cli = [
    ...(deno ? ["run", "-A", "--no-check"] : ["run"]),
    "/curlws/cli/mod.ts",
    "install-libcurl",
    "--if-missing",
  ];
  const env = { PIP_INDEX_URL: `http://${mirror.host}/simple` };
  const installed = await root.run([...cli, "--sha256", sha256(wheel)], env);
  assertEquals(installed.code, 0, installed.err);
  assertMatch(installed.err, /^no usable libcurl was found\n[^]*: libcurl 8\.23\.0, which loads/);

  await using server = await WsServer.start({ tls: true });
  const echo = await root.user(
    `const options = { tls: { ca: ${JSON.stringify(certificates().ca)} } };
    const socket = new CurlWebSocket(${JSON.stringify(server.url("/echo"))}, options);
    socket.onopen = () => socket.send("hello");
    socket.onerror = ({ error }) => console.log(error.message);
    socket.onmessage = ({ data }) => { console.log(data, libcurl().version, libcurl().path); socket.close(); };`,
  );
  assertEquals(echo.out.trim(), `hello 8.23.0 /tmp/.cache/curlws/libcurl-${thisPlatform()}/libcurl.so`, echo.err);
  if (deno) {
    const { out } = await root.user("console.log(libcurl().version)", [
      "--allow-ffi",
      "--allow-env=HOME,XDG_CACHE_HOME",
    ]);
    assertEquals(out.trim(), "8.23.0");
  }
  const again = await root.run(cli);
  assertMatch(again.err, /^libcurl 8\.23\.0 is installed/);
}, { skip, timeout: 120_000 });
