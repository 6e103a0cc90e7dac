/**
 * Whom each libcurl trusts on systems that keep their CAs in one way or another: `/etc/ssl/certs` is another folder, for one
 * process, in a mount namespace of its own. Whichever way is taken, the answer is that of the bundle and the directory.
 */
import { assert, assertEquals } from "@std/assert";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { libcurl } from "../../mod.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { run } from "../cli/support.ts";
import { certificates, makeCertificates } from "../support/certificates.ts";
import { chainCertificates } from "../support/chain_certificates.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

const FOLDER = "/etc/ssl/certs", BUNDLE = `${FOLDER}/ca-certificates.crt`;
const mounts = spawnSync("unshare", ["-rm", "true"]).status === 0;
const skip = !existsSync(BUNDLE) ? `there is no ${BUNDLE}` : mounts ? undefined : "no mount namespace may be made here";

/** What a system has in its bundle, and in its hashed directory. */
interface System {
  bundle: readonly string[];
  hashed: readonly string[];
  /** openssl's option for the names of files. */
  hash?: string;
}

/** One connection: to whom, with which options, and what comes of it. */
type Attempt = readonly [url: string, options: object, expected: "open" | "ERR_TLS"];

function makeSystem({ bundle, hashed, hash = "-subject_hash" }: System): string {
  const folder = mkdtempSync(join(tmpdir(), "curlws-system-"));
  writeFileSync(join(folder, "ca-certificates.crt"), bundle.join(""));
  for (const pem of hashed) {
    const name = execFileSync("openssl", ["x509", hash, "-noout"], { input: pem, encoding: "utf8" }).trim();
    let number = 0;
    while (existsSync(join(folder, `${name}.${number}`))) number++;
    writeFileSync(join(folder, `${name}.${number}`), pem);
  }
  return folder;
}

