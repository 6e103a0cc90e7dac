/** `impersonate: { ja3, … }`: what was asked for is compared with the ClientHello that went out. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import {
  CurlWebSocket,
  type CurlWebSocketError,
  type CurlWebSocketOptions,
  type ImpersonateOptions,
} from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { type ClientHello, Extension, HelloServer } from "../support/client_hello.ts";
import { DohServer } from "../support/doh_server.ts";
import { type LibcurlName, libcurlNamed, whyNoLibcurl } from "../support/libcurls.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { type RawConnection, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";
import { IMPERSONATING as NAMES, testsWith } from "../support/with_libcurls.ts";
import { getExtensionData } from "read-tls-client-hello";

const testWith = testsWith(30_000);
const NEW: readonly LibcurlName[] = ["impersonate-8.21", "impersonate-8.23"];

type Asked = ImpersonateOptions | string;

/** The ClientHello of a connection that opens. */
async function sent(
  library: string,
  impersonate: Asked,
  options: CurlWebSocketOptions = {},
  host = "localhost",
): Promise<ClientHello> {
  await using server = await HelloServer.start();
  return await sentTo(server, library, impersonate, options, host);
}

async function sentTo(
  server: HelloServer,
  library: string,
  impersonate: Asked,
  options: CurlWebSocketOptions = {},
  host = "localhost",
): Promise<ClientHello> {
  const given = { tls: { ca: certificates().ca }, proxy: false as const, library, impersonate, ...options };
  const socket = new CurlWebSocket(server.url("/feed", host), given);
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = ({ error }) => reject(error);
  });
  const accepted = server.raw.connection().then((peer) => peer.accept());
  // A connection that fails is never accepted.
  accepted.catch(() => {});
  await opened;
  await accepted;
  socket.terminate();
  return await server.hello();
}

/** The error of a connection that does not open, of which the server gets no request. */
async function refused(
  library: string,
  impersonate: Asked,
  options: CurlWebSocketOptions = {},
  host = "localhost",
): Promise<string> {
  await using server = await HelloServer.start();
  // If it connects all the same, that ends it, and not the test's limit.
  const given = {
    tls: { ca: certificates().ca },
    proxy: false as const,
    handshakeTimeout: 2_000,
    library,
    impersonate,
  };
  const socket = new CurlWebSocket(server.url("/feed", host), { ...given, ...options });
  let error: CurlWebSocketError | null = null, opened = false, peer: RawConnection | null = null;
  server.raw.connection().then((made) => peer = made, () => {});
  socket.onerror = (event) => error = event.error;
  socket.onopen = () => opened = true;
  await new Promise((resolve) => socket.onclose = resolve);
  assert(!opened);
  assertEquals(error!.code, "ERR_IMPERSONATE");
  assertEquals((peer as RawConnection | null)?.received.length ?? 0, 0);
  return error!.message;
}

/** A Chrome of before extensions were shuffled, on wss. */
const CHROME = "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53," +
  "0-23-65281-10-11-35-16-5-13-18-51-45-43-27,29-23-24,0";
/** Of no browser: fewer parts, in other orders. */
const OWN = "771,4867-4865-4866-52392-49200-49162-47,43-51-0-10-13-16-45-11-23,24-29-25,0";
/** TLS 1.2 at most. */
const OLD = "771,49196-49195-49200-49199-157-156,0-11-10-13-23-65281,29-23,0";

/** A ClientHello's JA3 without padding, which depends on its length. */
const unpadded = ({ ja3Text }: ClientHello) => ja3Text.replace(/-21(?=,\d+-\d+-\d)/, "");

