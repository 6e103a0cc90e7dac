import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { CookieJar } from "tough-cookie";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CurlWebSocket, type CurlWebSocketOptions } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { failed, message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

const redirect = (location: string, status = 302, ...headers: string[]) =>
  [`HTTP/1.1 ${status} Over There`, `Location: ${location}`, ...headers, "Content-Length: 0", "", ""].join("\r\n");

/** Answers the next connection, and gives its request. */
async function answer(server: RawServer, response: string): Promise<string> {
  const peer = await server.connection();
  const request = await peer.request();
  await peer.send(response);
  return request;
}

function connect(server: RawServer, path: string, options: CurlWebSocketOptions): CurlWebSocket {
  return new CurlWebSocket(server.url(path), { proxy: false, ...options });
}

const has = (request: string, line: string) => request.split("\r\n").includes(line);
const line = (request: string, name: string) => new RegExp(`^${name}: (.*)\\r$`, "im").exec(request)?.[1];

for (const status of [301, 302, 303, 307, 308]) {
  test(`${status} is followed`, async () => {
    await using server = await RawServer.start();
    const socket = connect(server, "/a/b", { maxRedirects: 1 });
    const open = opened(socket), text = message(socket);
    await answer(server, redirect("c?d#e", status));
    const request = await (await server.connection()).accept({ then: frame(Opcode.text, "hello") });
    assertMatch(request, /^GET \/a\/c\?d HTTP\/1\.1\r\n/);
    await open;
    assertEquals(await text, "hello");
    assertEquals(socket.url, server.url("/a/b"));
    socket.terminate();
  });
}

test("by default none is followed", async () => {
  await using server = await RawServer.start();
  const failure = failed(connect(server, "/", {}));
  await answer(server, redirect("/b"));
  const { error } = await failure;
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_REDIRECT", 302]);
  assertMatch(error.message, /set maxRedirects/);
});

test("a body that never ends does not hold a redirect up", async () => {
  await using server = await RawServer.start();
  const socket = connect(server, "/a", { maxRedirects: 1 });
  const open = opened(socket);
  await answer(server, "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 1000\r\n\r\nmoved");
  await (await server.connection()).accept();
  await open;
  socket.terminate();
});

test("on the same origin credentials, cookies and headers stay", async () => {
  await using server = await RawServer.start();
  for (const [userinfo, authorization] of [["", undefined], ["joe:p@", `Basic ${btoa("joe:p")}`]] as const) {
    const socket = new CurlWebSocket(server.url("/a").replace("//", `//${userinfo}`), {
      proxy: false,
      maxRedirects: 2,
      cookies: "a=1",
      headers: [["Host", "h.example"], ["X-A", "1"]],
    });
    const open = opened(socket);
    await answer(server, redirect("/b"));
    const request = await (await server.connection()).accept();
    await open;
    socket.terminate();
    assert(has(request, "Cookie: a=1") && has(request, "Host: h.example") && has(request, "X-A: 1"), request);
    assertEquals(line(request, "Authorization"), authorization);
  }
});

test("for another origin credentials are left out, and stay so on the way back", async () => {
  await using server = await RawServer.start();
  await using other = await RawServer.start();
  const socket = connect(server, "/a", {
    maxRedirects: 3,
    auth: { bearer: "secret" },
    cookies: { session: "1" },
    origin: "https://page.example",
    headers: { "X-Own": "1", Host: "h.example", "Proxy-Authorization": "secret" },
  });
  const open = opened(socket);
  const first = await answer(server, redirect(other.url("/b")));
  assert(
    has(first, "Authorization: Bearer secret") && has(first, "Cookie: session=1") && has(first, "Host: h.example"),
  );
  const second = await answer(other, redirect(server.url("/c")));
  const third = await (await server.connection()).accept();
  await open;
  socket.terminate();
  for (const [request, port] of [[second, other.port], [third, server.port]] as const) {
    assert(!/secret|session/.test(request), request);
    assert(has(request, `Host: 127.0.0.1:${port}`));
    assert(has(request, "X-Own: 1") && has(request, "Origin: https://page.example"));
  }
});

test("headers of the same kind are left out as well", async () => {
  await using server = await RawServer.start();
  await using other = await RawServer.start();
  const socket = connect(server, "/a", {
    maxRedirects: 1,
    headers: { authorization: "Basic secret", COOKIE: "secret=1" },
  });
  const open = opened(socket);
  assertMatch(await answer(server, redirect(other.url("/b"))), /COOKIE: secret=1/);
  const request = await (await other.connection()).accept();
  await open;
  socket.terminate();
  assert(!request.includes("secret"));
});

test("headers that authenticate by their names are left out, others are not", async () => {
  await using server = await RawServer.start();
  await using other = await RawServer.start();
  const own = [
    "X-Api-Key",
    "apikey",
    "Ocp-Apim-Subscription-Key",
    "X-Auth-Token",
    "X-CSRF-Token",
    "X-Session",
    "X-Signature",
  ];
  const common = ["User-Agent", "X-Keyboard", "Accept-Language", "X-Monkey"];
  const headers = Object.fromEntries([...own, ...common].map((name) => [name, "1"]));
  const socket = connect(server, "/a", { maxRedirects: 1, headers });
  const open = opened(socket);
  const first = await answer(server, redirect(other.url("/b")));
  for (const name of [...own, ...common]) assertEquals(line(first, name), "1", name);
  const second = await (await other.connection()).accept();
  await open;
  socket.terminate();
  for (const name of own) assertEquals(line(second, name), undefined, name);
  for (const name of common) assertEquals(line(second, name), "1", name);
});

test("a client certificate stays with its origin, by whichever option it was given", async () => {
  const { ca, server: identity, client } = tlsCertificates();
  const folder = mkdtempSync(join(tmpdir(), "curlws-redirect-"));
  try {
    const path = join(folder, "client.pem");
    writeFileSync(path, client.cert + client.key);
    const asks = { ...identity, ca, requestCert: true, rejectUnauthorized: false };
    await using asking = await WsServer.start({ tls: asks });
    /** The client that the asking server sees. */
    const seen = async (socket: CurlWebSocket) => {
      const { client } = JSON.parse(await message(socket) as string) as { client: string | null };
      socket.terminate();
      return client;
    };
    const given: CurlWebSocketOptions[] = [
      { tls: { ca, cert: path } },
      { tls: { ca }, curlOptions: { SSLCERT: path, SSLKEY: path } },
      { tls: { ca }, curlOptions: { 10025: path, CURLOPT_SSLKEY: path, SSLCERTTYPE: "PEM", SSLKEYTYPE: "PEM" } },
    ];
    for (const options of given) {
      const url = asking.url("/tls", "localhost");
      assertEquals(await seen(new CurlWebSocket(url, { proxy: false, ...options })), "client");
      await using server = await RawServer.start();
      const socket = connect(server, "/", { maxRedirects: 1, ...options });
      const [client] = await Promise.all([seen(socket), answer(server, redirect(url))]);
      assertEquals(client, null);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the URL's password is not sent to another origin, nor told", async () => {
  await using server = await RawServer.start();
  await using other = await RawServer.start();
  const url = new URL(server.url("/a"));
  url.username = "joe";
  url.password = "secret";
  const failure = failed(new CurlWebSocket(url, { maxRedirects: 1, proxy: false }));
  assertEquals(line(await answer(server, redirect(other.url("/b"))), "Authorization"), `Basic ${btoa("joe:secret")}`);
  const last = `http://x:hush@127.0.0.1:${other.port}/c`;
  assertEquals(line(await answer(other, redirect(last)), "Authorization"), undefined);
  const { error } = await failure;
  assertEquals(error.code, "ERR_HANDSHAKE_REDIRECT");
  assertMatch(error.message, /one more than maxRedirects, 1$/);
  assert(!/secret|hush/.test(error.message), error.message);
});

test("a jar gives each origin its own cookies, also those of the redirect", async () => {
  await using server = await RawServer.start();
  const jar = new CookieJar();
  // Cookies do not know ports: localhost and 127.0.0.1 are two hosts.
  const socket = new CurlWebSocket(server.url("/a", "localhost"), { maxRedirects: 3, cookies: jar, proxy: false });
  const open = opened(socket);
  await answer(server, redirect("/a", 302, "Set-Cookie: seen=1"));
  // The same URL, and yet no loop: now it has a cookie.
  assertEquals(line(await answer(server, redirect(server.url("/b"))), "Cookie"), "seen=1");
  assertEquals(line(await answer(server, redirect(server.url("/c", "localhost"))), "Cookie"), undefined);
  const request = await (await server.connection()).accept();
  assertEquals(line(request, "Cookie"), "seen=1");
  await open;
  socket.terminate();
});

test("loops end", async () => {
  await using server = await RawServer.start();
  const failure = failed(connect(server, "/a", { maxRedirects: 20 }));
  await answer(server, redirect("/b"));
  await answer(server, redirect("/a"));
  const { error } = await failure;
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_REDIRECT", 302]);
  assertMatch(error.message, /redirects to \/a \(302\), which is not followed: it leads where it came from/);
});

test("so does one with a jar that gets nothing new", async () => {
  await using server = await RawServer.start();
  const failure = failed(connect(server, "/a", { maxRedirects: 20, cookies: new CookieJar() }));
  await answer(server, redirect("/a", 307));
  assertEquals((await failure).error.code, "ERR_HANDSHAKE_REDIRECT");
});

test("ws: to wss: is followed, and messages come over TLS", async () => {
  await using server = await RawServer.start();
  await using secure = await RawServer.start({ tls: true });
  const socket = connect(server, "/a", { maxRedirects: 1, tls: { ca: certificates().ca } });
  const text = message(socket), open = opened(socket);
  await answer(server, redirect(secure.url("/b", "localhost").replace("wss:", "https:")));
  const peer = await secure.connection();
  await peer.accept({ then: frame(Opcode.text, "safe") });
  await open;
  assertEquals(await text, "safe");
  socket.send("x".repeat(300_000));
  assertEquals((await peer.frame())?.payload.length, 300_000);
  socket.terminate();
});

test("wss: to ws: is not followed", async () => {
  await using server = await RawServer.start();
  await using secure = await RawServer.start({ tls: true });
  const url = secure.url("/a", "localhost");
  const failure = failed(new CurlWebSocket(url, { maxRedirects: 1, tls: { ca: certificates().ca }, proxy: false }));
  await answer(secure, redirect(server.url("/b")));
  const { error } = await failure;
  assertEquals(error.code, "ERR_HANDSHAKE_REDIRECT");
  assertMatch(error.message, /from wss: to ws:, without TLS$/);
});

test("neither is another scheme, nor what is no redirect", async () => {
  await using server = await RawServer.start();
  for (const [location, why] of [["ftp://127.0.0.1/", /scheme/], ["http://[", /not a URL/]] as const) {
    const failure = failed(connect(server, "/a", { maxRedirects: 5 }));
    await answer(server, redirect(location));
    const { error } = await failure;
    assertEquals(error.code, "ERR_HANDSHAKE_REDIRECT");
    assertMatch(error.message, why);
  }
  const failure = failed(connect(server, "/a", { maxRedirects: 5 }));
  await answer(server, redirect("/b", 300));
  assertEquals((await failure).error.status, 300);
});

test("Digest after a redirect answers the challenge of where it led", async () => {
  await using server = await RawServer.start();
  const auth = { username: "joe", password: "secret", type: "digest" } as const;
  const socket = connect(server, "/a", { maxRedirects: 1, auth });
  const open = opened(socket);
  const challenge = (nonce: string) =>
    `HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="${nonce}", qop="auth"\r\nContent-Length: 0\r\n\r\n`;
  await answer(server, challenge("n1"));
  assertMatch(line(await answer(server, redirect("/b")), "Authorization")!, /nonce="n1", uri="\/a"/);
  assertEquals(line(await answer(server, challenge("n2")), "Authorization"), undefined);
  const request = await (await server.connection()).accept();
  assertMatch(line(request, "Authorization")!, /nonce="n2", uri="\/b"/);
  await open;
  socket.terminate();
});

test("each connection has its own time-out", async () => {
  await using server = await RawServer.start();
  const failure = failed(connect(server, "/a", { maxRedirects: 1, handshakeTimeout: 200 }));
  await answer(server, redirect("/b"));
  await (await server.connection()).request();
  assertEquals((await failure).error.code, "ERR_HANDSHAKE_TIMEOUT");
});

test("an attempt's time-out that passes between two attempts ends neither", async () => {
  await using server = await RawServer.start();
  const handshakeTimeout = 1500;
  let calls = 0;
  // The thread is busy from the redirect until after the first attempt's time-out.
  const block = () => {
    const end = performance.now() + handshakeTimeout + 50;
    if (calls++ === 0) { while (performance.now() < end); }
  };
  subscribe("curlws:handshake", block);
  try {
    const socket = connect(server, "/a", { maxRedirects: 1, handshakeTimeout });
    const open = opened(socket);
    await answer(server, redirect("/b"));
    await (await server.connection()).accept();
    await open;
    socket.terminate();
    assertEquals(calls, 2);
  } finally {
    unsubscribe("curlws:handshake", block);
  }
});

test("close() between two connections", async () => {
  await using server = await RawServer.start();
  const socket = connect(server, "/a", { maxRedirects: 1 });
  const failure = failed(socket);
  await answer(server, redirect("/b"));
  await (await server.connection()).request();
  socket.close();
  assertEquals((await failure).error.code, "ERR_ABORTED");
});

test("maxRedirects is an integer from 0 to 100", () => {
  for (
    const [maxRedirects, error] of [[-1, RangeError], [1.5, RangeError], [101, RangeError], ["1", TypeError]] as const
  ) {
    const make = () => new CurlWebSocket("ws://127.0.0.1:9/", { maxRedirects: maxRedirects as number });
    assertThrows(make, error, "maxRedirects must be");
  }
});
