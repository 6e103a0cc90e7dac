import { assert, assertEquals, assertThrows } from "@std/assert";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CurlWebSocket, type CurlWebSocketError, type CurlWebSocketInit, libcurl, type TlsOptions } from "../../mod.ts";
import { failed, message, opened } from "../support/events.ts";
import { isAtLeast, libcurlNamed, whyNoLibcurl } from "../support/libcurls.ts";
import { startOpenssl } from "../support/programs.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { PASSPHRASE, pinOf, tlsCertificates } from "../support/tls_certificates.ts";

/** What a server's /tls tells. */
interface Seen {
  version: string;
  cipher: string;
  servername: string | null;
  client: string | null;
}

async function seen(server: WsServer, tls: TlsOptions, more: CurlWebSocketInit = {}): Promise<Seen> {
  await using socket = new CurlWebSocket(server.url("/tls", "localhost"), { tls, ...more });
  const [text] = await Promise.all([message(socket), opened(socket)]);
  return JSON.parse(text as string);
}

async function refused(server: WsServer, tls: TlsOptions, host = "localhost"): Promise<CurlWebSocketError> {
  const { error } = await failed(new CurlWebSocket(server.url("/tls", host), { tls }));
  assert(!error.message.includes(PASSPHRASE), error.message);
  return error;
}

/** A folder with files, for options that take paths. */
function folderOf(files: Record<string, string | Uint8Array>): { at(name: string): string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "curlws-tls-"));
  for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
  return { at: (name) => join(folder, name), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

const isBoring = libcurl().tls?.includes("BoringSSL") ?? false;
const isGnuTls = libcurl().tls?.includes("GnuTLS") ?? false;
const bytes = (text: string) => new TextEncoder().encode(text);

test("ca can be text, bytes and a path", async () => {
  const { ca, server: identity } = tlsCertificates();
  using files = folderOf({ "ca.pem": ca });
  await using server = await WsServer.start({ tls: identity });
  for (const given of [ca, bytes(ca), files.at("ca.pem")]) {
    const { version, servername } = await seen(server, { ca: given });
    assertEquals([version, servername], ["TLSv1.3", "localhost"]);
  }
});

test("extraCa adds to the system's certificates and to ca", async () => {
  const { ca, server: identity, selfSigned } = tlsCertificates();
  using files = folderOf({ "ca.pem": ca });
  await using server = await WsServer.start({ tls: identity });
  for (const extraCa of [ca, bytes(ca), files.at("ca.pem")]) {
    assertEquals((await seen(server, { extraCa })).version, "TLSv1.3");
    assertEquals((await seen(server, { ca: selfSigned.cert, extraCa })).version, "TLSv1.3");
  }
  await using alone = await WsServer.start({ tls: selfSigned });
  assertEquals((await seen(alone, { ca, extraCa: selfSigned.cert })).version, "TLSv1.3");
});

test("systemStore trusts only the system's certificates", async () => {
  await using server = await WsServer.start({ tls: tlsCertificates().server });
  const error = await refused(server, { systemStore: true });
  assertEquals(error.code, "ERR_TLS");
});

test("each bad certificate has a help text of its own", async () => {
  const { ca, server: good, expired, other, selfSigned } = tlsCertificates();
  const cases: [object, TlsOptions, RegExp][] = [
    [good, {}, /is not trusted; give its CA with tls: \{ ca \} or tls: \{ extraCa \}/],
    [expired, { ca }, /the certificate of localhost:\d+ has expired/],
    [other, { ca }, /is for another host; if the server has another name, give it with tls: \{ serverName \}/],
    [selfSigned, { ca }, /is self-signed; give it with tls: \{ ca \}/],
    [
      { ...good, cert: good.cert + ca },
      {},
      /is signed by a CA that is not trusted; give that CA with tls: \{ extraCa \}/,
    ],
  ];
  for (const [identity, tls, help] of cases) {
    await using server = await WsServer.start({ tls: identity });
    const error = await refused(server, tls);
    assertEquals(error.code, "ERR_TLS");
    // GnuTLS's libcurl tells a wrong name from the rest, and no more.
    const told = isGnuTls && identity !== other
      ? /the certificate of localhost:\d+ is not trusted, or not valid now; give its CA with tls: \{ ca \}/
      : help;
    assert(told.test(error.message), error.message);
    assert(error.curlCode === 60, String(error.curlCode));
    assertEquals((await seen(server, { ...tls, verify: false })).version, "TLSv1.3");
  }
});

test("serverName replaces the URL's host in TLS and in the certificate check", async () => {
  const { ca, other } = tlsCertificates();
  await using server = await WsServer.start({ tls: other });
  assertEquals((await seen(server, { ca, serverName: "other.example" })).servername, "other.example");
  const error = await refused(server, { ca, serverName: "wrong.example" });
  assert(error.message.includes("is for another host"), error.message);
  // It is no other place to connect to, and the request keeps the URL's host.
  await using socket = new CurlWebSocket(server.url("/headers", "localhost"), {
    tls: { ca, serverName: "other.example" },
    resolve: { localhost: "127.0.0.1" },
  });
  const headers: string[] = JSON.parse(await message(socket) as string);
  assertEquals(headers[headers.indexOf("Host") + 1], `localhost:${server.port}`);
});

test("a client certificate can be text, bytes, paths and PKCS#12", async () => {
  const { ca, server: identity, client } = tlsCertificates();
  using files = folderOf({
    "client.pem": client.cert,
    "client.key": client.encryptedKey,
    "both.pem": client.cert + client.key,
    "client.pfx": client.pfx,
  });
  await using server = await WsServer.start({ tls: { ...identity, ca, requestCert: true } });
  const archives = [{ pfx: client.pfx, passphrase: PASSPHRASE }, {
    pfx: files.at("client.pfx"),
    passphrase: PASSPHRASE,
  }];
  const given: TlsOptions[] = [
    { cert: client.cert, key: client.key },
    { cert: bytes(client.cert), key: bytes(client.key) },
    { cert: client.cert + client.key },
    { cert: client.cert, key: client.encryptedKey, passphrase: PASSPHRASE },
    { cert: files.at("client.pem"), key: files.at("client.key"), passphrase: PASSPHRASE },
    { cert: files.at("both.pem") },
    ...(isGnuTls ? [] : archives),
  ];
  for (const archive of isGnuTls ? archives : []) {
    const error = await refused(server, { ca, ...archive });
    assertEquals(error.code, "ERR_LIBCURL");
    const { version } = libcurl();
    assert(error.message.includes(`tls.pfx: with GnuTLS libcurl reads no PKCS#12`), error.message);
    assert(error.message.includes(`this is ${version} with GnuTLS`), error.message);
  }
  for (const tls of given) assertEquals((await seen(server, { ca, ...tls })).client, "client");
});

/** Files in memory that this process has open. */
function memoryFiles(): string[] {
  return readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // the one that read the folder
    }
  }).filter((path) => path.includes("memfd:curlws"));
}