testWith(NAMES, "JA3 for JA3: a browser's own one, given by itself, is sent again", async (library, name) => {
  const bases = name === "impersonate-7.84" ? ["chrome99", "safari15_5"] : [
    name === "impersonate-8.23" ? "chrome152" : "chrome146",
    "chrome99",
    "chrome150",
    "edge101",
    "firefox147",
    "safari180",
    "safari2601",
    "tor145",
  ];
  for (const base of bases) {
    const browser = await sent(library, base), has = (id: number) => browser.extensions.includes(id);
    const again = await sent(library, { base, ja3: browser.ja3Text });
    assertEquals([again.ja3Text, again.ja3, again.ja4], [browser.ja3Text, browser.ja3, browser.ja4], base);
    // Which anchors are trusted is the base's: no option has them.
    if (has(Extension.trustAnchors)) continue;
    const alone = await sent(library, {
      ja3: browser.ja3Text,
      ...has(Extension.compressCertificate) ? { certificateCompression: ["zlib"] } : {},
      ...has(Extension.recordSizeLimit) ? { recordSizeLimit: 16_385 } : {},
      ...has(Extension.delegatedCredential) ? { delegatedCredentials: ["ecdsa_secp256r1_sha256"] } : {},
    });
    assertEquals(unpadded(alone), unpadded(browser), base);
  }
});

testWith(NEW, "JA3 for JA3: ciphers, extensions and groups of no browser, in their order", async (library) => {
  for (const ja3 of [OWN, OLD]) assertEquals(unpadded(await sent(library, { ja3 })), ja3);
  const chrome = await sent(library, { ja3: CHROME, certificateCompression: ["brotli"] });
  assertEquals(unpadded(chrome), CHROME);
  assertEquals(chrome.alpn, ["http/1.1"]);
  assertEquals((await sent(library, { ja3: OLD })).alpn, []);
  // A base's other extensions are left out.
  for (const base of ["chrome150", "firefox147", "safari2601"]) {
    assertEquals(unpadded(await sent(library, { base, ja3: OWN })), OWN, base);
  }
  const groups = "771,4865-4866-4867,0-10-13-16-43-45-51,4588-29-23-256-257,";
  assertEquals(unpadded(await sent(library, { ja3: groups })), groups);
});

testWith(["impersonate-7.84"], "7.84 says which parts of a ClientHello it cannot send", async (library) => {
  assertEquals(unpadded(await sent(library, { ja3: CHROME, certificateCompression: ["brotli"] })), CHROME);
  const message = await refused(library, { ja3: OWN });
  assertMatch(
    message,
    /ClientHello of libcurl-impersonate 7\.84\.0 is not the one that was asked for: its ciphers are in/,
  );
  assertMatch(message, /it has also the extensions .*5 \(status_request\).*18 \(signed_certificate_timestamp\)/);
  assertMatch(message, /change these parts, or use another release\. No request was sent$/);
  assertMatch(
    await refused(library, { base: "chrome99", ja3: CHROME.replace("0-23-65281", "23-0-65281") }),
    /: its extensions are in the order 0 \(server_name\), 23 \(extended_master_secret\), /,
  );
  assertMatch(
    await refused(library, { base: "chrome99", ja3: CHROME.replace("29-23-24,0", "4588-29-23,0") }),
    /cannot offer one of the groups 4588 \(X25519MLKEM768\); change it, or use another release.*X25519MLKEM768/,
  );
  assertMatch(
    await refused(library, { base: "chrome99", ja3: CHROME.replace("-47-53", "-51-53") }),
    /it lacks the cipher 51 \(TLS_DHE_RSA_WITH_AES_128_CBC_SHA\);/,
  );
  assertMatch(await refused(library, { base: "chrome99", keyShares: 3 }), /it has 1 key shares, not 3/);
  assertMatch(await refused(library, { base: "chrome99", grease: false }), /it has GREASE/);
  assertMatch(
    await refused(library, { base: "chrome99", recordSizeLimit: 4096, delegatedCredentials: ["ecdsa_sha1"] }),
    /it lacks the signature algorithm of delegated_credential ecdsa_sha1; its record_size_limit is not there, not 4096/,
  );
});

testWith(NEW, "what libcurl cannot send names the part, and no request is sent", async (library) => {
  // BoringSSL always offers the three of TLS 1.3.
  assertMatch(
    await refused(library, { ja3: OWN.replace("4867-4865-4866", "4865") }),
    /it has also the ciphers 4866 \(TLS_AES_256_GCM_SHA384\), 4867 \(TLS_CHACHA20_POLY1305_SHA256\);/,
  );
  assertMatch(
    await refused(library, { ja3: OWN.replace("4867-4865-4866-52392", "52392-4867-4865-4866") }),
    /its ciphers are in the order 486/,
  );
  // Firefox before 148 offers no compressed certificates for wss, so there is no value.
  assertMatch(
    await refused(library, { base: "firefox147", ja3: CHROME.replace(/-18(?=-51)/, "") }),
    /it lacks the extension 27 \(compress_certificate\)/,
  );
  // The options of tls go before the browser's.
  assertMatch(
    await refused(library, { ja3: OWN }, { tls: { ca: certificates().ca, maxVersion: "TLSv1.2" } }),
    /it lacks the ciphers 4867 .*; it lacks the extensions 43 \(supported_versions\), 51 \(key_share\)/,
  );
});

