import { assert, assertEquals, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketError, type CurlWebSocketInit, libcurl } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { failed, message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { libcurlNamed, whyNoLibcurl, whyNoSocks } from "../support/libcurls.ts";
import { ProxyServer, type ProxyServerOptions } from "../support/proxy_server.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** Those of some schemes that the libcurl in use takes. */
const taken = <Scheme extends string>(schemes: readonly Scheme[]) =>
  schemes.filter((scheme) => !scheme.startsWith("socks") || whyNoSocks() === undefined);
const noSocks = whyNoSocks();

const SECRET = "s3cret:/@?%";

/** Opens a socket and sees one message come back. */
async function echoes(url: string, options: CurlWebSocketInit): Promise<CurlWebSocket> {
  const socket = new CurlWebSocket(url, options);
  await opened(socket);
  socket.send("there and back");
  assertEquals(await message(socket), "there and back");
  return socket;
}

/** The error of a socket through a proxy; no part of it may hold the password. */
async function refused(url: string, options: CurlWebSocketInit): Promise<CurlWebSocketError> {
  const { error } = await failed(new CurlWebSocket(url, options));
  const everything = `${error.message} ${error.curlMessage} ${error.stack} ${error.cause} ${
    JSON.stringify(error.headers)
  }`;
  assert(!everything.includes(SECRET) && !everything.includes(encodeURIComponent(SECRET)), everything);
  return error;
}

for (const tls of [false, true]) {
  const target = tls ? "wss" : "ws";
  for (const scheme of ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]) {
    test(`${target} through a proxy of the scheme ${scheme}`, async () => {
      await using server = await WsServer.start({ tls });
      await using proxy = await ProxyServer.start({ tls: scheme === "https" });
      const { ca } = certificates();
      await using socket = await echoes(server.url("/echo", "localhost"), {
        tls: { ca },
        proxy: {
          url: `${scheme}://127.0.0.1:${proxy.port}`,
          noProxy: "",
          ...(scheme === "https" ? { tls: { ca } } : {}),
        },
        ipVersion: 4,
      });
      const [request] = proxy.requests;
      const named = ["http", "https", "socks4a", "socks5h"].includes(scheme);
      assertEquals([request?.host, request?.port], [named ? "localhost" : "127.0.0.1", server.port]);
      assertEquals(request?.protocol, scheme.replace("https", "http").replace("5h", "5"));
      assertEquals(socket.connection?.proxy, `${scheme}://127.0.0.1:${proxy.port}`);
      assertEquals(socket.connection?.remotePort, proxy.port);
      assertEquals(socket.connection?.tls?.alpn, tls ? "http/1.1" : undefined);
    }, { skip: scheme.startsWith("socks") ? noSocks : undefined });
  }
}

test("username and password go to an HTTP proxy, from the URL and from the option", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "me", password: SECRET });
  const at = `127.0.0.1:${proxy.port}`, url = server.url("/echo");
  for (
    const given of [
      `http://me:${encodeURIComponent(SECRET)}@${at}`,
      new URL(`http://me:${encodeURIComponent(SECRET)}@${at}`),
      `me:${encodeURIComponent(SECRET)}@${at}`,
      { url: `http://${at}`, username: "me", password: SECRET },
      { url: `http://other:wrong@${at}`, username: "me", password: SECRET, auth: "basic" as const },
      { url: at, username: "me", password: SECRET, auth: "any" as const },
    ]
  ) {
    await using _socket = await echoes(url, { proxy: given });
    assertEquals(proxy.requests.at(-1)?.username, "me");
    assert(!_socket.connection!.proxy!.includes("me"), _socket.connection!.proxy!);
  }
});

test("a SOCKS proxy at a Unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-proxy-"));
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ path: join(folder, "socks") });
  await using socket = await echoes(server.url("/echo"), { proxy: `socks5h://localhost${join(folder, "socks")}` });
  assertEquals(proxy.requests[0]?.port, server.port);
  assertEquals(socket.connection?.proxy, `socks5h://localhost${join(folder, "socks")}`);
  rmSync(folder, { recursive: true });
}, { skip: process.platform === "win32" ? "Node's own are pipes there" : noSocks });

