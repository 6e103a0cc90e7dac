import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type CurlOptionValue, CurlWebSocket, type CurlWebSocketInit, libcurl } from "../../mod.ts";
import { rawCurlOptions, withoutIdentity } from "../../src/options/curl_options.ts";
import { OPTION_TABLE } from "../../src/options/curl_option_table.ts";
import { certificates } from "../support/certificates.ts";
import { failed, message, opened } from "../support/events.ts";
import { isAtLeast, libcurlNamed, whyNoLibcurl, whyNoSocks } from "../support/libcurls.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

type Options = CurlWebSocketInit["curlOptions"];

async function connected(url: string, options: CurlWebSocketInit): Promise<CurlWebSocket> {
  const socket = new CurlWebSocket(url, options);
  await opened(socket);
  return socket;
}

test("curlOptions takes names, full names and numbers, of each kind", async () => {
  await using server = await WsServer.start();
  const url = server.url("/echo", "name.invalid");
  const entry = [`name.invalid:${server.port}:127.0.0.1`];
  for (
    const curlOptions of [
      { RESOLVE: entry, TCP_KEEPALIVE: true },
      { CURLOPT_RESOLVE: entry, CURLOPT_TCP_KEEPIDLE: 10 },
      { 10203: entry, 213: 1 },
      { CONNECT_TO: [`::127.0.0.1:${server.port}`] },
    ] as Options[]
  ) {
    await using socket = await connected(url, { curlOptions });
    assertEquals(socket.connection?.remoteAddress, "127.0.0.1");
  }
  await using local = await connected(server.url("/echo"), { curlOptions: { INTERFACE: "host!127.0.0.1" } });
  assertEquals(local.connection?.localAddress, "127.0.0.1");
});

test("curlOptions takes bytes, if the libcurl does", async () => {
  await using server = await WsServer.start({ tls: true });
  const curlOptions = { CAINFO_BLOB: new TextEncoder().encode(certificates().ca) };
  const { version, tls } = libcurl();
  if (isAtLeast("7.77") && !tls?.includes("GnuTLS")) {
    await using _socket = await connected(server.url("/echo"), { curlOptions });
    return;
  }
  const { error } = await failed(new CurlWebSocket(server.url("/echo"), { curlOptions }));
  assertEquals(error.code, "ERR_LIBCURL");
  assert(error.message.startsWith(`libcurl ${version} refuses the option CURLOPT_CAINFO_BLOB`), error.message);
});

test("curlOptions override the other options", async () => {
  await using server = await WsServer.start({ tls: true });
  await using _socket = await connected(server.url("/echo"), {
    tls: { verify: true },
    curlOptions: { SSL_VERIFYPEER: false, SSL_VERIFYHOST: 0 },
  });
});

test("PRE_PROXY puts a SOCKS proxy before an HTTP proxy", async () => {
  await using server = await WsServer.start();
  await using first = await ProxyServer.start();
  await using second = await ProxyServer.start();
  await using socket = await connected(server.url("/echo"), {
    proxy: `http://127.0.0.1:${second.port}`,
    curlOptions: { PRE_PROXY: `socks5h://127.0.0.1:${first.port}` },
  });
  socket.send("through both");
  assertEquals(await message(socket), "through both");
  assertEquals([first.requests[0]?.port, second.requests[0]?.port], [second.port, server.port]);
}, { skip: whyNoSocks() });