testWith(NAMES, "signature algorithms are those that were asked for, in their order", async (library) => {
  const signatureAlgorithms = ["rsa_pss_rsae_sha512", "ecdsa_secp256r1_sha256", "rsa_pkcs1_sha256"];
  const hello = await sent(library, { base: "chrome", signatureAlgorithms });
  assertEquals(getExtensionData(hello.message, 13)?.algorithms, [0x0806, 0x0403, 0x0401]);
  const alone = await sent(library, { signatureAlgorithms });
  assertEquals(getExtensionData(alone.message, 13)?.algorithms, [0x0806, 0x0403, 0x0401]);
});

testWith(NAMES, "certificate compression is that which was asked for, or none", async (library, name) => {
  const hello = await sent(library, { base: "chrome", certificateCompression: ["zlib", "brotli"] });
  assertEquals(getExtensionData(hello.message, 27)?.algorithms, [1, 2]);
  const none = await sent(library, { base: "chrome", certificateCompression: [] });
  assert(!none.extensions.includes(Extension.compressCertificate));
  if (name !== "impersonate-7.84") return;
  assertMatch(await refused(library, { certificateCompression: ["zstd"] }), /zstd|compression/);
});

testWith(NEW, "what is Firefox's alone: delegated credentials and a record size limit", async (library) => {
  const hello = await sent(library, {
    base: "firefox",
    delegatedCredentials: ["ecdsa_secp384r1_sha384", "ecdsa_sha1"],
    recordSizeLimit: 4096,
  });
  assertEquals(getExtensionData(hello.message, 28)?.recordSizeLimit, 4096);
  const data = hello.message.extensions.find(({ id }) => id === Extension.delegatedCredential)!;
  assert(data !== undefined);
  const none = await sent(library, { base: "firefox", delegatedCredentials: [], recordSizeLimit: 0 });
  assert(!none.extensions.includes(Extension.delegatedCredential));
  assert(!none.extensions.includes(Extension.recordSizeLimit));
  // Chrome sends them too, if it is told to.
  const chrome = await sent(library, { base: "chrome", recordSizeLimit: 16_385 });
  assertEquals(getExtensionData(chrome.message, 28)?.recordSizeLimit, 16_385);
});

testWith(NEW, "key shares, GREASE and the shuffling of extensions", async (library) => {
  for (const keyShares of [1, 2, 3]) {
    const hello = await sent(library, { base: "firefox", keyShares });
    assertEquals(getExtensionData(hello.message, 51)?.entries.length, keyShares);
  }
  const grease = ({ message }: ClientHello) => message.cipherSuites.some((cipher) => (cipher & 0x0f0f) === 0x0a0a);
  assert(!grease(await sent(library, { base: "chrome", grease: false })));
  assert(grease(await sent(library, { base: "firefox", grease: true })));
  const fixed = { base: "chrome", permuteExtensions: false } as const;
  assertEquals((await sent(library, fixed)).ja3, (await sent(library, fixed)).ja3);
  // One in 12! that they are alike.
  const shuffled = { ja3: CHROME, certificateCompression: ["brotli"], permuteExtensions: true } as const;
  const [one, other] = [await sent(library, shuffled), await sent(library, shuffled)];
  assertNotEquals(one.ja3Text, other.ja3Text);
  assertEquals(one.ja4, other.ja4);
});

testWith(NEW, "with dohUrl the ClientHello is compared too", async (library) => {
  await using dns = await DohServer.start();
  const options = { dohUrl: dns.url, tls: { ca: certificates().ca, serverName: "localhost" } };
  const signatureAlgorithms = ["rsa_pss_rsae_sha512", "ecdsa_secp256r1_sha256"];
  const hello = await sent(library, { signatureAlgorithms }, options, "name.invalid");
  assertEquals(getExtensionData(hello.message, 13)?.algorithms, [0x0806, 0x0403]);
  assert(dns.questions.length > 0);
});

