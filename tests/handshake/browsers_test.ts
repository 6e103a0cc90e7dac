import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  BARE_NAMES,
  type Browser,
  BROWSERS,
  browsersNamed,
  fetchSite,
  offersClientWindow,
  pageOrigin,
} from "../../src/handshake/browsers.ts";
import type { HandshakeOffer } from "../../src/handshake/agreement.ts";
import type { HeaderList } from "../../src/handshake/fields.ts";
import { buildRequest, type RequestExtras } from "../../src/handshake/request.ts";
import { test } from "../support/testing.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const deflate = (clientMaxWindowBits: true | null): HandshakeOffer["deflate"] => ({
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: null,
  clientMaxWindowBits,
});

function named(target: string): Browser {
  return browsersNamed(target)[0]!;
}

function lines(
  target: string,
  { url = "wss://stream.example.com/feed?x=1", headers = [], offer, ...extras }: {
    url?: string;
    headers?: HeaderList;
    offer?: HandshakeOffer;
  } & RequestExtras = {},
): string[] {
  const browser = named(target);
  const offered = offer ?? { protocols: [], deflate: deflate(offersClientWindow(target) || null) };
  const bytes = buildRequest(new URL(url), KEY, offered, headers, { ...extras, browser });
  const text = String.fromCharCode(...bytes);
  assert(text.endsWith("\r\n\r\n"));
  return text.slice(0, -4).split("\r\n");
}

test("Chrome's handshake, byte for byte", () => {
  assertEquals(lines("chrome152", { origin: "https://www.example.com", cookie: "a=1; b=2" }), [
    "GET /feed?x=1 HTTP/1.1",
    "Host: stream.example.com",
    "Connection: Upgrade",
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/152.0.0.0 Safari/537.36",
    "Upgrade: websocket",
    "Origin: https://www.example.com",
    "Sec-WebSocket-Version: 13",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-US,en;q=0.9",
    "Cookie: a=1; b=2",
    `Sec-WebSocket-Key: ${KEY}`,
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
  ]);
});

test("Edge's is Chrome's under its own name, with subprotocols last", () => {
  const offer = { protocols: ["chat", "superchat"], deflate: deflate(true) };
  assertEquals(lines("edge101", { origin: "https://www.example.com", offer }), [
    "GET /feed?x=1 HTTP/1.1",
    "Host: stream.example.com",
    "Connection: Upgrade",
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/101.0.4951.64 Safari/537.36 Edg/101.0.1210.47",
    "Upgrade: websocket",
    "Origin: https://www.example.com",
    "Sec-WebSocket-Version: 13",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-US,en;q=0.9",
    `Sec-WebSocket-Key: ${KEY}`,
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Protocol: chat, superchat",
  ]);
});

test("Firefox's handshake, byte for byte", () => {
  const offer = { protocols: ["chat"], deflate: deflate(null) };
  assertEquals(lines("firefox147", { origin: "https://www.example.com", cookie: "a=1", offer }), [
    "GET /feed?x=1 HTTP/1.1",
    "Host: stream.example.com",
    "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:147.0) Gecko/20100101 Firefox/147.0",
    "Accept: */*",
    "Accept-Language: en-US,en;q=0.9",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Sec-WebSocket-Version: 13",
    "Origin: https://www.example.com",
    "Sec-WebSocket-Protocol: chat",
    "Sec-WebSocket-Extensions: permessage-deflate",
    `Sec-WebSocket-Key: ${KEY}`,
    "Connection: keep-alive, Upgrade",
    "Cookie: a=1",
    "Sec-Fetch-Dest: empty",
    "Sec-Fetch-Mode: websocket",
    "Sec-Fetch-Site: same-site",
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    "Upgrade: websocket",
  ]);
});

