/** Redirects of the handshake, as far as they can be followed. Pure. */
import { fieldValues, type HeaderList } from "./fields.ts";
import { becomeWs } from "./url.ts";

/** RFC 9110 section 15.4, without those that need a choice (300), or name no other URL (304). */
const STATUSES = [301, 302, 303, 307, 308];

/** Returns the `Location` of a redirect, or null if the response is no redirect. */
export function redirectLocation(status: number, headers: HeaderList): string | null {
  if (!STATUSES.includes(status)) return null;
  return fieldValues(headers, "location")[0] ?? null;
}

/**
 * Returns where a redirect leads: a `ws:` or `wss:` URL without a fragment.
 *
 * @throws {TypeError} if it may not be followed; the message says why
 */
export function redirectTarget(from: URL, location: string): URL {
  const url = URL.parse(location, from);
  if (url === null) throw new TypeError("it is not a URL");
  if (!becomeWs(url)) throw new TypeError("its scheme is not ws, wss, http or https");
  if (from.protocol === "wss:" && url.protocol === "ws:") throw new TypeError("it leads from wss: to ws:, without TLS");
  url.hash = "";
  return url;
}
