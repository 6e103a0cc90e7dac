import { assert, assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { domException, failed } from "../support/events.ts";
import { RawServer } from "../support/raw_server.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

/** The url attribute of a socket that is not let connect. */
function urlOf(url: unknown): string {
  const socket = new CurlWebSocket(url as string);
  socket.close();
  return socket.url;
}

const URLS: [what: string, given: string, url: string][] = [
  ["ws is kept", "ws://example.test/a", "ws://example.test/a"],
  ["wss is kept", "wss://example.test/a", "wss://example.test/a"],
  ["http becomes ws", "http://example.test/a", "ws://example.test/a"],
  ["https becomes wss", "https://example.test/a", "wss://example.test/a"],
  ["an upper-case scheme and host become lower-case", "WsS://EXAMPLE.test/A", "wss://example.test/A"],
  ["a path is added where there is none", "ws://example.test?q", "ws://example.test/?q"],
  ["port 80 of ws is dropped", "ws://example.test:80/", "ws://example.test/"],
  ["port 443 of wss is dropped", "wss://example.test:443/", "wss://example.test/"],
  ["port 80 of http is dropped", "http://example.test:80/", "ws://example.test/"],
  ["port 443 of https is dropped", "https://example.test:443/", "wss://example.test/"],
  ["port 443 of http is kept", "http://example.test:443/", "ws://example.test:443/"],
  ["port 80 of https is kept", "https://example.test:80/", "wss://example.test:80/"],
  ["another port is kept", "ws://example.test:8080/", "ws://example.test:8080/"],
  ["the query is kept", "ws://example.test/?a=1&b=%20&c", "ws://example.test/?a=1&b=%20&c"],
  ["an empty query is kept", "ws://example.test/?", "ws://example.test/?"],
  ["user and password are kept", "ws://us er:p%40ss@example.test/", "ws://us%20er:p%40ss@example.test/"],
  ["space around is dropped, tabs and line ends within", " \tws://example.test/a\n\tb\r ", "ws://example.test/ab"],
  ["space within is escaped", "ws://example.test/a b?c d", "ws://example.test/a%20b?c%20d"],
  ["an international host goes as punycode", "ws://bücher.test/", "ws://xn--bcher-kva.test/"],
  ["an escaped host is decoded", "ws://ex%61mple.test/", "ws://example.test/"],
  ["non-ASCII path and query are escaped", "ws://example.test/ä?ö", "ws://example.test/%C3%A4?%C3%B6"],
  ["lone surrogates become U+FFFD", "ws://example.test/\ud800", "ws://example.test/%EF%BF%BD"],
  ["escapes stay as they are", "ws://example.test/%7e%zz", "ws://example.test/%7e%zz"],
  ["dot segments are resolved", "ws://example.test/a/../b/./c", "ws://example.test/b/c"],
  ["backslashes are slashes", "ws:\\\\example.test\\a", "ws://example.test/a"],
  ["slashes of the scheme may lack", "ws:example.test/a", "ws://example.test/a"],
  ["an IPv4 address is normalized", "ws://0x7f.1/", "ws://127.0.0.1/"],
  ["an IPv6 address is normalized", "ws://[0:0::1]:81/", "ws://[::1]:81/"],
  ["an escaped # is no fragment", "ws://example.test/%23?%23", "ws://example.test/%23?%23"],
];

for (const [what, given, url] of URLS) test(`url: ${what}`, () => assertEquals(urlOf(given), url));

const REFUSED: [what: string, given: string][] = [
  ["no scheme", "example.test"],
  ["an empty string", ""],
  ["a path alone", "/path"],
  ["scheme ftp", "ftp://example.test/"],
  ["scheme mailto", "mailto:example@example.test"],
  ["scheme about", "about:blank"],
  ["scheme file", "file:///ws"],
  ["scheme wsx", "wsx://example.test/"],
  ["scheme blob", "blob:http://example.test/"],
  ["no host", "ws://"],
  ["a space in the host", "ws://foo bar.test/"],
  ["a port that is none", "ws://example.test:port/"],
  ["a port above 65535", "ws://example.test:65536/"],
  ["a fragment", "ws://example.test/#test"],
  ["an empty fragment", "ws://example.test/#"],
  ["an empty fragment before space", "ws://example.test/# "],
  ["an empty fragment behind a query", "ws://example.test/?q#"],
  ["a fragment of an http URL", "http://example.test/#test"],
];

for (const [what, given] of REFUSED) {
  test(`url: ${what} is a SyntaxError`, () =>
    assertEquals(domException(() => new CurlWebSocket(given)), "SyntaxError"));
}

test("url: the constructor without arguments is a TypeError", () => {
  assertThrows(() => Reflect.construct(CurlWebSocket, []), TypeError);
  assertThrows(() => Reflect.construct(CurlWebSocket.with({}), []), TypeError);
});

test("url: an object is converted to a string once", () => {
  let calls = 0;
  const url = {
    toString(): string {
      calls++;
      return "http://example.test:80/object";
    },
  };
  assertEquals(urlOf(url), "ws://example.test/object");
  assertEquals(calls, 1);
  assertEquals(urlOf(["ws://example.test/array"]), "ws://example.test/array");
});

test("url: a value that cannot be converted to a string is a TypeError or the value's own exception", () => {
  assertThrows(() => urlOf(Symbol("ws://example.test/")), TypeError);
  const error = new Error("own");
  const thrown = assertThrows(() =>
    urlOf({
      toString(): string {
        throw error;
      },
    })
  );
  assertEquals(thrown, error);
});

test("url: undefined and null are converted to their names, which are no absolute URLs", () => {
  for (const url of [undefined, null]) assertEquals(domException(() => urlOf(url)), "SyntaxError");
});

test("url: a later change of a URL object does not change the socket's URL", () => {
  const url = new URL("ws://example.test/before");
  const socket = new CurlWebSocket(url);
  socket.close();
  url.pathname = "/after";
  assertEquals(socket.url, "ws://example.test/before");
  assertEquals(url.href, "ws://example.test/after");
});

test("url: the request target has path and query, never user and password", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(`http://user:secret@127.0.0.1:${server.port}/a b/?q=ü&`);
  const failure = failed(socket);
  const peer = await server.connection();
  const request = await peer.request();
  assertEquals(request.split("\r\n")[0], "GET /a%20b/?q=%C3%BC& HTTP/1.1");
  assert(!request.includes("secret"), request);
  assertEquals(socket.url, `ws://user:secret@127.0.0.1:${server.port}/a%20b/?q=%C3%BC&`);
  socket.close();
  await failure;
});

