/**
 * The two ways of writing a WebSocket's URL: `ws:` and `wss:`, and the `http:` and `https:` that stand for them. Pure.
 */

/** Returns the `http:` or `https:` URL of a `ws:` or `wss:` one. */
export function httpUrl(url: URL): URL {
  return new URL(url.href.replace(/^ws/, "http"));
}

/** Changes `http:` to `ws:` and `https:` to `wss:`, in place. Returns whether the URL is `ws:` or `wss:` now. */
export function becomeWs(url: URL): boolean {
  if (url.protocol === "http:" || url.protocol === "https:") url.protocol = url.protocol.replace("http", "ws");
  return url.protocol === "ws:" || url.protocol === "wss:";
}