test("SOCKS with libcurl 7.68, which would stop the thread, is refused", async () => {
  const library = libcurlNamed("7.68")!;
  for (
    const options of [
      { proxy: "socks5h://127.0.0.1:9" },
      { proxy: "http://127.0.0.1:9", curlOptions: { PRE_PROXY: "socks5h://127.0.0.1:9" } },
    ]
  ) {
    const error = await refused("ws://127.0.0.1:9/", { library, ...options });
    assertEquals(error.code, "ERR_LIBCURL");
    assert(error.message.includes("is SOCKS, which needs libcurl 7.69, and this is 7.68.0"), error.message);
  }
}, { skip: whyNoLibcurl("7.68") });

test("username and password go to SOCKS5, the username to SOCKS4", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "me", password: SECRET });
  for (const [url, password] of [["socks5", SECRET], ["socks5h", SECRET], ["socks4", undefined]] as const) {
    await using _socket = await echoes(server.url("/echo"), {
      proxy: { url: `${url}://127.0.0.1:${proxy.port}`, username: "me", password },
    });
    assertEquals(proxy.requests.at(-1)?.username, "me");
  }
}, { skip: noSocks });

test("credentials that a proxy wants or refuses are ERR_PROXY_AUTH", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "me", password: "right" });
  for (const scheme of taken(["http", "socks5h", "socks4"])) {
    const at = `${scheme}://127.0.0.1:${proxy.port}`;
    const none = await refused(server.url("/echo"), { proxy: at });
    assertEquals([scheme, none.code], [scheme, "ERR_PROXY_AUTH"]);
    assert(none.message.includes("wants to know who asks"), none.message);
    const password = scheme === "socks4" ? undefined : SECRET;
    const wrong = await refused(server.url("/echo"), { proxy: { url: at, username: "him", password } });
    assertEquals([scheme, wrong.code], [scheme, "ERR_PROXY_AUTH"]);
    assert(wrong.message.includes("does not accept username and password"), wrong.message);
    assert(wrong.message.includes(at), wrong.message);
    if (scheme !== "http") continue;
    assertEquals(none.status, 407);
    assert(none.message.includes("it takes Basic"), none.message);
    assertEquals(none.headers?.[0], ["Proxy-Authenticate", 'Basic realm="test"']);
  }
});

test("a proxy that takes no Basic is told apart", async () => {
  await using proxy = await ProxyServer.start({
    answer: 'HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm="x", nonce="y"\r\nContent-Length: 0\r\n\r\n',
  });
  const options = { url: `http://127.0.0.1:${proxy.port}`, username: "me", password: SECRET };
  const { code, message: text } = await refused("ws://127.0.0.1:9/", { proxy: options });
  assertEquals(code, "ERR_PROXY_AUTH");
  assert(text.includes("it takes Digest") && text.includes("set its auth: it was basic"), text);
});

test("auth negotiate without a ticket is ERR_PROXY_AUTH, and named where libcurl has none", async () => {
  await using proxy = await ProxyServer.start({
    answer: "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
  });
  const url = `http://127.0.0.1:${proxy.port}`;
  const error = await refused("ws://127.0.0.1:9/", { proxy: { url, auth: "negotiate" } });
  if (libcurl().features.includes("SPNEGO")) {
    assertEquals(error.code, "ERR_PROXY_AUTH");
    assert(error.message.includes("it takes Negotiate"), error.message);
  } else {
    assertEquals(error.code, "ERR_LIBCURL");
    assert(error.message.includes("refuses the option CURLOPT_PROXYAUTH"), error.message);
  }
});

test("a proxy that refuses is ERR_PROXY with its own words", async () => {
  await using proxy = await ProxyServer.start({
    answer: "HTTP/1.1 403 Not For You\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 2\r\n\r\nno",
  });
  const error = await refused("wss://example.invalid/", {
    proxy: { url: `http://127.0.0.1:${proxy.port}`, username: "me", password: SECRET, noProxy: "" },
  });
  assertEquals([error.code, error.status], ["ERR_PROXY", 403]);
  assert(
    error.message.includes("does not connect to example.invalid: 403 Not For You (ERR_ACCESS_DENIED 0)"),
    error.message,
  );
  assertEquals(error.headers?.[0], ["X-Squid-Error", "ERR_ACCESS_DENIED 0"]);
});

