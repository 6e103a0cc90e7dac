import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libcurl } from "../../../mod.ts";
import { completeOptions } from "../../../src/options/options.ts";
import { UsageError } from "../../../cli/errors.ts";
import { formatted } from "../../../cli/session/format.ts";
import { help } from "../../../cli/options/help.ts";
import { historyPath } from "../../../cli/terminal/history.ts";
import { OPTIONS } from "../../../cli/options/options.ts";
import { parse } from "../../../cli/options/parse.ts";
import { UNSUPPORTED } from "../../../cli/options/unsupported.ts";
import { socketOptions } from "../../../cli/options/socket_options.ts";
import { ProxyServer } from "../../support/proxy_server.ts";
import { WsServer } from "../../support/servers.ts";
import { test } from "../../support/testing.ts";
import { tlsCertificates } from "../../support/tls_certificates.ts";
import { curlws, Running } from "../support.ts";

/** The options of CurlWebSocket that arguments make, less those that are always there. */
function made(...args: string[]): Record<string, unknown> {
  const { protocols, keepAlive, ...rest } = socketOptions(parse(args, OPTIONS, "URL", UNSUPPORTED).values) as Record<
    string,
    unknown
  >;
  completeOptions(rest);
  return {
    ...rest,
    ...((protocols as string[]).length > 0 ? { protocols } : {}),
    ...(JSON.stringify(keepAlive) === "{}" ? {} : { keepAlive }),
  };
}

