import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { CookieJar as ToughJar } from "tough-cookie";
import { type CookieJar, CurlWebSocket, type CurlWebSocketOptions } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { failed, message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { type AcceptOptions, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** The values of Cookie in a request. */
function cookie(request: string): string[] {
  return [...request.matchAll(/^cookie: (.*)\r$/gim)].map(([, value]) => value!);
}

/** What Cookie a server gets on a connection that it accepts; the socket has seen `open` then. */
async function exchange(
  server: RawServer,
  cookies: CurlWebSocketOptions["cookies"],
  accept: AcceptOptions = {},
  path = "/",
  more: CurlWebSocketOptions = {},
): Promise<string[]> {
  const socket = new CurlWebSocket(server.url(path, "localhost"), { cookies, proxy: false, ...more });
  const open = opened(socket);
  const request = await (await server.connection()).accept(accept);
  await open;
  socket.terminate();
  return cookie(request);
}

test("cookies as text and as a record", async () => {
  await using server = await RawServer.start();
  assertEquals(await exchange(server, 'a=1; b="2"; \u00e9'), ['a=1; b="2"; \u00e9']);
  assertEquals(await exchange(server, { session: "38afes7a8", "x-y": "a=b c", empty: "" }), [
    "session=38afes7a8; x-y=a=b c; empty=",
  ]);
  for (const none of ["", {}, undefined]) assertEquals(await exchange(server, none), []);
});

test("what are no cookies is a TypeError that names them", () => {
  const wrong: [unknown, string][] = [
    [7, "cookies"],
    [null, "cookies"],
    ["a=1\r\nX: 1", "control character"],
    [{ "a b": "1" }, '"a b" is not a cookie\'s name'],
    [{ a: "1; b=2" }, "the value of a"],
    [{ a: "1\n" }, "the value of a"],
    [{ a: 1 }, "the value of a"],
    [{ getCookieString: () => "" }, "a jar needs"],
    [{ setCookie: () => {} }, "a jar needs"],
  ];
  for (const [cookies, why] of wrong) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { cookies: cookies as "" }), TypeError, why);
  }
  assertThrows(
    () => new CurlWebSocket("ws://127.0.0.1:9/", { cookies: "a=1", headers: { COOKIE: "b=2" } }),
    TypeError,
    "cookies and the cookie of headers",
  );
});

test("tough-cookie's jar: Set-Cookie is stored before open, and goes to the URLs it is for", async () => {
  await using server = await RawServer.start();
  const jar = new ToughJar();
  const set = [
    "Set-Cookie: session=1; Path=/",
    "set-cookie: deep=2; Path=/a/b",
    "Set-Cookie: other=3; Domain=example.org",
  ];
  assertEquals(await exchange(server, jar, { headers: set }), []);
  assertEquals(await exchange(server, jar), ["session=1"]);
  assertEquals(await exchange(server, jar, {}, "/a/b/c"), ["deep=2; session=1"]);
  // What the server may not set is passed over.
  assertEquals((await jar.serialize()).cookies.map(({ key }) => key).sort(), ["deep", "session"]);
});

test("tough-cookie's jar: a secure cookie goes over wss alone", async () => {
  await using secure = await RawServer.start({ tls: true });
  await using plain = await RawServer.start();
  const jar = new ToughJar(undefined, { allowSecureOnLocal: false });
  const tls = { ca: certificates().ca };
  await exchange(secure, jar, { headers: ["Set-Cookie: s=1; Secure"] }, "/", { tls });
  assertEquals(await exchange(secure, jar, {}, "/", { tls }), ["s=1"]);
  assertEquals(await exchange(plain, jar), []);
});

test("a jar that answers at once, with the URL that browsers would say", async () => {
  await using server = await RawServer.start();
  const calls: unknown[][] = [];
  const jar: CookieJar = {
    getCookieString: (url) => {
      calls.push(["get", url]);
      return "a=1";
    },
    setCookie: (...args) => void calls.push(["set", ...args]),
  };
  assertEquals(await exchange(server, jar, { headers: ["Set-Cookie: b=2"] }, "/x?y"), ["a=1"]);
  const url = server.url("/x?y", "localhost").replace("ws:", "http:");
  assertEquals(calls, [["get", url], ["set", "b=2", url, { ignoreError: true }]]);
});