/** Runs a module on such a system, and returns its lines. `connect(url, options)` gives "open", or an error's code. */
async function runOn(system: System, body: string, env: Record<string, string> = {}): Promise<string[]> {
  const folder = makeSystem(system);
  try {
    const module = new URL("../../mod.ts", import.meta.url).href;
    const source = `import { CurlWebSocket, libcurl } from ${JSON.stringify(module)};
      import fs from "node:fs";
      const connect = (url, options) => new Promise((resolve) => {
        const socket = new CurlWebSocket(url, options);
        let outcome;
        socket.onopen = () => { outcome = "open"; socket.close(); };
        socket.onerror = ({ error }) => outcome ??= error.code;
        socket.onclose = () => resolve(outcome);
      });
      console.log(libcurl().certificates.from);
      ${body}`;
    const args = "Deno" in globalThis ? ["eval", source] : ["-e", source];
    const script = `mount --bind ${folder} ${FOLDER} && exec "$@"`;
    const command = ["unshare", "-rm", "sh", "-c", script, "sh", process.execPath, ...args];
    const CURLWS_LIBCURL = process.env.CURLWS_LIBCURL ?? "";
    const { out, err } = await run(command, { CURLWS_LIBCURL, ...env }, 40_000);
    assert(out !== "", err);
    return out.trim().split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Makes the attempts on such a system. Returns the way that was taken. */
async function check(what: string, system: System, attempts: readonly Attempt[], env = {}): Promise<string> {
  const given = JSON.stringify(attempts.map(([url, options]) => [url, options]));
  const body = `for (const [url, options] of ${given}) console.log(await connect(url, options));`;
  const [way, ...outcomes] = await runOn(system, body, env);
  const shown = attempts.map(([url, options, expected], i) => [i, outcomes[i] === expected, url, Object.keys(options)]);
  const label = `${what}, ${libcurl().version} ${libcurl().tls}, ${way}: ${JSON.stringify(shown)}`;
  assertEquals(outcomes, attempts.map(([, , expected]) => expected), label);
  return way!;
}

const ours = tlsCertificates(), stranger = certificates(), chain = chainCertificates();
/** Of the stranger's name, with another key. */
const namesake = makeCertificates(["DNS:localhost"]);
const SYSTEM = [ours.ca, chain.root];
const start = (identity: { cert: string; key: string }) => {
  return WsServer.start({ tls: { cert: identity.cert, key: identity.key } });
};
const url = (server: WsServer) => server.url("/echo", "localhost");

/** Whether a hashed directory is used if there is one: not by GnuTLS, and not if libcurl does not tell what it trusts. */
const { tls } = libcurl();
const byHash = /OpenSSL|BoringSSL/.test(tls ?? "") && loadCurl().versionNumber >= 0x074600;

/** What is trusted by all systems that have these CAs, whatever lies beside them. */
async function withServers(body: (attempts: Attempt[]) => Promise<void>): Promise<void> {
  await using good = await start(ours.server);
  await using expired = await start(ours.expired);
  await using otherHost = await start(ours.other);
  await using whole = await start({ cert: chain.cert + chain.intermediate, key: chain.key });
  await using leftOut = await start(chain);
  await using strange = await start(stranger);
  await using proxy = await ProxyServer.start({ tls: ours.server });
  await using strangeProxy = await ProxyServer.start({ tls: true });
  const through = ({ port }: ProxyServer, tls = {}) => {
    return { proxy: { url: `https://localhost:${port}`, noProxy: "", tls } };
  };
  const extraCa = stranger.ca;
  await body([
    [url(good), {}, "open"],
    [url(expired), {}, "ERR_TLS"],
    [url(otherHost), {}, "ERR_TLS"],
    [url(whole), {}, "open"],
    [url(leftOut), {}, "ERR_TLS"],
    [url(strange), {}, "ERR_TLS"],
    [url(strange), { tls: { extraCa } }, "open"],
    [url(good), { tls: { extraCa } }, "open"],
    [url(whole), { tls: { extraCa } }, "open"],
    [url(leftOut), { tls: { extraCa } }, "ERR_TLS"],
    [url(leftOut), { tls: { extraCa: chain.intermediate } }, "open"],
    [url(expired), { tls: { extraCa } }, "ERR_TLS"],
    [url(good), { tls: { ca: extraCa } }, "ERR_TLS"],
    [url(strange), { tls: { ca: extraCa } }, "open"],
    [url(strange), { tls: { ca: chain.root, extraCa } }, "open"],
    [url(good), { tls: { ca: chain.root, extraCa } }, "ERR_TLS"],
    [url(good), { tls: { systemStore: true } }, "open"],
    [url(strange), { tls: { systemStore: true } }, "ERR_TLS"],
    [url(strange), { tls: { systemStore: true, extraCa } }, "open"],
    [url(strange), { tls: { verify: false } }, "open"],
    [url(good), { tls: { verify: false } }, "open"],
    [url(good), through(proxy), "open"],
    [url(good), through(strangeProxy), "ERR_TLS"],
    [url(good), through(strangeProxy, { extraCa }), "open"],
    [url(strange), through(proxy, { extraCa }), "ERR_TLS"],
    [url(good), through(proxy, { ca: extraCa }), "ERR_TLS"],
  ]);
}

test(
  "bundle and directory have the same CAs: the directory is used, and environment variables of others are not",
  () =>
    withServers(async (attempts) => {
      const folder = makeSystem({ bundle: [stranger.ca], hashed: [stranger.ca] });
      try {
        const file = join(folder, "ca-certificates.crt");
        const env = { SSL_CERT_FILE: file, SSL_CERT_DIR: folder, CURL_CA_BUNDLE: file };
        const way = await check("same", { bundle: SYSTEM, hashed: SYSTEM }, attempts, env);
        if (byHash) assertEquals(way, "directory");
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  { skip, timeout: 60_000 },
);

test(
  "without a directory, and with one that is incomplete or of another hash, the bundle is used",
  () =>
    withServers(async (attempts) => {
      const [first] = attempts;
      for (
        const [what, system] of Object.entries<System>({
          "bundle alone": { bundle: SYSTEM, hashed: [] },
          incomplete: { bundle: SYSTEM, hashed: [chain.root] },
          "another hash": { bundle: SYSTEM, hashed: SYSTEM, hash: "-subject_hash_old" },
        })
      ) {
        const way = await check(what, system, what === "bundle alone" ? attempts : [first!]);
        assert(way !== "directory" || loadCurl().cas.defaults.file === null, `${what}: ${way}`);
      }
    }),
  { skip, timeout: 120_000 },
);

test("what only the directory has is trusted by a libcurl that looks there, and by no other", async () => {
  await using good = await start(ours.server);
  await using strange = await start(stranger);
  const looks = loadCurl().cas.defaults.folder === FOLDER || loadCurl().versionNumber < 0x074600;
  const outcome = looks ? "open" : "ERR_TLS";
  await check("more", { bundle: SYSTEM, hashed: [...SYSTEM, stranger.ca] }, [
    [url(good), {}, "open"],
    [url(strange), {}, outcome],
    [url(good), { tls: { extraCa: chain.intermediate } }, "open"],
    [url(strange), { tls: { extraCa: chain.intermediate } }, outcome],
    [url(strange), { tls: { ca: ours.ca } }, "ERR_TLS"],
  ]);
}, { skip, timeout: 60_000 });

test(
  "an old CA that the directory still has, by the name of one of the bundle's, does not come to be trusted",
  async () => {
    await using strange = await start(stranger);
    await using old = await start(namesake);
    // GnuTLS always trusted all that lies there.
    const outcome = tls?.includes("GnuTLS") ? "open" : "ERR_TLS";
    const way = await check(
      "old",
      { bundle: [...SYSTEM, stranger.ca], hashed: [...SYSTEM, stranger.ca, namesake.ca] },
      [
        [url(strange), {}, "open"],
        [url(old), {}, outcome],
        [url(old), { tls: { extraCa: chain.intermediate } }, outcome],
      ],
    );
    assert(way !== "directory" || loadCurl().cas.defaults.file === null, way);
  },
  { skip, timeout: 60_000 },
);

test("a CA of extraCa that has the name of one of the system's is trusted beside that one", async () => {
  await using strange = await start(stranger);
  await using other = await start(namesake);
  const system = [...SYSTEM, namesake.ca];
  await check("namesake", { bundle: system, hashed: system }, [
    [url(other), {}, "open"],
    [url(strange), {}, "ERR_TLS"],
    [url(other), { tls: { extraCa: stranger.ca } }, "open"],
    [url(strange), { tls: { extraCa: stranger.ca } }, "open"],
  ]);
}, { skip, timeout: 60_000 });

test("curlOptions that say what is trusted are taken as libcurl has them", async () => {
  await using good = await start(ours.server);
  await using strange = await start(stranger);
  const folder = makeSystem({ bundle: [stranger.ca], hashed: [] });
  try {
    const { defaults } = loadCurl().cas;
    const looks = defaults.folder === FOLDER || loadCurl().versionNumber < 0x074600;
    const curlOptions = { CAINFO: join(folder, "ca-certificates.crt") };
    await check("raw", { bundle: SYSTEM, hashed: SYSTEM }, [
      [url(strange), { curlOptions }, "open"],
      [url(good), { curlOptions }, looks ? "open" : "ERR_TLS"],
      [url(good), { curlOptions: { ...curlOptions, CAPATH: folder } }, "ERR_TLS"],
      [url(strange), { tls: { verify: false }, curlOptions: { SSL_VERIFYPEER: 1 } }, "ERR_TLS"],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, { skip, timeout: 60_000 });

test("a CA that is removed while the program runs is no longer trusted, and one that is added is", async () => {
  await using good = await start(ours.server);
  await using strange = await start(stranger);
  const hash = (pem: string) =>
    execFileSync("openssl", ["x509", "-subject_hash", "-noout"], { input: pem, encoding: "utf8" }).trim();
  for (const hashed of [true, false]) {
    const all = hashed ? SYSTEM : [];
    const body = `
      const write = (name, text) => fs.writeFileSync(${JSON.stringify(FOLDER)} + name, text);
      // Changes are noticed within two seconds.
      const become = async (url, outcome) => {
        for (let left = 100; left > 0; left--) {
          if (await connect(url, {}) === outcome) return outcome;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        return "not " + outcome;
      };
      console.log(await connect(${JSON.stringify(url(good))}, {}), await connect(${JSON.stringify(url(strange))}, {}));
      if (${hashed}) fs.rmSync(${JSON.stringify(`${FOLDER}/${hash(ours.ca)}.0`)});
      if (${hashed}) write("/${hash(stranger.ca)}.0", ${JSON.stringify(stranger.ca)});
      write("/ca-certificates.crt", ${JSON.stringify(chain.root + stranger.ca)});
      console.log(await become(${JSON.stringify(url(good))}, "ERR_TLS"), await become(${
      JSON.stringify(url(strange))
    }, "open"));`;
    const [way, before, after] = await runOn({ bundle: SYSTEM, hashed: all }, body);
    assertEquals([way, before, after], [way, "open ERR_TLS", "ERR_TLS open"]);
  }
}, { skip, timeout: 60_000 });
