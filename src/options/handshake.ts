/** The options of the handshake's HTTP: browser, origin, authentication, cookies, redirects and parameters. */
import type { CompleteCookies, CookieJar, CookiesOption } from "../handshake/cookies.ts";
import { type HeaderList, isFieldValue, isToken } from "../handshake/fields.ts";
import { basicCredentials } from "../handshake/request.ts";
import { shownUrl } from "../observe/redact.ts";
import { type ImpersonateOptions, type Impersonation, impersonation } from "./fingerprint.ts";
import { checkNames, numberOf, textOf, wordOf } from "./validate.ts";

/** A username and password, or a token. */
export type AuthOptions = PasswordAuth | BearerAuth;

/** Authentication by username and password. */
export interface PasswordAuth {
  /** No control characters; no colon if `type` is `"basic"`. */
  username: string;
  /** Sent in UTF-8, or hashed if `type` is `"digest"`. */
  password: string;
  /**
   * `"basic"` (the default) sends both with the first request, RFC 7617. `"digest"` waits for the server's challenge,
   * and sends its response to it over another connection, RFC 7616: MD5 or SHA-256, also `-sess`, with `qop=auth`.
   */
  type?: "basic" | "digest";
}

/** Authentication by a token, RFC 6750. */
export interface BearerAuth {
  /** The token, which is sent as `Authorization: Bearer <token>`. */
  bearer: string;
}

/** Parameters of a URL's query: a record (a list repeats its name), pairs, or `URLSearchParams`. */
export type ParamsOption =
  | Readonly<Record<string, string | number | boolean | readonly (string | number | boolean)[]>>
  | Iterable<readonly [name: string, value: string | number | boolean]>;

/** The options that {@linkcode handshakeOptions} checks. */
export interface HandshakeOptions {
  impersonate?: string | ImpersonateOptions;
  origin?: string;
  auth?: AuthOptions;
  cookies?: CookiesOption;
  maxRedirects?: number;
}

/** How the client authenticates: by a field of the first request, or by Digest. */
export type CompleteAuth =
  | { readonly type: "header"; readonly authorization: string }
  | { readonly type: "digest"; readonly username: string; readonly password: string };

/** The checked options. */
export interface CompleteHandshakeOptions extends Impersonation {
  readonly origin: string | null;
  readonly auth: CompleteAuth | null;
  readonly cookies: CompleteCookies;
  readonly maxRedirects: number;
}

/**
 * Checks the options, also against the caller's headers: a field may be given in one way only.
 *
 * @throws {TypeError | RangeError} that names the option
 */
export function handshakeOptions(options: HandshakeOptions, headers: HeaderList): CompleteHandshakeOptions {
  for (const [option, field] of [["origin", "origin"], ["auth", "authorization"], ["cookies", "cookie"]] as const) {
    if (options[option] !== undefined && headers.some(([name]) => name.toLowerCase() === field)) {
      throw new TypeError(`${option} and the ${field} of headers say the same thing; give one of them`);
    }
  }
  return {
    ...impersonation(options.impersonate),
    origin: originOption(options.origin),
    auth: authOption(options.auth),
    cookies: cookiesOption(options.cookies),
    maxRedirects: numberOf("maxRedirects", options.maxRedirects ?? 0, 0, 100, true),
  };
}

function originOption(origin: unknown): string | null {
  const text = textOf("origin", origin, "an origin");
  if (text === undefined) return null;
  if (text !== "null" && !/^[a-z][a-z0-9+.-]*:\/\/[!-.0-9:;=@-\[\]_a-z~]+$/i.test(text)) {
    throw new TypeError(
      `origin must be a scheme and a host such as https://example.com, without a path, or "null", and is "${
        shownUrl(text)
      }"`,
    );
  }
  return text;
}