test("Safari's has these fields; their order is not known for certain", () => {
  const [request, ...fields] = lines("safari184_ios", { origin: "https://other.example.net" });
  assertEquals(request, "GET /feed?x=1 HTTP/1.1");
  assertEquals(
    fields.sort(),
    [
      "Accept-Encoding: gzip, deflate, br",
      "Accept-Language: en-US,en;q=0.9",
      "Cache-Control: no-cache",
      "Connection: Upgrade",
      "Host: stream.example.com",
      "Origin: https://other.example.net",
      "Pragma: no-cache",
      "Sec-Fetch-Dest: websocket",
      "Sec-Fetch-Mode: websocket",
      "Sec-Fetch-Site: cross-site",
      "Sec-WebSocket-Extensions: permessage-deflate",
      `Sec-WebSocket-Key: ${KEY}`,
      "Sec-WebSocket-Version: 13",
      "Upgrade: websocket",
      "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1",
    ],
  );
});

test("no browser sends fields of a page", () => {
  for (const { target } of BROWSERS) {
    const names = lines(target).slice(1).map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
    assertEquals(new Set(names).size, names.length, target);
    for (const name of ["upgrade-insecure-requests", "sec-fetch-user", "sec-ch-ua", "priority", "te"]) {
      assert(!names.includes(name), `${target}: ${name}`);
    }
    assert(names.includes("origin"), target);
  }
});

test("without an origin it is that of a page of the same server", () => {
  assert(lines("chrome131").includes("Origin: https://stream.example.com"));
  const firefox = lines("firefox133", { url: "ws://localhost:8080/" });
  assert(firefox.includes("Origin: http://localhost:8080"));
  assert(firefox.includes("Sec-Fetch-Site: same-origin"));
  assertEquals(pageOrigin(new URL("wss://example.com:443/a")), "https://example.com");
});

test("without TLS a browser accepts br and zstd, and sends Fetch Metadata, only on loopback hosts", () => {
  for (const url of ["ws://example.com/", "ws://10.0.0.1/", "ws://localhost.example/"]) {
    assert(lines("chrome152", { url }).includes("Accept-Encoding: gzip, deflate"), url);
    const firefox = lines("firefox147", { url });
    assert(firefox.includes("Accept-Encoding: gzip, deflate"), url);
    assert(!firefox.some((line) => line.startsWith("Sec-Fetch-")), url);
  }
  for (const url of ["ws://localhost/", "ws://a.localhost/", "ws://127.0.0.1:9/", "ws://127.8.9.1/", "ws://[::1]/"]) {
    assert(lines("chrome152", { url }).includes("Accept-Encoding: gzip, deflate, br, zstd"), url);
    assert(lines("firefox147", { url }).includes("Sec-Fetch-Mode: websocket"), url);
  }
});

test("the caller's fields take the browser's places, as given; others follow in their order", () => {
  const headers: HeaderList = [
    ["X-B", "1"],
    ["user-agent", "mine"],
    ["ACCEPT-LANGUAGE", "de"],
    ["Cookie", "mine=1"],
    ["x-a", "2"],
    ["Origin", "https://mine.example"],
    ["origin", "null"],
    ["X-B", "3"],
  ];
  const chrome = lines("chrome152", { headers, origin: "https://www.example.com", authorization: "Bearer t" });
  assertEquals(chrome.slice(3), [
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    "Authorization: Bearer t",
    "user-agent: mine",
    "Upgrade: websocket",
    "Origin: https://mine.example",
    "origin: null",
    "Sec-WebSocket-Version: 13",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "ACCEPT-LANGUAGE: de",
    "Cookie: mine=1",
    `Sec-WebSocket-Key: ${KEY}`,
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "X-B: 1",
    "x-a: 2",
    "X-B: 3",
  ]);
});

test("without compression nothing is offered", () => {
  const offer = { protocols: [], deflate: null };
  for (const { target } of BROWSERS) {
    assert(!lines(target, { offer }).some((line) => line.startsWith("Sec-WebSocket-Extensions")), target);
  }
});

