import { assert, assertEquals, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketInit } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { libcurlNamed, whyNoLibcurl } from "../support/libcurls.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { echoes, noSocks, refused, SECRET } from "./proxy_support.ts";

for (const tls of [false, true]) {
  const target = tls ? "wss" : "ws";
  for (const scheme of ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]) {
    test(`${target} through a ${scheme} proxy`, async () => {
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

test("an HTTP proxy gets username and password, from the URL and from the option", async () => {
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

test("a SOCKS proxy at a Unix socket works", async () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-proxy-"));
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ path: join(folder, "socks") });
  await using socket = await echoes(server.url("/echo"), { proxy: `socks5h://localhost${join(folder, "socks")}` });
  assertEquals(proxy.requests[0]?.port, server.port);
  assertEquals(socket.connection?.proxy, `socks5h://localhost${join(folder, "socks")}`);
  rmSync(folder, { recursive: true });
}, { skip: process.platform === "win32" ? "Node's own are pipes there" : noSocks });

test("SOCKS is an error with libcurl 7.68, which would block the thread", async () => {
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

test("SOCKS5 gets username and password, SOCKS4 the username", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "me", password: SECRET });
  for (const [url, password] of [["socks5", SECRET], ["socks5h", SECRET], ["socks4", undefined]] as const) {
    await using _socket = await echoes(server.url("/echo"), {
      proxy: { url: `${url}://127.0.0.1:${proxy.port}`, username: "me", password },
    });
    assertEquals(proxy.requests.at(-1)?.username, "me");
  }
}, { skip: noSocks });

test("proxy.headers may have any legal field, even those that a WebSocket's request sets itself", async () => {
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

test("proxy.headers go to the proxy only", async () => {
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

test("messages through an https proxy arrive complete, though libcurl reads ahead", async () => {
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

test("noProxy excludes hosts", async () => {
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

test("an invalid proxy is a TypeError, without the password", () => {
  const bad: [CurlWebSocketInit["proxy"], string][] = [
    ["", "must be the URL of a proxy"],
    [`ftp://me:${SECRET}@host`, '"ftp"'],
    [`http://me:${SECRET}@[1::`, "is not a URL"],
    ["http://host:3128/path", "must end with its port"],
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
    [{ url: "socks4://host:1", username: "u", password: SECRET }, "SOCKS4 has no passwords"],
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