test("options spelled as curl's become options of CurlWebSocket", () => {
  assertEquals(made(), {});
  assertEquals(made("-Ha: b", "-H", "C:d", "-H", "E;", "-H", "User-Agent:", "-A", "bot", "-e", "http://r/"), {
    headers: [["a", "b"], ["C", "d"], ["E", ""], ["User-Agent", "bot"], ["Referer", "http://r/"]],
  });
  assertEquals(made("-s", "a, b", "--subprotocol=c", "--origin", "http://o"), {
    protocols: ["a", "b", "c"],
    origin: "http://o",
  });
  assertEquals(made("-u", "joe:a:b"), { auth: { username: "joe", password: "a:b", type: "basic" } });
  assertEquals(made("-u", "joe:s", "--digest"), { auth: { username: "joe", password: "s", type: "digest" } });
  assertEquals(made("--oauth2-bearer", "t", "-b", "a=1", "-b", "b=2; c=3", "--url-query", "q=a=b"), {
    auth: { bearer: "t" },
    cookies: "a=1; b=2; c=3",
    params: [["q", "a=b"]],
  });
  assertEquals([made("-L"), made("-L", "--max-redirs", "3"), made("--max-redirs", "3")], [
    { maxRedirects: 50 },
    { maxRedirects: 3 },
    {},
  ]);
  assertEquals(made("-k4", "--tlsv1.2", "--tls-max", "1.3", "--ciphers", "A:B", "--tls13-ciphers", "C", "ws://h"), {
    tls: { verify: false, minVersion: "TLSv1.2", maxVersion: "TLSv1.3", ciphers: "A:B", cipherSuites: "C" },
    ipVersion: 4,
  });
  assertEquals(made("--no-sessionid"), { tls: { sessions: false } });
  assertEquals(made("--cacert", "ca.pem", "-E", "c\\:1.pem:pa:ss", "--key", "k.pem", "--servername", "h"), {
    tls: { ca: "ca.pem", cert: "c:1.pem", key: "k.pem", passphrase: "pa:ss", serverName: "h" },
  });
  assertEquals(made("--cert", "c.p12", "--cert-type", "p12", "--pass", "-x"), {
    tls: { pfx: "c.p12", passphrase: "-x" },
  });
  assertEquals(made("--capath", "/c", "--tcp-fastopen", "--curves", "X25519"), {
    curlOptions: { CAPATH: "/c", TCP_FASTOPEN: true, SSL_EC_CURVES: "X25519" },
  });
  assertEquals(made("-x", "p", "-U", "a:b", "--proxy-digest", "--noproxy", "x,y", "--proxy-header", "A: b"), {
    proxy: {
      url: "http://p:1080",
      username: "a",
      password: "b",
      auth: "digest",
      noProxy: "x,y",
      headers: [["A", "b"]],
    },
  });
  assertEquals(made("--proxy", "https://p", "--proxy-insecure", "--proxy-cacert", "c.pem"), {
    proxy: { url: "https://p", tls: { verify: false, ca: "c.pem" } },
  });
  assertEquals([made("--socks5-hostname", "p:1"), made("-x", ""), made("--noproxy", "*")], [
    { proxy: { url: "socks5h://p:1" } },
    { proxy: false },
    { proxy: false },
  ]);
  assertEquals(made("--resolve", "h:443:127.0.0.1,[::1]", "--connect-to", "::h:1", "--interface", "eth0"), {
    resolve: { "h:443": ["127.0.0.1", "[::1]"] },
    connectTo: ["::h:1"],
    interface: "eth0",
  });
  assertEquals(made("--interface", "127.0.0.1", "--local-port", "4000-4100", "-6", "--doh-url", "https://d/q"), {
    localAddress: "127.0.0.1",
    localPort: [4000, 4100],
    ipVersion: 6,
    dohUrl: "https://d/q",
  });
  assertEquals([made("--unix-socket", "/s"), made("--abstract-unix-socket", "s"), made("--no-keepalive")], [
    { unixSocket: "/s" },
    { unixSocket: "@s" },
    { keepAlive: false },
  ]);
  assertEquals(made("--keepalive-time", "5", "--keepalive-cnt", "3", "--connect-timeout", "1.5", "--no-compress"), {
    keepAlive: { idle: 5000, interval: 5000, count: 3 },
    connectTimeout: 1500,
    perMessageDeflate: false,
  });
  assertEquals(made("--ping-interval", "500ms", "--idle-timeout", "2m", "--max-message-size", "1M"), {
    pingInterval: 500,
    idleTimeout: 120_000,
    maxMessageSize: 1048576,
  });
  assertEquals(made("--impersonate", "safari_ios"), { impersonate: "safari_ios" });
  assertEquals(
    made(
      ...["--ja3", "771,4865-47,0-10-13-27-28-34-43-51,29,", "--sigalgs", "ed25519:ecdsa_sha1", "--cert-compression"],
      ...["zlib, brotli", "--tls-record-size-limit", "4096", "--tls-delegated-credentials", "ecdsa_sha1"],
      ...["--tls-key-shares-limit", "2", "--tls-grease", "--tls-permute-extensions"],
    ),
    {
      impersonate: {
        ja3: "771,4865-47,0-10-13-27-28-34-43-51,29,",
        signatureAlgorithms: ["ed25519", "ecdsa_sha1"],
        certificateCompression: ["zlib", "brotli"],
        recordSizeLimit: 4096,
        delegatedCredentials: ["ecdsa_sha1"],
        keyShares: 2,
        grease: true,
        permuteExtensions: true,
      },
    },
  );
  assertEquals(made("--impersonate", "chrome", "--cert-compression", ""), {
    impersonate: { base: "chrome", certificateCompression: [] },
  });
  // What is always so is taken.
  assertEquals(made("-SfgNqp", "--compressed", "--http1.1", "--basic"), {});
});

test("each option of curl that is not supported says why, and none is also supported", () => {
  for (const { name, short } of UNSUPPORTED) {
    for (const flag of [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]) {
      assertThrows(() => made(flag), UsageError, "is not supported: ");
    }
  }
  const all = [...OPTIONS, ...UNSUPPORTED];
  const flags = all.flatMap(({ name, short }) => short === undefined ? [name] : [name, short]);
  assertEquals(flags.filter((flag, index) => flags.indexOf(flag) !== index), []);
});

test("--help fits a terminal of 80 columns and 24 lines, and --help all lists every option", () => {
  const commands = [["install-libcurl", "…"], ["install-impersonate", "…"], ["completions", "…"]] as const;
  const lines = help(null, commands).split("\n");
  assert(lines.length <= 23, `${lines.length} lines`);
  assertEquals(lines.filter((line) => line.length > 79), []);
  const all = help("all", commands);
  for (const { name } of OPTIONS) assert(all.includes(`--${name}`), name);
  assertEquals(all.split("\n").filter((line) => line.length > 80), []);
  assertMatch(help("tls", commands), /^TLS:\n[^]*--cacert FILE/);
  assertThrows(() => help("nothing", commands), UsageError, "only all, exit, message");
});

