/** The rows of docs/comparison.md, in its order. */
export const ROWS: readonly (readonly [id: string, title: string])[] = [
  ["httpProxy", "HTTP CONNECT proxy"],
  ["proxyPassword", "its username and password"],
  ["httpsProxy", "HTTPS proxy, of an own CA"],
  ["socksProxy", "SOCKS5 proxy"],
  ["envProxy", "proxy of the environment"],
  ["ownCa", "own CA"],
  ["clientCert", "client certificate"],
  ["verifyOff", "certificate unchecked"],
  ["serverName", "server name (SNI) of its own"],
  ["pinnedKey", "pinned public key"],
  ["impersonate", "Chrome's ClientHello (JA4)"],
  ["browserHeaders", "Chrome's handshake, field by field"],
  ["headers", "own header fields, in order and case"],
  ["basicUrl", "Basic, from the URL"],
  ["digest", "Digest (SHA-256)"],
  ["cookieJar", "Set-Cookie kept for the next connection"],
  ["httpSession", "HTTP requests in the same session, with its cookies"],
  ["redirects", "redirects followed"],
  ["unixSocket", "Unix socket"],
  ["localAddress", "local address"],
  ["resolve", "addresses for names"],
  ["ipVersion", "IPv4 or IPv6 alone"],
  ["keepAlive", "TCP keep-alive"],
  ["doh", "DNS over HTTPS"],
  ["http2", "WebSocket over HTTP/2 (RFC 8441)"],
  ["deflate", "permessage-deflate"],
  ["maxMessageSize", "largest message bounded"],
  ["backpressure", "a reader that stops makes the server wait"],
  ["ping", "ping by hand"],
  ["deadPeer", "dead peer found by pings of its own"],
  ["reconnect", "a lost connection made again"],
  ["rotation", "connection replaced without a gap"],
  ["redundancy", "several connections, each message once"],
  ["events", "MessageEvent and CloseEvent"],
  ["binaryType", "binary as Blob and ArrayBuffer"],
  ["abort", "AbortSignal while connecting"],
  ["runtimes", "Node, Deno and Bun"],
];

/** What CurlWebSocket does not have. */
export const LACKED: readonly string[] = ["httpSession", "http2", "runtimes"];

/** Rows that mean nothing to a client, as they are about classes of JavaScript. */
export const MEANINGLESS: { readonly [client: string]: readonly string[] } = {
  "curl_cffi": ["events", "binaryType", "abort", "runtimes"],
  "Deno": ["runtimes"],
  "Bun": ["runtimes"],
};

/** What was not tried here but is what each client's packages are built for, or ours were run on. */
export const SYSTEMS: { readonly [client: string]: string } = {
  "curlws on Deno": "tried: Linux x64 (glibc) alone",
  "curlws on Bun": "tried: Linux x64 (glibc, musl) alone",
  "curl_cffi": "Linux (glibc, musl), macOS, Windows; x64, arm64",
  "wreq-js": "Linux (glibc, musl), macOS; x64, arm64; Windows x64",
  "impers": "where koffi and libcurl-impersonate are",
  "ws": "where Node is",
  "Deno": "Linux (glibc), macOS, Windows; x64, arm64",
  "Bun": "Linux (glibc, musl), macOS, Windows; x64, arm64",
  "undici": "where Node is",
};

/** The clients, in the order of the columns. */
export const CLIENTS = [
  "curlws on Deno",
  "curlws on Bun",
  "curl_cffi",
  "wreq-js",
  "impers",
  "ws",
  "Deno",
  "Bun",
  "undici",
] as const;
