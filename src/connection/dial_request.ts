/** What the next attempt asks for, and with which credentials; a redirect to another origin leaves some of them out. Pure. */
import type { CompleteCookies } from "../handshake/cookies.ts";
import { type Challenge, digestCredentials, type Hasher } from "../handshake/digest.ts";
import { requestTarget } from "../handshake/request.ts";
import { withoutIdentity } from "../options/curl_options.ts";
import type { CompleteOptions } from "../options/options.ts";

/** A URL, and what of the caller's options depends on its origin. */
export interface DialRequest extends Pick<CompleteOptions, "headers" | "auth" | "tls" | "curlOptions"> {
  /** A `ws:` or `wss:` URL. */
  readonly url: URL;
  readonly cookies: CompleteCookies;
}

/** The caller's fields that are for the first origin alone: Host, and what authenticates by its name. */
const OWN_ORIGIN = /^host$|auth|cookie|credential|passw|secret|session|signature|token|api-?key|[-_]key$/i;

/**
 * Returns the request that follows a redirect to `url`. On the same origin it has the same credentials, the URL's user and
 * password too; for another origin it has none but those in `url`. A jar knows by itself which cookies are for whom.
 */
export function redirectedRequest(request: DialRequest, url: URL): DialRequest {
  const before = request.url;
  if (url.origin === before.origin) {
    const same = new URL(url);
    if (same.username === "" && same.password === "") {
      same.username = before.username;
      same.password = before.password;
    }
    return { ...request, url: same };
  }
  const { cert: _cert, key: _key, pfx: _pfx, passphrase: _passphrase, serverName: _name, ...tls } = request.tls;
  return {
    url,
    headers: request.headers.filter(([name]) => !OWN_ORIGIN.test(name)),
    auth: null,
    cookies: typeof request.cookies === "string" ? null : request.cookies,
    tls,
    curlOptions: withoutIdentity(request.curlOptions),
  };
}

/**
 * Returns the value of Authorization, null for none; undefined for what the URL's user and password make. `challenge` is the
 * Digest challenge to answer, or null; `makeNonce` returns a random text for the answer.
 */
export function authorization(
  { url, auth }: DialRequest,
  challenge: Challenge | null,
  makeNonce: () => string,
  hasher: Hasher,
): string | null | undefined {
  if (auth === null) return undefined;
  if (auth.type === "header") return auth.authorization;
  if (challenge === null) return null;
  const { username, password } = auth;
  const request = { username, password, method: "GET", uri: requestTarget(url), cnonce: makeNonce() };
  return digestCredentials(challenge, request, hasher);
}
