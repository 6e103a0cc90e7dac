/** Cookies of the handshake: fixed ones, or those of a jar. */
import { CurlWebSocketError, wordsOf } from "../errors.ts";
import { type HeaderList, isFieldValue } from "./fields.ts";
import { httpUrl } from "./url.ts";

/**
 * A cookie jar: the part of tough-cookie's `CookieJar` that is used, so any of its jars will do. Each method is called
 * with an `http:` or `https:` URL, as jars expect for WebSockets too, and may return a promise.
 */
export interface CookieJar {
  /** Returns the value of `Cookie` for a URL, `""` for none. */
  getCookieString(url: string): string | Promise<string>;
  /** Stores one value of `Set-Cookie`; with `ignoreError`, a cookie that the URL may not set is ignored. */
  setCookie(cookie: string, url: string, options?: { ignoreError?: boolean }): unknown;
}

/** The cookies to send: the value of `Cookie`, names with their values, or a jar. */
export type CookiesOption = string | Readonly<Record<string, string>> | CookieJar;

/** Checked cookies: the value of `Cookie`, a jar, or null for none. */
export type CompleteCookies = string | CookieJar | null;

function jarUrl(url: URL): string {
  const web = httpUrl(url);
  web.username = web.password = web.hash = "";
  return web.href;
}

const failed = (what: string, cause: unknown) =>
  new CurlWebSocketError("ERR_COOKIE_JAR", `the cookie jar failed to ${what}: ${wordsOf(cause)}`, { cause });

/**
 * Returns the value of `Cookie` for a URL, or null for none; a promise only if the jar returns one.
 *
 * @throws {CurlWebSocketError} `ERR_COOKIE_JAR` if the jar fails, or returns what cannot be sent; a promise rejects
 * with it
 */
export function cookiesFor(cookies: CompleteCookies, url: URL): string | null | Promise<string | null> {
  if (cookies === null || typeof cookies === "string") return cookies || null;
  const what = `give the cookies of ${url.host}`;
  const checked = (value: unknown): string | null => {
    if (typeof value !== "string") {
      throw failed(what, new TypeError(`getCookieString() returned ${typeof value}, not a string`));
    }
    if (!isFieldValue(value)) {
      throw failed(what, new TypeError("getCookieString() returned a control character, or one above U+00FF"));
    }
    return value || null;
  };
  let given: string | Promise<string>;
  try {
    given = cookies.getCookieString(jarUrl(url));
  } catch (cause) {
    throw failed(what, cause);
  }
  if (typeof given === "string") return checked(given);
  return Promise.resolve(given).then(checked, (cause) => {
    throw failed(what, cause);
  });
}

/**
 * Stores the cookies that a response sets. Returns null if there is nothing to wait for; the promise rejects with
 * `ERR_COOKIE_JAR`, and this throws nothing.
 */
export function storeCookies(cookies: CompleteCookies, url: URL, headers: HeaderList): Promise<void> | null {
  if (cookies === null || typeof cookies === "string") return null;
  const promises: unknown[] = [];
  const what = `store a cookie of ${url.host}`;
  for (const [name, value] of headers) {
    if (name.toLowerCase() !== "set-cookie") continue;
    try {
      const stored = cookies.setCookie(value, jarUrl(url), { ignoreError: true });
      if (typeof (stored as PromiseLike<unknown> | null)?.then === "function") promises.push(stored);
    } catch (cause) {
      // With the promises before it: all of them are waited for, and none rejects unhandled.
      promises.push(Promise.reject(cause));
      break;
    }
  }
  if (promises.length === 0) return null;
  return Promise.all(promises).then(() => {}, (cause) => {
    throw failed(what, cause);
  });
}