for (
  const [name, scheme, options, code] of [
    ["101", "http", { answer: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" }, "ERR_PROXY"],
    ["a redirect", "http", { answer: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n" }, "ERR_PROXY"],
    ["garbage", "http", { answer: "\0\x01\x02 what?\r\n\r\n" }, "ERR_PROXY"],
    ["nothing", "http", { answer: "" }, "ERR_PROXY"],
    ["half a header", "http", { answer: "HTTP/1.1 200 OK\r\nX-Part: 1" }, "ERR_PROXY"],
    ["502 without a header's end", "http", { answer: "HTTP/1.1 502 Bad Gateway\r\n" }, "ERR_PROXY"],
    ["HTTP", "socks5", { answer: "HTTP/1.1 400 Bad Request\r\n\r\n" }, "ERR_PROXY"],
    ["HTTP", "socks4", { answer: "HTTP/1.1 400 Bad Request\r\n\r\n" }, "ERR_PROXY"],
    ["nothing", "socks5", { answer: "" }, "ERR_PROXY"],
    ["a reply of 2", "socks5", { reply: 2 }, "ERR_PROXY"],
    ["a reply of 5", "socks5h", { reply: 5 }, "ERR_PROXY"],
    ["a reply of 91", "socks4", { reply: 91 }, "ERR_PROXY"],
  ] as [string, string, ProxyServerOptions, string][]
) {
  test(`a ${scheme} proxy that answers with ${name} is ${code}`, async () => {
    await using proxy = await ProxyServer.start(options);
    const error = await refused("ws://127.0.0.1:9/", {
      proxy: { url: `${scheme}://127.0.0.1:${proxy.port}` },
      connectTimeout: 5_000,
    });
    assertEquals(error.code, code);
    assert(error.message.includes(`${scheme}://127.0.0.1:${proxy.port}`), error.message);
  }, { skip: scheme.startsWith("socks") ? noSocks : undefined });
}

test("SOCKS replies are told in words", async () => {
  for (
    const [scheme, reply, words] of [
      ["socks5", 2, "the proxy's rules do not allow it"],
      ["socks4", 91, "the proxy rejects the request, or cannot reach the server"],
    ] as const
  ) {
    await using proxy = await ProxyServer.start({ reply });
    const { message: text } = await refused("ws://127.0.0.1:9/", { proxy: `${scheme}://127.0.0.1:${proxy.port}` });
    assert(text.includes(words), text);
  }
}, { skip: noSocks });

const CHALLENGE = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm="x", nonce="y"\r\n';
const ENDLESS: Record<string, { answer: string; code: string; status: number | undefined }> = {
  "a body that is announced": {
    answer: `${CHALLENGE}Content-Length: 99999999999\r\n\r\n${"x".repeat(1 << 20)}`,
    code: "ERR_PROXY_AUTH",
    status: 407,
  },
  "a chunked body": {
    answer: `${CHALLENGE}Transfer-Encoding: chunked\r\n\r\n${`400\r\n${"x".repeat(1024)}\r\n`.repeat(1000)}`,
    code: "ERR_PROXY_AUTH",
    status: 407,
  },
  "a chunk's size": {
    answer: `${CHALLENGE}Transfer-Encoding: chunked\r\n\r\n5;${"x".repeat(1 << 20)}`,
    code: "ERR_PROXY_AUTH",
    status: 407,
  },
  "fields": { answer: `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(200_000)}`, code: "ERR_PROXY", status: 200 },
  "a field": { answer: `HTTP/1.1 200 OK\r\nX: ${"y".repeat(1 << 20)}`, code: "ERR_PROXY", status: 200 },
};

for (const [name, { answer, code, status }] of Object.entries(ENDLESS)) {
  for (const auth of ["basic", "digest"] as const) {
    test(`a proxy whose answer has no end, ${name}, is left, and is not taken for the server; auth: ${auth}`, async () => {
      await using proxy = await ProxyServer.start({ answer });
      const error = await refused("ws://127.0.0.1:9/", {
        proxy: { url: `http://127.0.0.1:${proxy.port}`, username: "me", password: SECRET, auth },
      });
      assertEquals([error.code, error.status], [code, status]);
      assert(error.message.startsWith(`the proxy http://127.0.0.1:${proxy.port} `), error.message);
      // With Basic, libcurl does not read the body of a second refusal; it has bounds of its own for fields, which vary.
      const whole = auth === "digest" && code === "ERR_PROXY_AUTH";
      if (whole) assert(error.message.includes("its answer has no end"), error.message);
    });
  }
}

test("a proxy that is not there is ERR_PROXY_CONNECT, whatever its scheme", async () => {
  const port = await closedPort();
  for (const scheme of taken(["http", "https", "socks4", "socks5h"])) {
    const error = await refused("ws://127.0.0.1:9/", { proxy: `${scheme}://127.0.0.1:${port}` });
    assertEquals([scheme, error.code], [scheme, "ERR_PROXY_CONNECT"]);
    assert(error.message.includes(`${scheme}://127.0.0.1:${port} cannot be reached`), error.message);
  }
});

test("a proxy whose host is unknown is ERR_PROXY_CONNECT", async () => {
  const { code, message: text } = await refused("ws://127.0.0.1:9/", { proxy: "http://proxy.invalid:3128" });
  assertEquals(code, "ERR_PROXY_CONNECT");
  assert(text.includes("the host of the proxy http://proxy.invalid:3128 is unknown"), text);
}, { timeout: 30_000 });

test("a proxy that stays silent is told of with connectTimeout", async () => {
  await using server = await WsServer.start();
  // It takes SOCKS5's greeting for the beginning of something longer.
  await using silent = await ProxyServer.start();
  const error = await refused(server.url("/echo"), {
    connectTimeout: 200,
    proxy: `https://127.0.0.1:${silent.port}`,
  });
  assert(error.code === "ERR_CONNECT_TIMEOUT" || error.code === "ERR_TLS", error.code);
  assert(error.message.includes(`https://127.0.0.1:${silent.port}`), error.message);
});

test("a percent sign that begins no octet stands for itself in the environment, as in curl, but not in the option", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "100%", password: "%zz A%" });
  const url = `http://100%:%zz%20%41%@127.0.0.1:${proxy.port}`;
  await withEnvironment({ http_proxy: url }, async () => {
    await using _socket = await echoes(server.url("/echo"), {});
    assertEquals(proxy.requests.map(({ username }) => username), ["100%"]);
  });
  assertThrows(() => new CurlWebSocket(server.url("/echo"), { proxy: url }), TypeError, "percent-encoded");
  for (const wrong of ["%00", "%0d", "%ff"]) {
    await withEnvironment({ http_proxy: `http://u:${wrong}@127.0.0.1:${proxy.port}` }, async () => {
      assertEquals((await failed(new CurlWebSocket(server.url("/echo")))).error.code, "ERR_PROXY");
    });
  }
});

test("any legal field goes to the proxy, also those that a WebSocket's request has for itself", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start();
  const url = `http://127.0.0.1:${proxy.port}`;
  const headers = { Connection: "keep-alive", Upgrade: "h2c", "Sec-WebSocket-Protocol": "x" };
  await using _socket = await echoes(server.url("/echo"), { proxy: { url, headers } });
  const { head } = proxy.requests[0]!;
  for (const [name, value] of Object.entries(headers)) assert(head.includes(`\r\n${name}: ${value}\r\n`), head);
  for (const wrong of [{ "a b": "1" }, { a: "1\r\nb: 2" }] as Record<string, string>[]) {
    const proxy = { url, headers: wrong };
    assertThrows(() => new CurlWebSocket(server.url("/echo"), { proxy }), TypeError, "proxy.headers: ");
  }
});