test("on a terminal JSON is indented, bytes are hexadecimal, and nothing can move the cursor", () => {
  const format = { binary: false, json: true, timestamps: false, terminal: true, mark: "< " };
  const paint = (style: string, text: string) => `[${style}:${text}]`;
  const at = new Date(0);
  assertEquals(
    formatted('{"a":[1e999,{}],"b":"\\u001b x"}', at, { ...format, paint: (_style, text) => text }),
    '< {\n  "a": [\n    1e999,\n    {}\n  ],\n  "b": "\\u001b x"\n}\n',
  );
  assertEquals(formatted('{"a":null}', at, { ...format, paint }), '< {\n  [key:"a"]: [word:null]\n}\n');
  const plain = { ...format, paint: (_style: string, text: string) => text };
  assertEquals(formatted("a\x1b[2Jb\x9b\tc", at, { ...format, paint }), "< a\\x1b[2Jb\\x9b\tc\n");
  // Nothing of a message stands where the next one, or the user's own line, would begin.
  assertEquals(formatted("a\n> b\r\n< c\rd", at, plain), "< a\n  > b\n  < c\\rd\n");
  assertEquals(formatted("\u202eab\u200b\u2028c 👩‍👧", at, plain), "< \\u202eab\\u200b\\u2028c 👩‍👧\n");
  assertEquals(formatted('["\u202e"]', at, plain), '< [\n  "\\u202e"\n]\n');
  assertEquals(
    formatted(new Uint8Array([0, 255]).buffer, at, { ...format, timestamps: true, paint }),
    "< [dim:1970-01-01T00:00:00.000Z] [dim:binary, 2 bytes:] 00 ff\n",
  );
});

test("JSON of 60 MB is printed whole: of one string, of escapes, of blanks", () => {
  const format = {
    binary: false,
    json: true,
    timestamps: false,
    mark: "",
    paint: (_style: string, text: string) => text,
  };
  const size = 60e6;
  const texts = [
    [`{ "a": "${"x".repeat(size)}" }`, size + 8],
    [`{ "a": "${'\\"\\\\'.repeat(size / 4)}" }`, size + 8],
    [`{ "a": ${" ".repeat(size)}1 }`, 7],
    [`[ ${"9".repeat(1e6)} ]`, 1e6 + 2],
  ] as const;
  for (const [text, length] of texts) {
    assertEquals(formatted(text, new Date(0), { ...format, terminal: false }).length, length + 1);
    const shown = formatted(text, new Date(0), { ...format, terminal: true });
    assert(shown.length > length && typeof shown === "string");
  }
}, { timeout: 60_000 });

test("curl's -sS is an error that explains -s, and offers no subprotocol S", () => {
  for (const args of [["-sS"], ["-fsS"], ["-s", "-S"], ["-sk"], ["-1sSL"]]) {
    assertThrows(() => made(...args), UsageError, "here -s is --subprotocol, as in -s NAME; curl's -s (silent)");
  }
  assertEquals(made("-s", "chat", "--subprotocol", "S", "--subprotocol=-S"), { protocols: ["chat", "S", "-S"] });
});

test("the history is in the platform's usual folder", () => {
  assertEquals(historyPath("linux", { HOME: "/h" }), "/h/.local/state/curlws/history");
  assertEquals(historyPath("linux", { HOME: "/h", XDG_STATE_HOME: "/s" }), "/s/curlws/history");
  assertEquals(historyPath("linux", { HOME: "/h", XDG_STATE_HOME: "s" }), "/h/.local/state/curlws/history");
  assertEquals(historyPath("darwin", { HOME: "/h" }), "/h/Library/Application Support/curlws/history");
  assertEquals([historyPath("linux", { HOME: "/h", CURLWS_HISTORY: "" }), historyPath("linux", {})], [null, null]);
});

test("the options determine the request", async () => {
  await using server = await WsServer.start();
  const args = ["-u", "joe:secret", "-A", "bot/1", "-e", "http://r/", "-b", "a=1", "--origin", "http://o", "-s", "p1"];
  const resolve = ["--resolve", `feed.example:${server.port}:127.0.0.1`];
  const { code, out } = await curlws(["-1", ...args, ...resolve, `feed.example:${server.port}/headers`]);
  const list: string[] = JSON.parse(out);
  const field = (name: string) => list[list.indexOf(name) + 1];
  assertEquals([code, field("Host"), field("Authorization")], [
    0,
    `feed.example:${server.port}`,
    `Basic ${btoa("joe:secret")}`,
  ]);
  assertEquals(["User-Agent", "Referer", "Cookie", "Origin", "Sec-WebSocket-Protocol"].map(field), [
    ...["bot/1", "http://r/", "a=1", "http://o", "p1"],
  ]);
});

