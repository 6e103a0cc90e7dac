import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { HandshakeOffer } from "../../src/handshake/agreement.ts";
import { type HeaderList } from "../../src/handshake/fields.ts";
import { buildRequest, checkHeaders, hasCredentials } from "../../src/handshake/request.ts";
import { test } from "../support/testing.ts";
import { ACCEPTS } from "../vectors/handshake.ts";
import { property } from "../protocol/support.ts";

const NOTHING: HandshakeOffer = { protocols: [], deflate: null };
const KEY = ACCEPTS[0]!.key;

function request(url: string, headers: HeaderList = [], offer: Partial<HandshakeOffer> = {}): string {
  return String.fromCharCode(...buildRequest(new URL(url), KEY, { ...NOTHING, ...offer }, headers));
}

test("the request, byte for byte", () => {
  assertEquals(
    request("ws://example.com/path?query=1#fragment"),
    "GET /path?query=1 HTTP/1.1\r\n" +
      "Host: example.com\r\n" +
      "Upgrade: websocket\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      "Sec-WebSocket-Version: 13\r\n" +
      "\r\n",
  );
});

test("the request with all there is", () => {
  const deflate = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: null,
    clientMaxWindowBits: true,
  } as const;
  assertEquals(
    request("wss://us%20er:p%C3%A9@[::1]:8443", [["Origin", "https://example.com"], ["X-Empty", ""]], {
      protocols: ["chat", "superchat"],
      deflate,
    }),
    "GET / HTTP/1.1\r\n" +
      "Host: [::1]:8443\r\n" +
      "Upgrade: websocket\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      "Sec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
      "Sec-WebSocket-Protocol: chat, superchat\r\n" +
      `Authorization: Basic ${btoa("us er:p\xc3\xa9")}\r\n` +
      "Origin: https://example.com\r\n" +
      "X-Empty: \r\n" +
      "\r\n",
  );
});

test("one subprotocol", () => {
  assertMatch(request("ws://h/", [], { protocols: ["chat"] }), /\r\nSec-WebSocket-Protocol: chat\r\n/);
});

test("the default port is not in Host, another is", () => {
  assertMatch(request("ws://example.com:80/"), /\r\nHost: example\.com\r\n/);
  assertMatch(request("wss://example.com:443/"), /\r\nHost: example\.com\r\n/);
  assertMatch(request("wss://example.com:80/"), /\r\nHost: example\.com:80\r\n/);
});

test("credentials of the URL: without a name, without a password, with stray percent signs", () => {
  const credentials = (url: string) => atob(/Authorization: Basic (.*)\r\n/.exec(request(url))?.[1] ?? "");
  assertEquals(credentials("ws://user@host"), "user:");
  assertEquals(credentials("ws://:pass@host"), ":pass");
  assertEquals(credentials("ws://a%3Ab:c%40d@host"), "a:b:c@d");
  assertEquals(credentials("ws://100%:%zz@host"), "100%:%zz");
  // The URL standard's percent-decoding: a percent sign that begins no sequence stays, and the rest is decoded.
  assertEquals(credentials("ws://a%40b%:%ff@host"), "a@b%:\xff");
  assertEquals(credentials("ws://host"), "");
});

test("a request has credentials of the option, of the URL or of a field", () => {
  const plain = new URL("ws://h/"), named = new URL("ws://joe@h/"), locked = new URL("ws://:secret@h/");
  for (const url of [plain, named, locked]) {
    assertEquals(hasCredentials(url, [["X", "y"]], undefined), url !== plain);
    // With the option auth the URL's are not sent.
    assertEquals(hasCredentials(url, [], null), false);
    assertEquals(hasCredentials(url, [], "Bearer secret"), true);
    assertEquals(hasCredentials(url, [["AUTHORIZATION", "x"]], null), true);
  }
});

test("the caller's field takes the place of ours, in the case and the place given", () => {
  const lines = request("ws://user:pass@example.com/", [
    ["X-First", "1"],
    ["host", "other.example"],
    ["CONNECTION", "keep-alive, Upgrade"],
    ["upgrade", "WebSocket"],
    ["sec-websocket-version", "13"],
    ["authorization", "Bearer t"],
    ["x-first", "2"],
  ]).split("\r\n");
  assertEquals(lines, [
    "GET / HTTP/1.1",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "X-First: 1",
    "host: other.example",
    "CONNECTION: keep-alive, Upgrade",
    "upgrade: WebSocket",
    "sec-websocket-version: 13",
    "authorization: Bearer t",
    "x-first: 2",
    "",
    "",
  ]);
});

