/** TLS sessions are resumed, and only by connections that the server may know to be one client's. */
import { assertEquals } from "@std/assert";
import { CurlWebSocket, type CurlWebSocketInit, libcurl, type TlsOptions } from "../../mod.ts";
import { failed, message, opened } from "../support/events.ts";
import { isAtLeast } from "../support/libcurls.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

const isGnuTls = libcurl().tls?.includes("GnuTLS") ?? false;
/** Why a test is skipped, or undefined. */
const keeps = isGnuTls ? "GnuTLS's libcurl resumes no sessions" : undefined;
const keepsAll = keeps ?? (isAtLeast("7.84") ? undefined : "an older libcurl forgets some sessions");
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
/** A server keeps these sessions, and they can be resumed again and again. */
const TLS_1_2 = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;

/** Connects, and returns whether the server says that a session was resumed, which the socket says too. */
async function resumes(server: WsServer, tls: TlsOptions, more: CurlWebSocketInit = {}): Promise<boolean> {
  await using socket = new CurlWebSocket(server.url("/session", "localhost"), { tls, proxy: false, ...more });
  const [text] = await Promise.all([message(socket), opened(socket)]);
  assertEquals(String(socket.connection!.tls!.resumed), text);
  return text === "true";
}

test("the second connection to a server resumes the first one's TLS session, if tls.sessions is not false", async () => {
  const { ca, server: identity } = tlsCertificates();
  for (const version of VERSIONS) {
    await using server = await WsServer.start({ tls: identity });
    const tls = { ca, minVersion: version, maxVersion: version };
    const seen = [
      await resumes(server, tls),
      await resumes(server, tls),
      await resumes(server, { ...tls, sessions: false }),
    ];
    assertEquals(seen, [false, !isGnuTls, false], version);
    const asked = new CurlWebSocket(server.url("/session", "localhost"), { tls: { ...tls, sessions: true } });
    if (isGnuTls) {
      assertEquals((await failed(asked)).error.code, "ERR_LIBCURL");
    } else {
      await opened(asked);
      asked.terminate();
    }
  }
});

test("connections that stand beside each other resume, too", async () => {
  const { ca, server: identity } = tlsCertificates();
  await using server = await WsServer.start({ tls: identity });
  const tls = { ca, ...TLS_1_2 };
  await using socket = new CurlWebSocket(server.url("/session", "localhost"), { tls, proxy: false });
  await Promise.all([message(socket), opened(socket)]);
  const seen = await Promise.all(Array.from({ length: 5 }, () => resumes(server, tls)));
  assertEquals(seen, Array(5).fill(true));
}, { skip: keepsAll });

test("other TLS options, certificates and addresses do not resume a session", async () => {
  const { ca, server: identity, client } = tlsCertificates();
  await using server = await WsServer.start({ tls: { ...identity, ca, requestCert: true, rejectUnauthorized: false } });
  const tls: TlsOptions = { ca, ...TLS_1_2 };
  assertEquals(await resumes(server, tls), false);
  const others: [string, TlsOptions, CurlWebSocketInit?][] = [
    ["unverified", { ...TLS_1_2, verify: false }],
    ["another CA beside it", { ...tls, extraCa: identity.cert }],
    ["a client certificate", { ...tls, cert: client.cert, key: client.key }],
    ["another name", { ...tls, serverName: "127.0.0.1" }],
    ["a local address", tls, { localAddress: "127.0.0.1" }],
    ["an option of libcurl", tls, { curlOptions: { TCP_FASTOPEN: 0 } }],
  ];
  for (const [what, other, more] of others) {
    assertEquals(await resumes(server, other, more), false, what);
    const again = await resumes(server, other, more);
    // Its own, the next time. With a client's certificate as text, newer libcurls keep none.
    if (other.cert === undefined) assertEquals(again, true, what);
  }
  assertEquals(await resumes(server, tls), true);
}, { skip: keeps });

test("another proxy, or credentials for it, do not resume a session", async () => {
  const { ca, server: identity } = tlsCertificates();
  await using server = await WsServer.start({ tls: identity });
  await using first = await ProxyServer.start();
  await using second = await ProxyServer.start();
  const tls = { ca, ...TLS_1_2 };
  const proxies = [
    false,
    `http://127.0.0.1:${first.port}`,
    `http://127.0.0.1:${second.port}`,
    `http://a:b@127.0.0.1:${first.port}`,
    `http://a:c@127.0.0.1:${first.port}`,
    ...isAtLeast("7.69") ? [`socks5h://127.0.0.1:${first.port}`, `socks5h://a:b@127.0.0.1:${first.port}`] : [],
  ] as const;
  for (const proxy of proxies) assertEquals(await resumes(server, tls, { proxy }), false, String(proxy));
  for (const proxy of proxies) assertEquals(await resumes(server, tls, { proxy }), true, String(proxy));
}, { skip: keeps });

test("TLS to an https proxy is resumed for itself", async () => {
  const { ca, server: identity } = tlsCertificates();
  await using server = await WsServer.start({ tls: identity });
  await using other = await WsServer.start({ tls: identity });
  await using proxy = await ProxyServer.start({ tls: identity });
  const options = { proxy: { url: `https://localhost:${proxy.port}`, tls: { ca } } };
  const tls = { ca, ...TLS_1_2 };
  // What is told is the server's.
  const seen = [await resumes(server, tls, options), await resumes(other, tls, options)];
  assertEquals([...seen, await resumes(server, tls, options)], [false, false, true]);
}, {
  skip: keepsAll ?? (libcurl().features.includes("HTTPS-proxy") ? undefined : "this libcurl takes no https proxy"),
});
