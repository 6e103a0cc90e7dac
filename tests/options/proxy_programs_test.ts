/** The proxies that people run: tinyproxy, squid, microsocks and dante. */
import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketInit, libcurl } from "../../mod.ts";
import { failed, message, opened } from "../support/events.ts";
import { whyNoSocks } from "../support/libcurls.ts";
import { findProgram, Program } from "../support/programs.ts";
import { closedPort } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

const USER = "someone", PASSWORD = "pass-word";

/** One wss server behind a proxy: a message there and back. */
async function passes(proxy: CurlWebSocketInit["proxy"], tls = true): Promise<string> {
  const { ca, server: identity } = tlsCertificates();
  await using server = await WsServer.start({ tls: tls && identity });
  await using socket = new CurlWebSocket(server.url("/echo"), { proxy, tls: { ca } });
  await opened(socket);
  socket.send("there and back");
  assertEquals(await message(socket), "there and back");
  return socket.connection!.proxy!;
}

/** The code of the error that a proxy causes, whose text may not have the password in it. */
async function refusal(proxy: CurlWebSocketInit["proxy"], url = "ws://127.0.0.1:9/"): Promise<string> {
  const { error } = await failed(new CurlWebSocket(url, { proxy }));
  assert(!`${error.message} ${error.stack}`.includes(PASSWORD), error.message);
  return error.code;
}

const tinyproxy = findProgram("tinyproxy");
const startTinyproxy = (more = "") =>
  Program.start(tinyproxy!, {
    files: { "conf": `Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Info\n${more}` },
    args: (_port, at) => ["-d", "-c", at("conf")],
  });
const noTinyproxy = tinyproxy === undefined ? "tinyproxy is not installed" : undefined;

test("tinyproxy: HTTP CONNECT", async () => {
  await using proxy = await startTinyproxy();
  const url = `http://127.0.0.1:${proxy.port}`;
  for (const tls of [false, true]) assertEquals(await passes(url, tls), url);
  assert(/CONNECT 127\.0\.0\.1:\d+ HTTP\/1\.1/.test(proxy.output), proxy.output);
  // What it cannot reach it answers with 500.
  assertEquals(await refusal(url, `ws://127.0.0.1:${await closedPort()}/`), "ERR_PROXY");
}, { skip: noTinyproxy });

test("tinyproxy: Basic authentication, and its rules", async () => {
  await using proxy = await startTinyproxy(`BasicAuth ${USER} ${PASSWORD}\nConnectPort 9\n`);
  const url = `http://127.0.0.1:${proxy.port}`;
  assertEquals(await refusal(url), "ERR_PROXY_AUTH");
  assertEquals(await refusal({ url, username: USER, password: `${PASSWORD}x` }), "ERR_PROXY_AUTH");
  // Known now, but only port 9 is allowed.
  assertEquals(await refusal({ url, username: USER, password: PASSWORD }, "ws://127.0.0.1:10/"), "ERR_PROXY");
  await using open = await startTinyproxy(`BasicAuth ${USER} ${PASSWORD}\n`);
  assertEquals(
    await passes({ url: `http://127.0.0.1:${open.port}`, username: USER, password: PASSWORD }),
    `http://127.0.0.1:${open.port}`,
  );
}, { skip: noTinyproxy });

const microsocks = findProgram("microsocks");
const noMicrosocks = microsocks === undefined ? "microsocks is not installed" : whyNoSocks();

test("microsocks: SOCKS5 with and without a password", async () => {
  await using free = await Program.start(microsocks!, { args: (port) => ["-i", "127.0.0.1", "-p", `${port}`] });
  for (const scheme of ["socks5", "socks5h"]) await passes(`${scheme}://127.0.0.1:${free.port}`);
  const closed = await closedPort();
  assertEquals(await refusal(`socks5://127.0.0.1:${free.port}`, `ws://127.0.0.1:${closed}/`), "ERR_PROXY");
  await using guarded = await Program.start(microsocks!, {
    args: (port) => ["-i", "127.0.0.1", "-p", `${port}`, "-u", USER, "-P", PASSWORD],
  });
  const url = `socks5h://127.0.0.1:${guarded.port}`;
  await passes({ url, username: USER, password: PASSWORD });
  await passes({ url, username: USER, password: PASSWORD, auth: "basic" });
  assertEquals(await refusal(url), "ERR_PROXY_AUTH");
  assertEquals(await refusal({ url, username: USER, password: `${PASSWORD}x` }), "ERR_PROXY_AUTH");
}, { skip: noMicrosocks });

const danted = findProgram("danted", "sockd");