test("curlOptions that are unknown, of the wrong type, in conflict or without effect are a TypeError", () => {
  const bad: [Options, string][] = [
    [{ TCP_KEEPIDEL: 1 }, "TCP_KEEPIDEL is not an option of libcurl"],
    [{ toString: 1 } as never, "toString is not an option of libcurl"],
    [{ 99999: 1 }, "99999 is not an option"],
    [{ TCP_KEEPIDLE: "60" }, "TCP_KEEPIDLE takes an integer or a boolean, not string"],
    [{ TCP_KEEPIDLE: 1.5 }, "takes an integer or a boolean, not 1.5"],
    [{ INTERFACE: 5 }, "INTERFACE takes a string, not 5"],
    [{ INTERFACE: "a\0b" }, "takes a string"],
    [{ RESOLVE: "a:1:b" }, "RESOLVE takes a list of strings, not string"],
    [{ RESOLVE: [1] } as never, "takes a list of strings"],
    [{ CAINFO_BLOB: "x" }, "CAINFO_BLOB takes a Uint8Array"],
    [{ WRITEFUNCTION: 1 }, "takes a C function, which cannot be given from JavaScript"],
    [{ DEBUGDATA: 1 }, "takes a pointer"],
    [{ 20094: 1 }, "20094 takes a C function"],
    [{ URL: "http://x/" }, "URL is set by curlws"],
    [{ 10002: "http://x/" }, "10002 is set by curlws"],
    [{ CONNECT_ONLY: 0 }, "CONNECT_ONLY is set by curlws"],
    [{ ERRORBUFFER: "x" }, "ERRORBUFFER is set by curlws"],
    [{ HTTP_VERSION: 3 }, "a WebSocket needs HTTP/1.1"],
    [{ TIMEOUT_MS: 5 }, "use connectTimeout, handshakeTimeout"],
    [{ PROXY: "http://x" }, "use the option proxy"],
    [{ HTTPHEADER: ["a: b"] }, "has no effect, because curlws writes the request; use the option headers"],
    [{ USERPWD: "a:b" }, "use the option headers or auth"],
    [{ COOKIE: "a=b" }, "use the option headers or cookies"],
    [{ FOLLOWLOCATION: 1 }, "use the option maxRedirects"],
    [{ POSTFIELDS: "x" }, "POSTFIELDS"],
    [["TCP_NODELAY"] as never, "curlOptions must be a record"],
  ];
  for (const [curlOptions, words] of bad) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { curlOptions }), TypeError, words);
  }
});

test("an option that the loaded libcurl lacks is ERR_LIBCURL with the option and the version", async () => {
  // No libcurl has a long of this number.
  const { error } = await failed(new CurlWebSocket("ws://127.0.0.1:9/", { curlOptions: { 9876: 1 } }));
  assertEquals([error.code, error.curlCode], ["ERR_LIBCURL", 48]);
  assert(error.message.startsWith(`libcurl ${libcurl().version} refuses the option 9876`), error.message);
  const { error: bad } = await failed(
    new CurlWebSocket("ws://127.0.0.1:9/", { curlOptions: { SSLVERSION: 12345 } }),
  );
  assert(bad.message.includes("refuses the option CURLOPT_SSLVERSION"), bad.message);
});

test("an option whose number means another option in this libcurl is an error with its name", async () => {
  const library = libcurlNamed("impersonate-7.84")!;
  const others: [Options, string, string][] = [
    [{ PROTOCOLS_STR: "https" }, "PROTOCOLS_STR", "HTTPBASEHEADER"],
    [{ REDIR_PROTOCOLS_STR: "https" }, "REDIR_PROTOCOLS_STR", "SSL_SIG_HASH_ALGS"],
    [{ HAPROXY_CLIENT_IP: "192.0.2.1" }, "HAPROXY_CLIENT_IP", "HTTP2_PSEUDO_HEADERS_ORDER"],
    [{ 10323: "192.0.2.1" }, "HAPROXY_CLIENT_IP", "HTTP2_PSEUDO_HEADERS_ORDER"],
    [{ SERVER_RESPONSE_TIMEOUT_MS: 5 }, "SERVER_RESPONSE_TIMEOUT_MS", "HTTP2_NO_SERVER_PUSH"],
  ];
  for (const [curlOptions, name, own] of others) {
    const { error } = await failed(new CurlWebSocket("ws://127.0.0.1:9/", { library, curlOptions }));
    assertEquals([error.code, error.curlCode], ["ERR_LIBCURL", 48]);
    const words =
      `libcurl 7.84.0 does not know the option CURLOPT_${name}, and has another by its number, CURLOPT_${own}`;
    assert(error.message.startsWith(words), error.message);
  }
  // These have nobody's number there.
  for (const curlOptions of [{ CA_CACHE_TIMEOUT: 5 }, { ECH: "grease" }, { TCP_KEEPCNT: 5 }] as Options[]) {
    const { error } = await failed(new CurlWebSocket("ws://127.0.0.1:9/", { library, curlOptions }));
    assertEquals([error.code, error.curlCode], ["ERR_LIBCURL", 48]);
    assert(error.message.includes("refuses the option CURLOPT_"), error.message);
  }
  // Its own, by their numbers.
  await using server = await WsServer.start();
  await using _socket = await connected(server.url("/echo"), { library, curlOptions: { 325: 1, 10321: "brotli" } });
}, { skip: whyNoLibcurl("impersonate-7.84") });

