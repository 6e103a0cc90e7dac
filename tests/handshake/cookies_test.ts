import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { type CookieJar, cookiesFor, storeCookies } from "../../src/handshake/cookies.ts";
import { test } from "../support/testing.ts";

const URL_OF_SOCKET = new URL("wss://joe:secret@example.com/feed?x=1#y");
const SET = [["Set-Cookie", "a=1"], ["Server", "x"], ["set-cookie", "b=2"]] as const;

function jar(give: () => unknown, store: (cookie: string, url: string) => unknown = () => {}): CookieJar {
  return { getCookieString: give, setCookie: store } as CookieJar;
}

/** The error of a jar that fails. */
async function failure(run: () => unknown): Promise<CurlWebSocketError> {
  try {
    await run();
  } catch (error) {
    assertInstanceOf(error, CurlWebSocketError);
    assertEquals(error.code, "ERR_COOKIE_JAR");
    return error;
  }
  throw new Error("it did not fail");
}

test("fixed cookies are for every URL, and store nothing", () => {
  assertEquals(cookiesFor("a=1; b=2", URL_OF_SOCKET), "a=1; b=2");
  assertEquals([cookiesFor("", URL_OF_SOCKET), cookiesFor(null, URL_OF_SOCKET)], [null, null]);
  assertEquals([storeCookies("a=1", URL_OF_SOCKET, SET), storeCookies(null, URL_OF_SOCKET, SET)], [null, null]);
});

test("a jar is asked with an https: URL without user, password and fragment", async () => {
  const asked: string[] = [];
  const given = (url: string) => (asked.push(url), "a=1");
  assertEquals(cookiesFor({ getCookieString: given, setCookie: () => {} }, URL_OF_SOCKET), "a=1");
  assertEquals(await cookiesFor(jar(() => Promise.resolve("")), URL_OF_SOCKET), null);
  const stored: unknown[] = [];
  const store = (...values: unknown[]) => void stored.push(values);
  assertEquals(storeCookies({ getCookieString: () => "", setCookie: store }, URL_OF_SOCKET, SET), null);
  const url = "https://example.com/feed?x=1";
  assertEquals(asked, [url]);
  assertEquals(stored, [["a=1", url, { ignoreError: true }], ["b=2", url, { ignoreError: true }]]);
});

test("a jar that throws, rejects or gives no cookies is ERR_COOKIE_JAR with its cause", async () => {
  const cause = new Error("broken");
  const fail = () => {
    throw cause;
  };
  assertEquals((await failure(() => cookiesFor(jar(fail), URL_OF_SOCKET))).cause, cause);
  assertEquals((await failure(() => cookiesFor(jar(() => Promise.reject(cause)), URL_OF_SOCKET))).cause, cause);
  for (const wrong of [undefined, 1, {}, "a=\n", "a=\u20ac"]) {
    await failure(() => cookiesFor(jar(() => wrong), URL_OF_SOCKET));
    await failure(() => cookiesFor(jar(() => Promise.resolve(wrong)), URL_OF_SOCKET));
  }
  assert((await failure(() => cookiesFor(jar(() => 1), URL_OF_SOCKET))).message.includes("example.com"));
});

test("each promise of a jar is awaited, and the first failure is the error", async () => {
  const waits: (() => void)[] = [];
  const slow = jar(() => "", () => new Promise<void>((resolve) => waits.push(resolve)));
  let done = false;
  const stored = storeCookies(slow, URL_OF_SOCKET, SET)!.then(() => done = true);
  assertEquals(waits.length, 2);
  waits[0]!();
  await Promise.resolve();
  assert(!done);
  waits[1]!();
  await stored;
  const rejecting = jar(() => "", () => Promise.reject(new Error("full")));
  assert((await failure(() => storeCookies(rejecting, URL_OF_SOCKET, SET))).message.includes("store a cookie"));
  let calls = 0;
  const throwing = jar(() => "", () => {
    if (++calls === 2) throw new Error("full");
    return Promise.resolve();
  });
  await failure(() => storeCookies(throwing, URL_OF_SOCKET, [...SET, ["Set-Cookie", "c=3"]]));
  assertEquals(calls, 2);
});