test("characters up to U+00FF leave as one byte each", () => {
  const bytes = buildRequest(new URL("ws://h/"), KEY, NOTHING, [["X-Latin", "\u00e9\u00ff"]]);
  assertEquals([...bytes.subarray(-6)], [0xe9, 0xff, 13, 10, 13, 10]);
});

const GOOD: HeaderList = [
  ["X-Tab", "a\tb"],
  ["X-Latin", "\u0080\u00ff"],
  ["X-Empty", ""],
  ["X-Spaces", "  a  "],
  ["!#$%&'*+-.^_`|~09azAZ", "any token"],
  ["Upgrade", "WebSocket"],
  ["Connection", "Upgrade"],
  ["Connection", "keep-alive,upgrade"],
  ["Connection", "upgrade , keep-alive"],
  ["Sec-WebSocket-Version", "13"],
  ["Host", "example.com"],
  ["Origin", "null"],
];

test("header fields that may go out", () => {
  for (const field of GOOD) checkHeaders([field]);
  checkHeaders(GOOD);
  checkHeaders([]);
});

const MISUSED: readonly (readonly [name: string, value: string, why: string])[] = [
  ["", "v", '"" is not a header name'],
  ["a b", "v", '"a b" is not a header name'],
  ["a:", "v", '"a:" is not a header name'],
  ["a\r\nb", "v", '"a\\r\\nb" is not a header name'],
  ["\u00e9", "v", "is not a header name"],
  ["X", "a\r\nInjected: 1", "the value of X must not contain a control character"],
  ["X", "a\n", "the value of X must not contain a control character"],
  ["X", "\0", "the value of X must not contain a control character"],
  ["X", "\x1f", "the value of X must not contain a control character"],
  ["X", "\x7f", "the value of X must not contain a control character"],
  ["X", "\u0100", "nor one above U+00FF"],
  ["X", "\u{1f600}", "nor one above U+00FF"],
  ["Sec-WebSocket-Key", KEY, "Sec-WebSocket-Key is made by CurlWebSocket"],
  ["sec-websocket-accept", "x", "sec-websocket-accept is made by CurlWebSocket"],
  ["Sec-WebSocket-Protocol", "chat", "use the protocols argument"],
  ["Sec-WebSocket-Extensions", "foo", "use the perMessageDeflate option"],
  ["Upgrade", "h2c", "Upgrade: h2c would make no WebSocket handshake"],
  ["Upgrade", "websocket, h2c", "would make no WebSocket handshake"],
  ["Connection", "close", "Connection: close would make no WebSocket handshake"],
  ["Connection", "x-upgrade", "would make no WebSocket handshake"],
  ["Sec-WebSocket-Version", "8", "would make no WebSocket handshake"],
  ["Sec-WebSocket-Version", "13, 8", "would make no WebSocket handshake"],
];

for (const [name, value, why] of MISUSED) {
  test(`the header field ${JSON.stringify(name)}: ${JSON.stringify(value)} is refused`, () => {
    const error = assertThrows(() => checkHeaders([["X-Good", "1"], [name, value]]), TypeError, why);
    assertMatch(error.message, /^headers: /);
  });
}

test("each control character in a value is refused but the tab", () => {
  for (let code = 0; code < 0x120; code++) {
    const allowed = code === 9 || (code >= 0x20 && code !== 0x7f && code <= 0xff);
    const run = () => checkHeaders([["X", `a${String.fromCharCode(code)}b`]]);
    if (allowed) run();
    else assertThrows(run, TypeError, "the value of X");
  }
});

test("a header may have any token for a name, also one that objects have", () => {
  checkHeaders([["constructor", "1"], ["__proto__", "2"], ["toString", "3"], ["hasOwnProperty", "4"]]);
});

property(
  "whatever passes the check makes a request of as many lines",
  fc.array(
    fc.tuple(
      fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("Host", "upgrade", "Connection", "X-A")),
      fc.oneof(fc.string({ unit: "binary", maxLength: 10 }), fc.constantFrom("websocket", "Upgrade", "a\r\nb", "\n")),
    ),
    { maxLength: 4 },
  ),
  (headers) => {
    try {
      checkHeaders(headers);
    } catch (error) {
      assertInstanceOf(error, TypeError);
      assertMatch(error.message, /^headers: /);
      return;
    }
    const lines = request("ws://h/", headers).split("\r\n");
    for (const [name, value] of headers) assert(lines.includes(`${name}: ${value}`));
    const names = new Set(headers.map(([name]) => name.toLowerCase()));
    const own = ["host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"];
    assertEquals(lines.length, 1 + own.filter((name) => !names.has(name)).length + headers.length + 2);
    assert(lines.every((line) => !/[\r\n]/.test(line)));
  },
  500,
);
