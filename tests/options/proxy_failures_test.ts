/** What a proxy can do wrong, and the error that a socket then has. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocket, libcurl } from "../../mod.ts";
import { ProxyServer, type ProxyServerOptions } from "../support/proxy_server.ts";
import { closedPort } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { noSocks, refused, SECRET, taken } from "./proxy_support.ts";

test("missing and rejected proxy credentials are ERR_PROXY_AUTH", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "me", password: "right" });
  for (const scheme of taken(["http", "socks5h", "socks4"])) {
    const at = `${scheme}://127.0.0.1:${proxy.port}`;
    const none = await refused(server.url("/echo"), { proxy: at });
    assertEquals([scheme, none.code], [scheme, "ERR_PROXY_AUTH"]);
    assert(none.message.includes("wants a username and password"), none.message);
    const password = scheme === "socks4" ? undefined : SECRET;
    const wrong = await refused(server.url("/echo"), { proxy: { url: at, username: "him", password } });
    assertEquals([scheme, wrong.code], [scheme, "ERR_PROXY_AUTH"]);
    assert(wrong.message.includes("does not accept username and password"), wrong.message);
    assert(wrong.message.includes(at), wrong.message);
    if (scheme !== "http") continue;
    assertEquals(none.status, 407);
    assert(none.message.includes("it accepts Basic"), none.message);
    assertEquals(none.headers?.[0], ["Proxy-Authenticate", 'Basic realm="test"']);
  }
});

test("a proxy that does not accept Basic is an error that says what it accepts", async () => {
  await using proxy = await ProxyServer.start({
    response: 'HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm="x", nonce="y"\r\nContent-Length: 0\r\n\r\n',
  });
  const options = { url: `http://127.0.0.1:${proxy.port}`, username: "me", password: SECRET };
  const { code, message: text } = await refused("ws://127.0.0.1:9/", { proxy: options });
  assertEquals(code, "ERR_PROXY_AUTH");
  assert(text.includes("it accepts Digest") && text.includes("set its auth: it was basic"), text);
});

test("auth negotiate without a ticket is ERR_PROXY_AUTH, and ERR_LIBCURL if libcurl lacks it", async () => {
  await using proxy = await ProxyServer.start({
    response: "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
  });
  const url = `http://127.0.0.1:${proxy.port}`;
  const error = await refused("ws://127.0.0.1:9/", { proxy: { url, auth: "negotiate" } });
  if (libcurl().features.includes("SPNEGO")) {
    assertEquals(error.code, "ERR_PROXY_AUTH");
    assert(error.message.includes("it accepts Negotiate"), error.message);
  } else {
    assertEquals(error.code, "ERR_LIBCURL");
    assert(error.message.includes("refuses the option CURLOPT_PROXYAUTH"), error.message);
  }
});

test("a proxy that refuses is ERR_PROXY with the proxy's own text", async () => {
  await using proxy = await ProxyServer.start({
    response: "HTTP/1.1 403 Not For You\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 2\r\n\r\nno",
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
    ["101", "http", { response: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" }, "ERR_PROXY"],
    ["a redirect", "http", { response: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n" }, "ERR_PROXY"],
    ["garbage", "http", { response: "\0\x01\x02 what?\r\n\r\n" }, "ERR_PROXY"],
    ["nothing", "http", { response: "" }, "ERR_PROXY"],
    ["half a header", "http", { response: "HTTP/1.1 200 OK\r\nX-Part: 1" }, "ERR_PROXY"],
    ["502 without a header's end", "http", { response: "HTTP/1.1 502 Bad Gateway\r\n" }, "ERR_PROXY"],
    ["HTTP", "socks5", { response: "HTTP/1.1 400 Bad Request\r\n\r\n" }, "ERR_PROXY"],
    ["HTTP", "socks4", { response: "HTTP/1.1 400 Bad Request\r\n\r\n" }, "ERR_PROXY"],
    ["nothing", "socks5", { response: "" }, "ERR_PROXY"],
    ["a reply of 2", "socks5", { reply: 2 }, "ERR_PROXY"],
    ["a reply of 5", "socks5h", { reply: 5 }, "ERR_PROXY"],
    ["a reply of 91", "socks4", { reply: 91 }, "ERR_PROXY"],
  ] as [string, string, ProxyServerOptions, string][]
) {
  test(`a ${scheme} proxy that responds with ${name} is ${code}`, async () => {
    await using proxy = await ProxyServer.start(options);
    const error = await refused("ws://127.0.0.1:9/", {
      proxy: { url: `${scheme}://127.0.0.1:${proxy.port}` },
      connectTimeout: 5_000,
    });
    assertEquals(error.code, code);
    assert(error.message.includes(`${scheme}://127.0.0.1:${proxy.port}`), error.message);
  }, { skip: scheme.startsWith("socks") ? noSocks : undefined });
}

test("the error explains a SOCKS reply in words", async () => {
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
const ENDLESS: Record<string, { response: string; code: string; status: number | undefined }> = {
  "a body that is announced": {
    response: `${CHALLENGE}Content-Length: 99999999999\r\n\r\n${"x".repeat(1 << 20)}`,
    code: "ERR_PROXY_AUTH",
    status: 407,
  },
  "a chunked body": {
    response: `${CHALLENGE}Transfer-Encoding: chunked\r\n\r\n${`400\r\n${"x".repeat(1024)}\r\n`.repeat(1000)}`,
    code: "ERR_PROXY_AUTH",
    status: 407,
  },
  "a chunk's size": {
    response: `${CHALLENGE}Transfer-Encoding: chunked\r\n\r\n5;${"x".repeat(1 << 20)}`,
    code: "ERR_PROXY_AUTH",
    status: 407,
  },
  "fields": { response: `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(200_000)}`, code: "ERR_PROXY", status: 200 },
  "a field": { response: `HTTP/1.1 200 OK\r\nX: ${"y".repeat(1 << 20)}`, code: "ERR_PROXY", status: 200 },
};

for (const [name, { response, code, status }] of Object.entries(ENDLESS)) {
  for (const auth of ["basic", "digest"] as const) {
    test(`an endless response of a proxy, ${name}, is the proxy's error, not the server's; auth: ${auth}`, async () => {
      await using proxy = await ProxyServer.start({ response });
      const error = await refused("ws://127.0.0.1:9/", {
        proxy: { url: `http://127.0.0.1:${proxy.port}`, username: "me", password: SECRET, auth },
      });
      assertEquals([error.code, error.status], [code, status]);
      assert(error.message.startsWith(`the proxy http://127.0.0.1:${proxy.port} `), error.message);
      // With Basic, libcurl does not read the body of a second refusal; it has bounds of its own for fields, which vary.
      const whole = auth === "digest" && code === "ERR_PROXY_AUTH";
      if (whole) assert(error.message.includes("its response has no end"), error.message);
    });
  }
}

test("a proxy that cannot be reached is ERR_PROXY_CONNECT, whatever its scheme", async () => {
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

test("a proxy that stays silent is named in the error of connectTimeout", async () => {
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

test("a wrong scheme is named in the error, unless it may be a part of a password", () => {
  for (const [url, shown] of [["gopher://proxy", true], ["joe:pa://ss@proxy:1", false]] as const) {
    const error = assertThrows(
      () => new CurlWebSocket("ws://127.0.0.1:1/", { proxy: url }),
      TypeError,
      "scheme must be one of",
    );
    assertEquals(error.message.includes(url.slice(0, url.indexOf("://"))), shown, error.message);
  }
});
