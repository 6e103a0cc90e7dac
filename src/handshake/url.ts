/** The two ways of writing a WebSocket's URL: `ws:` and `wss:`, and the `http:` and `https:` that stand for them. Pure. */

/** The `http:` or `https:` URL of a `ws:` or `wss:` one. */
export function httpUrl(url: URL): URL {
  return new URL(url.href.replace(/^ws/, "http"));
}

/** Makes an `http:` or `https:` URL, in place, the `ws:` or `wss:` one it stands for. Returns whether it is one now. */
export function becomeWs(url: URL): boolean {
  if (url.protocol === "http:" || url.protocol === "https:") url.protocol = url.protocol.replace("http", "ws");
  return url.protocol === "ws:" || url.protocol === "wss:";
}