test("dante: SOCKS4, SOCKS4a and SOCKS5, and what its rules reject", async () => {
  await using proxy = await Program.start(danted!, {
    files: {
      "conf": `logoutput: stderr
internal: 127.0.0.1 port = {port}
external: lo
socksmethod: none
clientmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 127.0.0.0/8 port = 9 }
socks pass { from: 127.0.0.0/8 to: 127.0.0.0/8 command: connect }
`,
    },
    args: (_port, at) => ["-f", at("conf")],
  });
  for (const scheme of ["socks4", "socks5", "socks5h"]) await passes(`${scheme}://127.0.0.1:${proxy.port}`);
  for (const scheme of ["socks4", "socks5"]) {
    assertEquals(await refusal(`${scheme}://127.0.0.1:${proxy.port}`), "ERR_PROXY");
  }
}, { skip: danted === undefined ? "dante-server is not installed" : whyNoSocks() });

const squid = findProgram("squid");
const digestHelper = findProgram("digest_file_auth") ?? findProgram("../lib/squid/digest_file_auth");
const ntlmHelper = findProgram("../lib/squid/ntlm_fake_auth");

/** squid keeps a cache, logs and a socket; all of them go into its folder, or nowhere. */
function startSquid(port: string, auth: string, files: Record<string, string> = {}): Promise<Program> {
  const conf = `${port}
${auth}
http_access allow all
shutdown_lifetime 0 seconds
cache deny all
memory_cache_shared off
shared_transient_entries_limit 0
cache_log {folder}/log
access_log none
pid_filename none
coredump_dir {folder}
netdb_filename none
pinger_enable off
${process.getuid?.() === 0 ? "cache_effective_user nobody\ncache_effective_group nogroup" : ""}
visible_hostname localhost
`;
  return Program.start(squid!, {
    files: { conf, ...files },
    args: (_port, at) => ["-N", "-n", `curlws${process.pid}`, "-f", at("conf")],
  });
}

const noSquid = squid === undefined ? "squid is not installed" : undefined;

test("squid: HTTP CONNECT over TLS", async () => {
  const { ca, server: identity } = tlsCertificates();
  await using proxy = await startSquid(
    "https_port 127.0.0.1:{port} tls-cert={folder}/cert tls-key={folder}/key",
    "",
    { cert: identity.cert, key: identity.key },
  );
  const url = `https://127.0.0.1:${proxy.port}`;
  for (const tls of [false, true]) assertEquals(await passes({ url, tls: { ca } }, tls), url);
  assertEquals(await refusal(url), "ERR_TLS");
}, { skip: noSquid, timeout: 30_000 });

test("squid: Digest authentication", async () => {
  const hash = createHash("md5").update(`${USER}:test:${PASSWORD}`).digest("hex");
  await using proxy = await startSquid(
    "http_port 127.0.0.1:{port}",
    `auth_param digest program ${digestHelper} -c {folder}/users
auth_param digest children 1
auth_param digest realm test
acl known proxy_auth REQUIRED
http_access deny !known`,
    { users: `${USER}:test:${hash}\n` },
  );
  const url = `http://127.0.0.1:${proxy.port}`;
  for (const auth of ["digest", "any"] as const) await passes({ url, username: USER, password: PASSWORD, auth });
  assertEquals(await refusal({ url, username: USER, password: `${PASSWORD}x`, auth: "digest" }), "ERR_PROXY_AUTH");
  assertEquals(await refusal({ url, username: USER, password: PASSWORD }), "ERR_PROXY_AUTH");
}, {
  skip: noSquid ?? (digestHelper === undefined ? "squid's digest_file_auth is not installed" : undefined),
  timeout: 30_000,
});

const noNtlm = ntlmHelper === undefined
  ? "squid's ntlm_fake_auth is not installed"
  : libcurl().features.includes("NTLM")
  ? undefined
  : "this libcurl has no NTLM";

test("squid: NTLM, with a helper that accepts every password", async () => {
  await using proxy = await startSquid(
    "http_port 127.0.0.1:{port}",
    `auth_param ntlm program ${ntlmHelper}
auth_param ntlm children 1
acl known proxy_auth REQUIRED
http_access deny !known`,
  );
  const url = `http://127.0.0.1:${proxy.port}`;
  for (const auth of ["ntlm", "any"] as const) await passes({ url, username: USER, password: PASSWORD, auth });
  assertEquals(await refusal({ url, username: USER, password: PASSWORD }), "ERR_PROXY_AUTH");
}, { skip: noSquid ?? noNtlm, timeout: 30_000 });