test("TLS: a CA, -k, a client certificate, a version; failures end with curl's exit codes", async () => {
  const { ca, server: identity, client } = tlsCertificates();
  const folder = mkdtempSync(join(tmpdir(), "curlws-tls-"));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  try {
    const caFile = file("ca.pem", ca), cert = file("client.pem", client.cert), key = file("client.key", client.key);
    await using server = await WsServer.start({
      tls: { ...identity, ca, requestCert: true, rejectUnauthorized: false },
    });
    const url = server.url("/tls", "localhost");
    const [unknown, insecure, mutual] = await Promise.all([
      curlws(["-1", url]),
      curlws(["-1k", url]),
      curlws(["-1v", "--cacert", caFile, "-E", cert, "--key", key, "--tlsv1.3", "--servername", "localhost", url]),
    ]);
    // As curl: what cannot be read, by the option that names it.
    const missing = join(folder, "missing");
    const unread: [args: string[], code: number, name: string][] = [
      [["--cacert", missing], 77, "--cacert"],
      [["--extra-cacert", missing], 77, "--extra-cacert"],
      [["-k", "-E", missing], 58, "--cert"],
      [["-k", "-E", cert, "--key", missing], 58, "--key"],
      // With GnuTLS libcurl reads no PKCS#12.
      [["-k", "--cert-type", "P12", "-E", missing], libcurl().tls?.includes("GnuTLS") ? 1 : 58, "--cert"],
      [["--cacert", caFile, "--crlfile", missing], 82, "--crlfile"],
    ];
    const results = await Promise.all(unread.map(([args]) => curlws(["-1", ...args, url])));
    results.forEach(({ code, err }, index) => {
      assertEquals([code, err.includes(unread[index]![2])], [unread[index]![1], true], err);
    });
    assertEquals([unknown.code, insecure.code, mutual.code], [60, 0, 0]);
    // The option is named as the command line has it.
    assertMatch(unknown.err, /--(extra-)?cacert/);
    assert(!/\btls\.\w/.test(unknown.err), unknown.err);
    const seen = JSON.parse(mutual.out);
    assertEquals([seen.version, seen.servername, seen.client !== null], ["TLSv1.3", "localhost", true]);
    assertMatch(mutual.err, /^\* TLS: TLSv1\.3, TLS_\w+, ALPN/m);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("proxies: HTTP with a password, SOCKS5 that resolves names, and a refusal", async () => {
  await using server = await WsServer.start();
  await using http = await ProxyServer.start({ username: "me", password: "pw" });
  await using socks = await ProxyServer.start();
  const url = server.url("/push?count=1");
  const [through, refused, by] = await Promise.all([
    curlws(["-1v", "-x", `127.0.0.1:${http.port}`, "-U", "me:pw", "--noproxy", "", url]),
    curlws(["-1", "-x", `127.0.0.1:${http.port}`, "--noproxy", "", url]),
    curlws([
      "-1",
      "--socks5-hostname",
      `127.0.0.1:${socks.port}`,
      "--noproxy",
      "",
      server.url("/push?count=1", "localhost"),
    ]),
  ]);
  assertEquals([through.code, through.out, refused.code, by.code, by.out], [0, "0\n", 97, 0, "0\n"], refused.err);
  assertMatch(through.err, /^> CONNECT 127\.0\.0\.1:\d+ HTTP\/1\.1$/m);
  assertMatch(through.err, /^\* through the proxy http:\/\/127\.0\.0\.1:\d+$/m);
  assertMatch(refused.err, /--proxy-user/);
  // As in curl, an empty list goes before the environment's.
  const env = { http_proxy: `http://me:pw@127.0.0.1:${http.port}`, no_proxy: "", NO_PROXY: "127.0.0.1" };
  await using past = Running.start(["-1v", url], { env });
  await using all = Running.start(["-1v", "--noproxy", "", url], { env });
  const told = await Promise.all([past.result, all.result]);
  assertEquals(told.map(({ code, err }) => [code, err.includes("* through the proxy")]), [[0, false], [0, true]]);
  assertEquals(socks.requests.map(({ protocol, host }) => [protocol, host]), [["socks5", "localhost"]]);
});