test("the first message waits for a jar that is slow to store", async () => {
  await using server = await RawServer.start();
  let stored = false;
  const jar: CookieJar = {
    getCookieString: () => new Promise((resolve) => setTimeout(resolve, 20, "a=1")),
    setCookie: () =>
      new Promise<void>((resolve) =>
        setTimeout(() => {
          stored = true;
          resolve();
        }, 50)
      ),
  };
  const socket = new CurlWebSocket(server.url(), { cookies: jar, proxy: false });
  let storedAtOpen: boolean | undefined;
  socket.addEventListener("open", () => storedAtOpen = stored);
  const first = message(socket);
  const request = await (await server.connection()).accept({
    headers: ["Set-Cookie: b=2"],
    then: frame(Opcode.text, "hello"),
  });
  assertEquals(cookie(request), ["a=1"]);
  assertEquals(await first, "hello");
  assertEquals(storedAtOpen, true);
  socket.terminate();
});

test("cookies of a refusal are stored as well", async () => {
  await using server = await RawServer.start();
  const jar = new ToughJar();
  const failure = failed(new CurlWebSocket(server.url("/", "localhost"), { cookies: jar, proxy: false }));
  const peer = await server.connection();
  await peer.request();
  await peer.send("HTTP/1.1 403 Forbidden\r\nSet-Cookie: why=not\r\nContent-Length: 0\r\n\r\n");
  assertEquals((await failure).error.status, 403);
  assertEquals(await exchange(server, jar), ["why=not"]);
});

const failing: Record<string, CookieJar> = {
  "throws when asked": {
    getCookieString: () => {
      throw new Error("lost");
    },
    setCookie: () => {},
  },
  "rejects when asked": { getCookieString: () => Promise.reject(new Error("lost")), setCookie: () => {} },
  "gives no text": { getCookieString: (() => ["lost"]) as never, setCookie: () => {} },
  "gives a line break": { getCookieString: () => Promise.resolve("lost\r\nX: 1"), setCookie: () => {} },
  "throws when it is to store": {
    getCookieString: () => "",
    setCookie: () => {
      throw new Error("lost");
    },
  },
  "rejects when it is to store": { getCookieString: () => "", setCookie: () => Promise.reject(new Error("lost")) },
};

for (const [what, cookies] of Object.entries(failing)) {
  test(`a jar that ${what} is ERR_COOKIE_JAR`, async () => {
    await using server = await RawServer.start();
    const failure = failed(new CurlWebSocket(server.url(), { cookies, proxy: false }));
    if (what.includes("store")) await (await server.connection()).accept({ headers: ["Set-Cookie: a=1"] });
    const { error, close } = await failure;
    assertEquals(error.code, "ERR_COOKIE_JAR");
    assertMatch(error.message, /^the cookie jar failed to (give the cookies|store a cookie) of 127\.0\.0\.1:\d+: /);
    assert(error.cause instanceof Error);
    assertEquals(close.code, 1006);
  });
}

test("a jar that never answers ends with the time-outs", async () => {
  await using server = await RawServer.start();
  const never = () => new Promise<never>(() => {});
  const asked = { getCookieString: never, setCookie: () => {} };
  const first = await failed(new CurlWebSocket(server.url(), { cookies: asked, connectTimeout: 100, proxy: false }));
  assertEquals(first.error.code, "ERR_CONNECT_TIMEOUT");
  const storing = { getCookieString: () => "", setCookie: never };
  const failure = failed(new CurlWebSocket(server.url(), { cookies: storing, handshakeTimeout: 300, proxy: false }));
  await (await server.connection()).accept({ headers: ["Set-Cookie: a=1"] });
  const { error } = await failure;
  assertEquals(error.code, "ERR_HANDSHAKE_TIMEOUT");
  assertMatch(error.message, /the cookie jar took longer than handshakeTimeout, 300 ms/);
});

test("close() while a jar is asked, and while it stores", async () => {
  await using server = await RawServer.start();
  let answer: (value: string) => void = () => {};
  let store: () => void = () => {};
  const jar: CookieJar = {
    getCookieString: () => new Promise((resolve) => answer = resolve),
    setCookie: () => new Promise<void>((resolve) => store = resolve),
  };
  const first = new CurlWebSocket(server.url(), { cookies: jar, proxy: false });
  const failure = failed(first);
  await new Promise((resolve) => setTimeout(resolve, 20));
  first.close();
  assertEquals((await failure).error.code, "ERR_ABORTED");
  answer("a=1");

  const second = new CurlWebSocket(server.url(), { cookies: { ...jar, getCookieString: () => "" }, proxy: false });
  const again = failed(second);
  await (await server.connection()).accept({ headers: ["Set-Cookie: a=1"] });
  await new Promise((resolve) => setTimeout(resolve, 50));
  second.close();
  assertEquals((await again).error.code, "ERR_ABORTED");
  store();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(second.readyState, CurlWebSocket.CLOSED);
});