testWith(NAMES, "two ClientHellos never share a TLS session, and two alike do", async (library) => {
  const PRE_SHARED_KEY = 41;
  await using server = await HelloServer.start();
  const resumes = async (impersonate: Asked) =>
    (await sentTo(server, library, impersonate)).extensions.includes(PRE_SHARED_KEY);
  const variants: readonly Asked[] = [
    "chrome99",
    { base: "chrome99", ja3: CHROME },
    { base: "chrome99", ja3: CHROME.replace("-47-53", "-47") },
    { base: "chrome99", signatureAlgorithms: ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"] },
    { base: "chrome99", signatureAlgorithms: ["rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256"] },
    { base: "chrome99", certificateCompression: [] },
  ];
  for (const each of variants) assertEquals(await resumes(each), false, JSON.stringify(each));
  // Each finds its own again, and what a resumed session adds is no difference.
  for (const each of variants) assertEquals(await resumes(each), true, JSON.stringify(each));
});

testWith(NEW, "an address has no server name, which is no difference", async (library) => {
  await using server = await HelloServer.start();
  const url = server.url().replace("localhost", "127.0.0.1");
  const socket = new CurlWebSocket(url, {
    tls: { ca: certificates().ca },
    proxy: false,
    library,
    impersonate: { ja3: OWN },
  });
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = ({ error }) => reject(error);
  });
  await (await server.raw.connection()).accept();
  await opened;
  socket.terminate();
  const hello = await server.hello();
  assertEquals(hello.serverName, undefined);
  assertEquals(unpadded(hello), OWN.replace("-0-", "-"));
});

testWith(NAMES, "behind an https proxy it is the server's ClientHello, and not the proxy's", async (library) => {
  await using proxy = await ProxyServer.start({ tls: true });
  const { ca } = certificates();
  const options = { proxy: { url: `https://localhost:${proxy.port}`, tls: { ca } } };
  const impersonate = { base: "chrome99", ja3: CHROME };
  assertEquals(unpadded(await sent(library, impersonate, options)), CHROME);
  const signatureAlgorithms = ["rsa_pss_rsae_sha512", "ecdsa_secp256r1_sha256"];
  const hello = await sent(library, { base: "chrome99", signatureAlgorithms }, options);
  assertEquals(getExtensionData(hello.message, 13)?.algorithms, [0x0806, 0x0403]);
  assertMatch(
    await refused(
      library,
      { ja3: CHROME.replace("4865-4866-4867", "4865"), certificateCompression: ["zlib"] },
      options,
    ),
    /it has also the ciphers 4866/,
  );
});

testWith(
  ["impersonate-8.23"],
  "what libcurl does not report cannot be compared, which is an error",
  async (library) => {
    assertMatch(await refused(library, { ja3: OWN }, { curlOptions: { VERBOSE: true } }), /VERBOSE/);
  },
);

testWith(
  ["impersonate-8.23"],
  "without TLS the parts have nothing to do, and the base's request is sent",
  async (library) => {
    await using server = await RawServer.start();
    const impersonate = { base: "firefox147", ja3: OWN };
    const socket = new CurlWebSocket(server.url("/"), { library, impersonate, proxy: false });
    const opened = new Promise((resolve) => socket.onopen = resolve);
    const request = await (await server.connection()).accept();
    await opened;
    socket.terminate();
    assertMatch(request, /\r\nUser-Agent: Mozilla\/5\.0 .* Firefox\/147\.0\r\n/);
  },
);

test("a ClientHello by its parts needs libcurl-impersonate", () => {
  const library = libcurlNamed("8.14.1");
  const error = assertThrows(() =>
    new CurlWebSocket("wss://127.0.0.1:9/", { impersonate: { ja3: OWN }, library: library! })
  ) as Error & Partial<CurlWebSocketError>;
  assertEquals(error.code, "ERR_IMPERSONATE");
  assertMatch(
    error.message,
    /impersonate: a ClientHello by its parts needs libcurl-impersonate, and .* is a plain libcurl/,
  );
}, { skip: whyNoLibcurl("8.14.1") });