test("each target's User-Agent has its version", () => {
  for (const { target, family, userAgent } of BROWSERS) {
    const digits = /^[a-z]+([\d_]+)/.exec(target)![1]!.replaceAll("_", "");
    const [, version] = {
      chrome: / Chrome\/(\d+)\./,
      edge: / Edg\/(\d+)\./,
      firefox: / Firefox\/(\d+)\.0$/,
      safari: / Version\/([\d.]+) /,
    }[family].exec(userAgent) ?? [];
    assert(version !== undefined, target);
    // The Tor Browser calls itself the Firefox that it is.
    if (target.startsWith("tor")) assertEquals(version, "128");
    else assertEquals(version.replaceAll(".", ""), digits, target);
    assertEquals(/ Mobile/.test(userAgent), /_(ios|android)$/.test(target), target);
    assertEquals(/Android/.test(userAgent), target.endsWith("_android"), target);
    if (target.endsWith("_macos")) assertMatch(userAgent, /Macintosh/);
  }
});

test("a bare name is every desktop browser of that name, the newest first", () => {
  for (const name of ["chrome", "edge", "firefox", "safari"]) {
    const targets = browsersNamed(name).map(({ target }) => target);
    assert(targets.length > 1, name);
    assert(targets.every((target) => target.startsWith(name) && !/_(ios|android|macos)$/.test(target)), name);
    const version = (target: string) =>
      Number(/[\d.]+/.exec(named(target).userAgent.split(/Chrome|Version|rv:/)[1]!)![0].match(/\d+\.\d+/)![0]);
    const current = targets.filter((target) => !target.includes("_"));
    assertEquals(current, current.toSorted((a, b) => version(b) - version(a)), name);
  }
  assertEquals(browsersNamed("chrome")[0]?.target, "chrome152");
  assertEquals(browsersNamed("firefox")[0]?.target, "firefox155");
  assertEquals(browsersNamed("chrome131_android").map(({ target }) => target), ["chrome131_android"]);
  assertEquals(browsersNamed("tor145").length, 1);
  for (const name of ["", "chrom", "Chrome", "tor9", "chrome9", "constructor"]) assertEquals(browsersNamed(name), []);
  assertEquals(new Set(BROWSERS.map(({ target }) => target)).size, BROWSERS.length);
});

test("curl_cffi's names for the newest of a kind are known, and mean what they mean there", () => {
  // REAL_TARGET_MAP of curl_cffi/requests/impersonate.py, with what is newer in libcurl-impersonate 8.23.
  const newest: Record<string, string> = {
    chrome: "chrome152",
    edge: "edge101",
    safari: "safari270",
    safari_ios: "safari270_ios",
    safari_beta: "safari270",
    safari_ios_beta: "safari270_ios",
    chrome_android: "chrome131_android",
    firefox: "firefox155",
    tor: "tor145",
  };
  assertEquals(BARE_NAMES.toSorted(), Object.keys(newest).sort());
  for (const [name, target] of Object.entries(newest)) assertEquals(browsersNamed(name)[0]?.target, target, name);
  assertEquals(browsersNamed("chrome_android").map(({ target }) => target), ["chrome131_android", "chrome99_android"]);
  assert(
    browsersNamed("safari_ios").every(({ target, userAgent }) =>
      target.endsWith("_ios") && userAgent.includes("iPhone")
    ),
  );
  assert(offersClientWindow("chrome_android") && !offersClientWindow("safari_ios") && !offersClientWindow("tor"));
});

test("how a page and a server belong together", () => {
  const site = (origin: string, url: string) => fetchSite(origin, new URL(url));
  assertEquals(site("https://example.com", "wss://example.com/x"), "same-origin");
  assertEquals(site("https://example.com:8443", "wss://example.com/x"), "same-site");
  assertEquals(site("https://www.example.com", "wss://api.example.com/x"), "same-site");
  assertEquals(site("http://example.com", "wss://example.com/x"), "cross-site");
  assertEquals(site("https://example.org", "wss://example.com/x"), "cross-site");
  assertEquals(site("https://a.co.uk", "wss://b.co.uk/x"), "cross-site");
  assertEquals(site("https://www.a.co.uk", "wss://api.a.co.uk/x"), "same-site");
  assertEquals(site("https://10.0.0.1", "wss://10.1.0.1/"), "cross-site");
  assertEquals(site("https://[::1]:1", "wss://[::1]:2/"), "same-site");
  assertEquals(site("http://localhost:1", "ws://localhost:2/"), "same-site");
  assertEquals(site("null", "wss://example.com/x"), "cross-site");
});