for (const name of ["7.68", "gnutls"] as const) {
  test(
    `libcurl ${name} takes certificates only as paths: text goes through memory files, closed once it is connected`,
    async () => {
      const { ca, server: identity, client } = tlsCertificates();
      await using server = await WsServer.start({ tls: { ...identity, ca, requestCert: true } });
      const library = libcurlNamed(name)!;
      for (const trust of [{ ca }, { extraCa: bytes(ca) }]) {
        const tls = { ...trust, cert: client.cert, key: client.encryptedKey, passphrase: PASSPHRASE };
        await using socket = new CurlWebSocket(server.url("/tls", "localhost"), { tls, library });
        assertEquals((JSON.parse(await message(socket) as string) as Seen).client, "client");
        assertEquals(memoryFiles(), []);
      }
      const failing = new CurlWebSocket(server.url("/tls", "localhost"), { tls: { ca: client.cert }, library });
      assertEquals((await failed(failing)).error.code, "ERR_TLS");
      // libcurl's handle is freed when no poll that is out holds its socket any more.
      for (let turns = 0; memoryFiles().length > 0 && turns < 1_000; turns++) await delay(1);
      assertEquals(memoryFiles(), []);
    },
    { skip: whyNoLibcurl(name) },
  );
}

test("a missing or rejected client certificate is ERR_TLS, with TLS 1.2 and 1.3", async () => {
  const { ca, server: identity, stranger } = tlsCertificates();
  using files = folderOf({ "ca.pem": ca, "server.pem": identity.cert, "server.key": identity.key });
  for (const version of ["tls1_2", "tls1_3"]) {
    await using server = await startOpenssl([
      ...["-cert", files.at("server.pem"), "-key", files.at("server.key"), "-CAfile", files.at("ca.pem")],
      ...["-Verify", "1", "-verify_return_error", `-${version}`],
    ]);
    const url = `wss://localhost:${server.port}/`;
    const { error: missing } = await failed(new CurlWebSocket(url, { tls: { ca } }));
    assertEquals([version, missing.code], [version, "ERR_TLS"]);
    // With TLS 1.2 OpenSSL's server says no more than that the handshake failed, and GnuTLS's libcurl not that it asked.
    const wanted = isGnuTls && version === "tls1_2"
      ? "or it wants a client certificate; check tls.ciphers and tls.cert"
      : "wants a client certificate; give it with tls: { cert, key }";
    assert(missing.message.includes(wanted), missing.message);
    const { error: wrong } = await failed(new CurlWebSocket(url, { tls: { ca, ...stranger } }));
    assertEquals([version, wrong.code], [version, "ERR_TLS"]);
    assert(wrong.message.includes("does not accept the client certificate, tls.cert"), wrong.message);
  }
});