function authOption(auth: unknown): CompleteAuth | null {
  if (auth === undefined) return null;
  const given = auth as Partial<PasswordAuth & BearerAuth>;
  checkNames("auth option", given, ["username", "password", "type", "bearer"]);
  if (given.bearer !== undefined) {
    if (given.username !== undefined || given.password !== undefined || given.type !== undefined) {
      throw new TypeError("auth takes either bearer, or username and password");
    }
    const token = textOf("auth.bearer", given.bearer, "a token")!;
    // RFC 6750 section 2.1 allows less (b64token); servers issue anything printable without spaces.
    if (!/^[!-~]+$/.test(token)) throw new TypeError("auth.bearer must be printable ASCII without spaces");
    return { type: "header", authorization: `Bearer ${token}` };
  }
  const { username, password } = given;
  for (const [name, value] of [["username", username], ["password", password]] as const) {
    if (typeof value !== "string") throw new TypeError(`auth.${name} must be a string, not ${typeof value}`);
    // deno-lint-ignore no-control-regex -- RFC 7617 section 2 and RFC 7616 section 3.4 exclude them
    if (/[\0-\x1f\x7f]/.test(value)) throw new TypeError(`auth.${name} must not contain a control character`);
  }
  const type = wordOf("auth.type", given.type, ["basic", "digest"]) ?? "basic";
  if (type === "digest") return { type, username: username!, password: password! };
  if (username!.includes(":")) {
    throw new TypeError("auth.username must not contain a colon: with Basic, the username ends there");
  }
  return { type: "header", authorization: basicCredentials(username!, password!) };
}

function cookiesOption(cookies: unknown): CompleteCookies {
  if (cookies === undefined) return null;
  if (typeof cookies === "string") {
    if (!isFieldValue(cookies)) {
      throw new TypeError("cookies must not contain a control character, nor one above U+00FF");
    }
    return cookies;
  }
  if (typeof cookies !== "object" || cookies === null) {
    throw new TypeError(`cookies must be text, names and values, or a jar, not ${String(cookies)}`);
  }
  const jar = cookies as Partial<CookieJar>;
  if (typeof jar.getCookieString === "function" || typeof jar.setCookie === "function") {
    if (typeof jar.getCookieString === "function" && typeof jar.setCookie === "function") return jar as CookieJar;
    throw new TypeError("cookies: a jar needs getCookieString(url) and setCookie(cookie, url)");
  }
  return Object.entries(cookies).map(([name, value]) => {
    if (!isToken(name)) throw new TypeError(`cookies: ${JSON.stringify(name)} is not a cookie's name`);
    if (typeof value !== "string") throw new TypeError(`cookies: the value of ${name} must be a string`);
    // RFC 6265 section 4.1.1 allows less; servers set, and browsers send, all but these.
    if (!isFieldValue(value) || value.includes(";")) {
      throw new TypeError(
        `cookies: the value of ${name} must not contain a semicolon or control character, nor one above U+00FF`,
      );
    }
    return `${name}=${value}`;
  }).join("; ");
}

/**
 * Returns the URL with parameters added to its query, encoded like those of HTML forms.
 *
 * @throws {TypeError} if a name is not a string, or a value is not a string, number or boolean
 */
export function withParams(url: URL, params: ParamsOption | undefined): URL {
  if (params === undefined) return url;
  if (typeof params !== "object" || params === null) {
    throw new TypeError(`params must be a record, pairs or URLSearchParams, not ${typeof params}`);
  }
  const pairs: [unknown, unknown][] = Symbol.iterator in params
    ? Array.from(params, ([name, value]) => [name, value])
    : Object.entries(params).flatMap(([name, value]): [unknown, unknown][] =>
      Array.isArray(value) ? value.map((each) => [name, each]) : [[name, value]]
    );
  const query = new URLSearchParams();
  for (const [name, value] of pairs) {
    if (typeof name !== "string") throw new TypeError(`params: a name must be a string, not ${typeof name}`);
    if (!["string", "number", "boolean"].includes(typeof value)) {
      throw new TypeError(`params: the value of ${name} must be a string, number or boolean, not ${typeof value}`);
    }
    query.append(name, String(value));
  }
  const made = new URL(url);
  if (query.size > 0) made.search = [made.search.slice(1), query.toString()].filter((part) => part !== "").join("&");
  return made;
}