test("url: a relative URL is resolved against the global location", () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "location");
  const at = (href: unknown) =>
    Object.defineProperty(globalThis, "location", { value: { href }, configurable: true, writable: true });
  try {
    at("https://example.test:8443/app/page?x#y");
    assertEquals(urlOf("feed"), "wss://example.test:8443/app/feed");
    assertEquals(urlOf("/feed?q"), "wss://example.test:8443/feed?q");
    assertEquals(urlOf("?q"), "wss://example.test:8443/app/page?q");
    assertEquals(urlOf(""), "wss://example.test:8443/app/page?x");
    assertEquals(urlOf("//other.test/feed"), "wss://other.test/feed");
    assertEquals(urlOf("ws://other.test/feed"), "ws://other.test/feed");
    assertEquals(urlOf(undefined), "wss://example.test:8443/app/undefined");
    assertEquals(domException(() => urlOf("#y")), "SyntaxError");
    at("file:///app/page");
    assertEquals(domException(() => urlOf("feed")), "SyntaxError");
    for (const none of ["", "nowhere", undefined]) {
      at(none);
      assertEquals(domException(() => urlOf("feed")), "SyntaxError");
      assertEquals(urlOf("ws://other.test/feed"), "ws://other.test/feed");
    }
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, "location");
    else Object.defineProperty(globalThis, "location", before);
  }
});

test("url: a relative URL is resolved against Deno's --location", async () => {
  const script = `const socket = new CurlWebSocket("feed"); socket.close(); console.log(socket.url);`;
  const output = await runScript("", script, { denoFlags: ["--location=http://example.test:81/app/page"] });
  assertEquals(output, "ws://example.test:81/app/feed");
}, { skip: "Deno" in globalThis ? undefined : "Bun has no location" });