test("the error says so if a server drops the connection for lack of a client certificate", async () => {
  const { ca, server: identity } = tlsCertificates();
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    await using server = await WsServer.start({ tls: { ...identity, ca, requestCert: true, maxVersion: version } });
    const error = await refused(server, { ca });
    assert(error.message.includes("wants a client certificate"), `${version}: ${error.message}`);
  }
});

test("a wrong passphrase or key is an error, and nothing prompts at the terminal", async () => {
  const { ca, server: identity, client, stranger } = tlsCertificates();
  await using server = await WsServer.start({ tls: { ...identity, ca, requestCert: true } });
  const either = "tls.cert cannot be used; is it PEM, and is its private key in it, or in tls.key?";
  const cases: [TlsOptions, string][] = [
    [{ cert: client.cert, key: client.encryptedKey }, "or an encrypted one, which needs tls.passphrase"],
    [{ cert: client.cert, key: client.encryptedKey, passphrase: "wrong" }, "check tls.passphrase"],
    [{ pfx: client.pfx }, "tls.pfx cannot be opened; check tls.passphrase"],
    [{ pfx: client.pfx, passphrase: "wrong" }, "tls.pfx cannot be opened; check tls.passphrase"],
    [{ cert: client.cert }, isGnuTls ? either : "the private key of tls.cert cannot be read"],
    [{ cert: client.cert, key: stranger.key }, "tls.key cannot be used: it is another certificate's"],
    [{ pfx: bytes("no PKCS#12 at all") }, "PKCS#12"],
    [{ cert: bytes("no PEM at all") }, isGnuTls ? either : "tls.cert cannot be used; is it PEM?"],
    [{ cert: "/nowhere/client.pem" }, "tls.cert: the file /nowhere/client.pem cannot be read"],
    [{ extraCa: "/nowhere/ca.pem" }, "tls.extraCa: the file /nowhere/ca.pem cannot be read"],
  ];
  for (const [tls, words] of cases) {
    // It is not taken at all.
    if (isGnuTls && tls.pfx !== undefined) continue;
    const error = await refused(server, { ca, ...tls });
    assertEquals([words, error.code], [words, "ERR_TLS"]);
    assert(error.message.includes(words), error.message);
  }
  const error = await refused(server, { ca: "/nowhere/ca.pem" });
  assert(error.message.includes("tls.ca: the file /nowhere/ca.pem cannot be read"), error.message);
  const garbage = await refused(server, { ca: bytes("no PEM at all") });
  assertEquals(garbage.code, "ERR_TLS");
});