test("proxy headers go to the proxy alone", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start();
  await using socket = new CurlWebSocket(server.url("/headers"), {
    proxy: { url: `http://127.0.0.1:${proxy.port}`, headers: [["X-Team", "blue"], ["X-Empty", ""]] },
  });
  const headers = await message(socket) as string;
  const { head } = proxy.requests[0]!;
  assert(/^X-Team: blue\r$/m.test(head) && /^X-Empty:\s*$/m.test(head), head);
  assert(!headers.includes("X-Team"), headers);
});

test("an https proxy's certificate is checked by proxy.tls, not by tls", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ tls: true });
  const url = `https://localhost:${proxy.port}`, { ca } = certificates();
  const error = await refused(server.url("/echo"), { proxy: { url, noProxy: "" }, tls: { ca } });
  assertEquals(error.code, "ERR_TLS");
  assert(
    error.message.includes(`certificate of ${url}`) && error.message.includes("proxy: { tls: { ca } }"),
    error.message,
  );
  await using _socket = await echoes(server.url("/echo"), { proxy: { url, tls: { verify: false } } });
});

test("messages through an https proxy come whole, though libcurl reads ahead of what it gives", async () => {
  // The proxy's TLS alone: no poll tells of records that libcurl has already taken from the socket.
  const { ca } = certificates();
  await using server = await RawServer.start();
  await using proxy = await ProxyServer.start({ tls: true });
  const socket = new CurlWebSocket(server.url(), {
    proxy: { url: `https://localhost:${proxy.port}`, tls: { ca }, noProxy: "" },
    perMessageDeflate: false,
  });
  const open = opened(socket);
  const peer = await server.connection();
  await peer.accept();
  await open;
  for (const size of [40_000, 60_000, 300_000, 20_000]) {
    const got = message(socket);
    await peer.send(frame(Opcode.text, "x".repeat(size)));
    // Nothing more comes that could set it free.
    assertEquals(((await got) as string).length, size);
  }
  socket.terminate();
});