test("of curlOptions, what says who asks is left out for another origin", () => {
  const kept = (options: Record<string, CurlOptionValue>) =>
    withoutIdentity(rawCurlOptions(options)).map(({ option, value }) => [option.name, value]);
  const identity = {
    SSLCERT: "a",
    SSLCERTTYPE: "PEM",
    SSLCERT_BLOB: Uint8Array.of(1),
    SSLKEY: "a",
    SSLKEYTYPE: "PEM",
    SSLKEY_BLOB: Uint8Array.of(1),
    KEYPASSWD: "secret",
    SSLENGINE: "pkcs11",
    TLSAUTH_USERNAME: "joe",
    TLSAUTH_PASSWORD: "secret",
    TLSAUTH_TYPE: "SRP",
    HAPROXY_CLIENT_IP: "192.0.2.1",
    // Of a libcurl to come.
    19_999: "who knows",
  };
  assertEquals(kept(identity), []);
  const others = { TCP_FASTOPEN: 1, CAINFO: "a", PROXY_SSLCERT: "a", PROXY_KEYPASSWD: "secret", PROXYUSERPWD: "a:b" };
  assertEquals(Object.fromEntries(kept(others)), others);
  // CURLSSLOPT_AUTO_CLIENT_CERT beside CURLSSLOPT_NATIVE_CA.
  assertEquals(kept({ SSL_OPTIONS: 32 + 16 }), [["SSL_OPTIONS", 16]]);
  // Every option that a server could know somebody by is refused, or among these.
  const suspicious = Object.entries(OPTION_TABLE).flatMap(([kind, words]) =>
    [...words.matchAll(/(\w+)=/g)].map(([, name]) => ({ kind, name: name! }))
  ).filter(({ kind, name }) =>
    /CERT|KEY|PASSW|USER|AUTH|COOKIE|BEARER|SIG/.test(name) && ["long", "string", "list", "blob"].includes(kind) &&
    !/^(PROXY|SSH_|FTP|MAIL|RTSP|SOCKS5)|PINNEDPUBLICKEY|ISSUERCERT|VERIFY|CERTINFO|SIG_HASH|SIGNATURE_ALGORITHMS/.test(
      name,
    ) &&
    !/CERT_COMPRESSION|CERT_TIMESTAMPS|KEY_USAGE|KEY_SHARES|USERAGENT|COOKIESESSION|SPLIT_COOKIES|UNRESTRICTED|DISALLOW/
      .test(
        name,
      )
  );
  assert(suspicious.length > 20);
  for (const { kind, name } of suspicious) {
    const value = { long: 1, string: "a", list: ["a"], blob: Uint8Array.of(1) }[kind as "long"];
    let left: unknown[];
    try {
      left = kept({ [name]: value });
    } catch (error) {
      assertMatch((error as Error).message, /has no effect|is set by curlws/);
      continue;
    }
    assertEquals(left, [], name);
  }
});