test("minVersion and maxVersion limit the TLS version", async () => {
  const { ca, server: identity } = tlsCertificates();
  await using server = await WsServer.start({ tls: identity });
  assertEquals((await seen(server, { ca, maxVersion: "TLSv1.2" })).version, "TLSv1.2");
  assertEquals((await seen(server, { ca, minVersion: "TLSv1.3" })).version, "TLSv1.3");
  assertEquals((await seen(server, { ca, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" })).version, "TLSv1.2");
  await using old = await WsServer.start({ tls: { ...identity, maxVersion: "TLSv1.2" } });
  const error = await refused(old, { ca, minVersion: "TLSv1.3" });
  assertEquals(error.code, "ERR_TLS");
  assert(error.message.includes("no version of TLS in common; check tls.minVersion"), error.message);
});

test("ciphers and cipherSuites choose the cipher, and invalid ones are named", async () => {
  const { ca, server: identity } = tlsCertificates();
  await using server = await WsServer.start({ tls: identity });
  const cipherSuites = "TLS_CHACHA20_POLY1305_SHA256";
  if (isBoring || isGnuTls) {
    const lacking = await refused(server, { ca, cipherSuites });
    assertEquals(lacking.code, "ERR_LIBCURL");
    assert(lacking.message.includes("refuses the option CURLOPT_TLS13_CIPHERS"), lacking.message);
  } else {
    assertEquals((await seen(server, { ca, cipherSuites })).cipher, cipherSuites);
  }
  if (isGnuTls && !isAtLeast("8.14")) {
    const lacking = await refused(server, { ca, ciphers: "NORMAL" });
    assertEquals(lacking.code, "ERR_LIBCURL");
    const words = `tls.ciphers: with GnuTLS it needs libcurl 8.14, and this is ${libcurl().version} with GnuTLS`;
    assert(lacking.message.includes(words), lacking.message);
    return;
  }
  const old = await seen(server, { ca, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" });
  assertEquals(old.cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  const error = await refused(server, { ca, ciphers: "NO-SUCH-CIPHER" });
  assertEquals(error.code, "ERR_TLS");
  assert(error.message.includes("does not accept tls.ciphers"), error.message);
});

test("pinnedPublicKey accepts that key only, also without verify", async () => {
  const { ca, server: identity, other } = tlsCertificates();
  await using server = await WsServer.start({ tls: identity });
  const right = pinOf(identity.cert), wrong = pinOf(other.cert);
  for (const pinnedPublicKey of [right, `${wrong};${right}`, [wrong, right]]) {
    assertEquals((await seen(server, { ca, pinnedPublicKey })).version, "TLSv1.3");
  }
  for (const tls of [{ ca, pinnedPublicKey: wrong }, { verify: false, pinnedPublicKey: wrong }]) {
    const error = await refused(server, tls);
    assertEquals([error.code, error.curlCode], ["ERR_TLS", 90]);
    assert(error.message.includes("is not one of tls.pinnedPublicKey"), error.message);
  }
});

test("socket.connection has the addresses, TLS details and times", async () => {
  const { ca, server: identity } = tlsCertificates();
  await using server = await WsServer.start({ tls: identity });
  await using socket = new CurlWebSocket(server.url("/echo", "127.0.0.1"), { tls: { ca, maxVersion: "TLSv1.2" } });
  assertEquals(socket.connection, null);
  await opened(socket);
  const info = socket.connection!;
  const cipher = isGnuTls ? "ECDHE_ECDSA_AES_128_GCM_SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256";
  assertEquals(info.tls, { version: "TLSv1.2", cipher, alpn: "http/1.1", resumed: false });
  assertEquals([info.remoteAddress, info.remotePort, info.localAddress], ["127.0.0.1", server.port, "127.0.0.1"]);
  assert(info.localPort > 0 && info.proxy === null);
  for (const [phase, time] of Object.entries(info.times)) assert(time >= 0 && time < 5_000, `${phase}: ${time}`);
  assert(info.times.tls > 0 && info.times.handshake > 0, JSON.stringify(info.times));
  assertEquals([Object.isFrozen(info), Object.isFrozen(info.times), Object.isFrozen(info.tls)], [true, true, true]);
});

test("SSLKEYLOGFILE receives the secrets of each connection", async () => {
  const { server: identity } = tlsCertificates();
  using files = folderOf({});
  await using server = await WsServer.start({ tls: identity });
  const script = `const socket = new CurlWebSocket(url, { tls: { verify: false } });
    socket.onopen = () => socket.close();
    socket.onclose = ({ code }) => console.log("closed", code);`;
  const env = { SSLKEYLOGFILE: files.at("keys") };
  assertEquals(await runScript(server.url("/echo", "localhost"), script, { env }), "closed 1005");
  assert(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$/m.test(readFileSync(files.at("keys"), "utf8")));
});

test("a tls option of the wrong type is a TypeError", () => {
  const pin = pinOf(tlsCertificates().ca);
  const bad: [object, string][] = [
    [{ ca: 5 }, "tls.ca must be PEM text, PEM bytes or a path"],
    [{ ca: "" }, "tls.ca"],
    [{ extraCa: null }, "tls.extraCa must be PEM text, PEM bytes or a path, not null"],
    [{ cert: {} }, "tls.cert"],
    [{ key: "k" }, "tls.key needs the certificate it belongs to, tls.cert"],
    [{ pfx: "p", cert: "c" }, "tls.pfx contains certificate and key"],
    [{ passphrase: "p" }, "tls.passphrase is for tls.key or tls.pfx"],
    [{ cert: "c", passphrase: 5 }, "tls.passphrase"],
    [{ verify: 1 }, "tls.verify must be true or false"],
    [{ minVersion: "1.2" }, 'tls.minVersion must be one of "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", not "1.2"'],
    [{ ciphers: "" }, "tls.ciphers"],
    [{ serverName: "a b" }, "tls.serverName"],
    [{ systemStore: true, ca: "c" }, "with systemStore, use tls.extraCa"],
    [{ pinnedPublicKey: "sha256//short" }, "is not a digest"],
    [{ pinnedPublicKey: `${pin};sha1//x` }, "is not a digest"],
    [{ pinnedPublicKey: [] }, "at least one"],
    [{ rejectUnauthorized: false }, "unknown tls option rejectUnauthorized"],
  ];
  for (const [tls, words] of bad) {
    assertThrows(() => new CurlWebSocket("wss://127.0.0.1:9/", { tls }), TypeError, words);
  }
  const tls = { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" } as const;
  assertThrows(() => new CurlWebSocket("wss://127.0.0.1:9/", { tls }), RangeError, "is newer than");
});