test("noProxy takes hosts out", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start();
  for (const [noProxy, through] of [["127.0.0.0/8", 0], ["example.com, localhost", 1], ["*", 1], ["", 2]] as const) {
    await using socket = await echoes(server.url("/echo"), {
      proxy: { url: `http://127.0.0.1:${proxy.port}`, noProxy },
    });
    assertEquals([noProxy, proxy.connections], [noProxy, through]);
    assertEquals(socket.connection?.proxy === null, noProxy.startsWith("127") || noProxy === "*");
  }
});

/** Runs with other variables in the environment. */
async function withEnvironment(variables: Record<string, string>, run: () => Promise<void>): Promise<void> {
  const names = ["ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"];
  const all = names.flatMap((name) => [name, name.toUpperCase()]);
  const before = all.map((name) => [name, process.env[name]] as const);
  for (const name of all) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    await run();
  } finally {
    for (const name of all) delete process.env[name];
    for (const [name, value] of before) if (value !== undefined) process.env[name] = value;
  }
}

test("the environment names the proxy, by curl's rules", async () => {
  await using plain = await WsServer.start();
  await using secure = await WsServer.start({ tls: true });
  await using proxy = await ProxyServer.start();
  await using other = await ProxyServer.start();
  const tls = { ca: certificates().ca };
  const right = `http://127.0.0.1:${proxy.port}`, wrong = `http://127.0.0.1:${other.port}`;
  const cases: [variables: Record<string, string>, server: WsServer, through: boolean][] = [
    [{ http_proxy: right, https_proxy: wrong }, plain, true],
    [{ https_proxy: right, http_proxy: wrong }, secure, true],
    [{ HTTPS_PROXY: right }, secure, true],
    [{ HTTP_PROXY: wrong }, plain, false],
    [{ ws_proxy: right, http_proxy: wrong, all_proxy: wrong }, plain, true],
    [{ wss_proxy: right, https_proxy: wrong }, secure, true],
    [{ all_proxy: `${taken(["socks5h", "http"])[0]}://127.0.0.1:${proxy.port}` }, secure, true],
    [{ ALL_PROXY: right }, plain, true],
    [{ http_proxy: "", all_proxy: right }, plain, true],
    [{ http_proxy: wrong, no_proxy: "", NO_PROXY: "*" }, plain, false],
    [{ http_proxy: wrong, no_proxy: "127.0.0.1" }, plain, false],
    [{ https_proxy: wrong, NO_PROXY: "localhost,127.0.0.1" }, secure, false],
    [{}, plain, false],
  ];
  for (const [variables, server, through] of cases) {
    await withEnvironment(variables, async () => {
      const before = proxy.connections;
      await using socket = await echoes(server.url("/echo"), { tls });
      const what = JSON.stringify(variables);
      assertEquals([what, proxy.connections - before, other.connections], [what, through ? 1 : 0, 0]);
      assertEquals([what, socket.connection?.proxy !== null], [what, through]);
    });
  }
});

