/** What the next attempt asks for: a redirect to another origin leaves the first origin's credentials out. Pure. */
import type { CompleteCookies } from "../handshake/cookies.ts";
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
