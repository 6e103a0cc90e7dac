/** Redirects of the handshake, as far as they can be followed. Pure. */
import { fieldValues, type HeaderList } from "./fields.ts";
import { becomeWs } from "./url.ts";

const STATUSES = [301, 302, 303, 307, 308];

/** The `Location` of a redirect that may be followed, or null where an answer is none. */
export function redirectLocation(status: number, headers: HeaderList): string | null {
  if (!STATUSES.includes(status)) return null;
  return fieldValues(headers, "location")[0] ?? null;
}

/**
 * Where a redirect leads, as a `ws:` or `wss:` URL without a fragment.
 *
 * @throws {TypeError} that says why it may not be followed
 */
export function redirectTarget(from: URL, location: string): URL {
  const url = URL.parse(location, from);
  if (url === null) throw new TypeError("it is no URL");
  if (!becomeWs(url)) throw new TypeError("its scheme is not ws, wss, http or https");
  if (from.protocol === "wss:" && url.protocol === "ws:") throw new TypeError("it leads from wss: to ws:, without TLS");
  url.hash = "";
  return url;
}