test("proxy: false and the option go before the environment", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start();
  const environment = { ws_proxy: `http://127.0.0.1:${await closedPort()}` };
  await withEnvironment(environment, async () => {
    await using _direct = await echoes(server.url("/echo"), { proxy: false });
    await using _option = await echoes(server.url("/echo"), { proxy: `http://127.0.0.1:${proxy.port}` });
    assertEquals(proxy.connections, 1);
    const error = await refused(server.url("/echo"), {});
    assertEquals(error.code, "ERR_PROXY_CONNECT");
    assert(error.message.includes("from the environment's ws_proxy; proxy: false goes without"), error.message);
  });
  await withEnvironment({ ws_proxy: `gopher://me:${encodeURIComponent(SECRET)}@x` }, async () => {
    const error = await refused(server.url("/echo"), {});
    assertEquals(error.code, "ERR_PROXY");
    assert(error.message.includes("ws_proxy: a proxy's scheme must be one of"), error.message);
  });
});

test("what is no proxy is refused by the constructor, without the password", () => {
  const bad: [CurlWebSocketInit["proxy"], string][] = [
    ["", "must be the URL of a proxy"],
    [`ftp://me:${SECRET}@host`, '"ftp"'],
    [`http://me:${SECRET}@[1::`, "is no URL"],
    ["http://host:3128/path", "ends with its port"],
    ["http://host:0", "port"],
    ["http://a%ff:b@host:1", "percent-encoded"],
    [5 as never, "proxy must be a URL, false or an object, not number"],
    [null as never, "proxy must be a URL, false or an object, not null"],
    [{ url: "http://host:1", user: "x" } as never, "unknown proxy option user"],
    [{ url: "http://host:1", username: 5 } as never, "proxy.username"],
    [{ url: "http://host:1", username: "a\r\nb", password: SECRET }, "without control characters"],
    [`http://a%0d%0ab:${encodeURIComponent(SECRET)}@host:1`, "without control characters"],
    [{ url: "http://host:1", password: SECRET }, "proxy.password needs proxy.username"],
    [{ url: "http://host:1", auth: "bearer" } as never, "proxy.auth"],
    [{ url: "http://host:1", auth: "digest" }, "needs proxy.username"],
    [{ url: "http://host:1", headers: { "a b": "c" } }, "header name"],
    [{ url: "http://host:1", tls: {} }, "proxy.tls is for https proxies"],
    [{ url: "https://host:1", tls: { serverName: "x" } } as never, "serverName"],
    [{ url: "socks4://host:1", username: "u", password: SECRET }, "SOCKS4 has none"],
    [{ url: "socks5://host:1", username: "u", password: SECRET, auth: "digest" }, "not for socks5"],
    [{ url: "socks5://host:1", headers: { a: "b" } }, "proxy.headers"],
    [{ url: "http://host:1", noProxy: 5 } as never, "proxy.noProxy"],
  ];
  for (const [proxy, words] of bad) {
    const error = assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { proxy }), TypeError, words);
    assert(!(error as Error).message.includes(SECRET), (error as Error).message);
  }
  assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { proxy: "http://h:1", unixSocket: "/x" }), TypeError);
  const long = { url: "socks5://host:1", username: "u".repeat(256), password: SECRET };
  assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { proxy: long }), RangeError, "255 bytes");
});
