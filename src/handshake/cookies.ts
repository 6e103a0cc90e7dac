/** Cookies of the handshake: fixed ones, or those of a jar. */
import { CurlWebSocketError, wordsOf } from "../errors.ts";
import type { HeaderList } from "./fields.ts";
import { httpUrl } from "./url.ts";

/**
 * A cookie jar: the part of tough-cookie's `CookieJar` that is used, so that one of its jars will do. URLs are `http:` or
 * `https:`, as browsers and jars reckon. An answer may be a promise.
 */
export interface CookieJar {
  /** The value of `Cookie` for a URL, `""` for none. */
  getCookieString(url: string): string | Promise<string>;
  /** Stores one value of `Set-Cookie`; with `ignoreError` a cookie that the URL may not set is passed over. */
  setCookie(cookie: string, url: string, options?: { ignoreError?: boolean }): unknown;
}

/** What a caller may give: the value of `Cookie`, names and values, or a jar. */
export type CookiesOption = string | Readonly<Record<string, string>> | CookieJar;

/** Cookies after their check. */
export type CompleteCookies = string | CookieJar | null;

function jarUrl(url: URL): string {
  const web = httpUrl(url);
  web.username = web.password = web.hash = "";
  return web.href;
}

const failed = (what: string, cause: unknown) =>
  new CurlWebSocketError("ERR_COOKIE_JAR", `the cookie jar failed to ${what}: ${wordsOf(cause)}`, { cause });

/** The value of `Cookie` for a URL, or null for none; a promise only where the jar gives one. */
export function cookiesFor(cookies: CompleteCookies, url: URL): string | null | Promise<string | null> {
  if (cookies === null || typeof cookies === "string") return cookies || null;
  const what = `give the cookies of ${url.host}`;
  const checked = (value: unknown): string | null => {
    if (typeof value !== "string") throw failed(what, new TypeError(`getCookieString gave ${typeof value}`));
    // deno-lint-ignore no-control-regex -- these are what must not go out
    if (/[\0-\x08\x0a-\x1f\x7f]|[^\0-\xff]/.test(value)) {
      throw failed(what, new TypeError("one has a control character, or one above U+00FF"));
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

/** Stores the cookies that an answer sets; null where there is nothing to wait for. */
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
      // Beside the promises that were given before it: each of them is waited for, and none rejects unheard.
      promises.push(Promise.reject(cause));
      break;
    }
  }
  if (promises.length === 0) return null;
  return Promise.all(promises).then(() => {}, (cause) => {
    throw failed(what, cause);
  });
}
