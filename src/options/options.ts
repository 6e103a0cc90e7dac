/** The options a user may give, validated and made whole. An option that is not known is an error, never ignored. */
import type { CookiesOption } from "../handshake/cookies.ts";
import { offersClientWindow } from "../handshake/browsers.ts";
import type { HeaderList } from "../handshake/fields.ts";
import { checkHeaders } from "../handshake/request.ts";
import { checkNames, numberOf, textOf } from "./validate.ts";
import { type CompleteDeflateOptions, deflateOptions, type PerMessageDeflateOptions } from "./deflate.ts";
import { type CurlOptionValue, type RawCurlOption, rawCurlOptions } from "./curl_options.ts";
import { headerList, type HeadersOption } from "./headers.ts";
import { type AuthOptions, type CompleteHttpOptions, httpOptions, type ParamsOption } from "./handshake.ts";
import { type CompleteNetwork, NETWORK_NAMES, type NetworkOptions, networkOptions } from "./network.ts";
import { type CompleteProxy, type ProxyOption, proxyOptions } from "./proxy.ts";
import { type TlsOptions, tlsOptions } from "./tls.ts";
import { type Observer, observerOf } from "../observe/observer.ts";

export type { CompleteDeflateOptions, PerMessageDeflateOptions } from "./deflate.ts";
export type { CurlOptionValue } from "./curl_options.ts";
export type { CookieJar, CookiesOption } from "../handshake/cookies.ts";
export type { HeadersOption } from "./headers.ts";
export type { AuthOptions, BearerAuth, ParamsOption, PasswordAuth } from "./handshake.ts";
export type { KeepAliveOptions, NetworkOptions } from "./network.ts";
export type { ProxyAuth, ProxyOption, ProxyOptions } from "./proxy.ts";
export type { Pem, ProxyTlsOptions, TlsOptions, TlsVersion } from "./tls.ts";

/**
 * What a `CurlWebSocket` may be given beside its URL and subprotocols. Times are in milliseconds, 0 to 2^31 - 1, sizes in
 * bytes, 0 to 2^53 - 1. The constructor throws a `TypeError` for an option that is not known, a value of another kind and
 * options that contradict one another, a `RangeError` for a number out of its range; what only the loaded libcurl can tell
 * is an error event with `ERR_LIBCURL`. docs/options.md has each option with the libcurls it was tried with.
 */
export interface CurlWebSocketOptions extends NetworkOptions {
  /**
   * Header fields of the handshake's request, sent exactly as given, in this order and case: a record, or pairs where a
   * name comes twice. One of `Host`, `Connection` or `Upgrade` stands where it is given. CR, LF and NUL are refused. With
   * `impersonate` a field that the browser has too stands in the browser's place, and all others behind the browser's.
   */
  headers?: HeadersOption;
  /**
   * The browser to be taken for: `"chrome"`, `"edge"`, `"firefox"` or `"safari"`, which is the newest that libcurl knows,
   * or one of its targets, such as `"chrome131_android"`. Its ClientHello and its WebSocket handshake are sent: the
   * fields, their order and values, the User-Agent of that version and platform, and its offer of compression unless
   * `perMessageDeflate` says something else. Of Safari the order of the fields is not known for certain.
   *
   * It takes libcurl-impersonate (`library`); another libcurl, or one that does not know the browser, makes the
   * constructor throw `ERR_IMPERSONATE`. A browser always sends an Origin: by default that of the URL, as from a page of
   * the same server.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Chrome = CurlWebSocket.with({ impersonate: "chrome", origin: "https://www.example.com" });
   * ```
   */
  impersonate?: string;
  /** The value of Origin: a scheme, a host and a port, or `"null"`. By default none is sent, but with `impersonate`. */
  origin?: string;
  /**
   * Who asks: a username and password, for Basic or Digest, or a bearer token. Goes before the URL's username and
   * password, which are sent as Basic.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Basic = CurlWebSocket.with({ auth: { username: "joe", password: "secret" } });
   * const Digest = CurlWebSocket.with({ auth: { username: "joe", password: "secret", type: "digest" } });
   * const Bearer = CurlWebSocket.with({ auth: { bearer: "mF_9.B5f-4.1JqM" } });
   * ```
   */
  auth?: AuthOptions;
  /**
   * Cookies: the value of `Cookie` as it is to be sent, a record of names and values, or a jar such as tough-cookie's. A
   * jar is asked for the cookies of each URL, and given every `Set-Cookie` of an answer, also of a refusal, before the
   * `open` event; what it throws or rejects with is `ERR_COOKIE_JAR`. Other cookies that are set are dropped.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Fixed = CurlWebSocket.with({ cookies: { session: "38afes7a8" } });
   * ```
   */
  cookies?: CookiesOption;
  /**
   * How many redirects are followed, 0 (the default, as the WHATWG standard says) to 100: 301, 302, 303, 307 and 308 to
   * `ws:`, `wss:`, `http:` or `https:`, but not from `wss:` to `ws:`, nor back to a request that was made before. For
   * another origin `auth`, `cookies` (but a jar's), the URL's username and password, the client certificate
   * (also one of `curlOptions`), `tls.serverName`, the header Host and headers that authenticate by their names
   * (Authorization, Cookie, X-Api-Key and the like) are left out, and stay so. Subprotocols go along. Each connection has its `connectTimeout` and `handshakeTimeout`. One that is not followed is `ERR_HANDSHAKE_REDIRECT`.
   */
  maxRedirects?: number;
  /**
   * Parameters to add to the URL's query, behind those it has; `url` shows them.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Trades = CurlWebSocket.with({ params: { symbol: ["BTC", "ETH"], depth: 10 } });
   * ```
   */
  params?: ParamsOption;
  /** TLS settings of `wss:`; the server's certificate is checked unless `verify` is false. */
  tls?: TlsOptions;
  /**
   * The proxy to connect through: its URL, or an object with all there is to say about it. `false` for none at all. By
   * default the environment names it, by curl's rules: `ws_proxy` or `wss_proxy`, else `http_proxy` (in lower case alone)
   * or `https_proxy`, else `all_proxy`, but not for the hosts of `no_proxy`.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Proxied = CurlWebSocket.with({ proxy: "socks5h://user:secret@proxy.example:1080" });
   * const Direct = CurlWebSocket.with({ proxy: false });
   * ```
   */
  proxy?: ProxyOption;
  /**
   * Options of libcurl itself, by name (`"TCP_FASTOPEN"`, `"CURLOPT_TCP_FASTOPEN"`) or number, for what has no option
   * here. They are set last. A value must have the option's kind: integers, or booleans, for `long`, strings, lists of
   * strings, bytes for blobs. Those that take functions or pointers, that would break the client or that would have no
   * effect are refused, by this constructor; those that the loaded libcurl lacks with `ERR_LIBCURL`.
   */
  curlOptions?: Readonly<Record<string, CurlOptionValue>>;
  /**
   * How long DNS, TCP and TLS may take together; default 30,000, 0 for no limit. Of several addresses the first has half of
   * it, the next one half of what is left; with 0 each has what the system gives it, some two minutes on Linux.
   */
  connectTimeout?: number;
  /** How long the server may take to answer the handshake's request; default 30,000, 0 for no limit. */
  handshakeTimeout?: number;
  /**
   * How long a close may wait for the peer's close frame, in ms; default 5,000, 0 for no limit. While messages sent before
   * are still leaving, each 64 KiB that the peer takes begins it anew.
   */
  closeTimeout?: number;
  /**
   * A ping is sent so often; default 0 for never. Where nothing at all has come from the peer between one and the next, the
   * connection ends with `ERR_PING_TIMEOUT` and 1006. Their pongs fire no event. Pings rest while reading is paused, when no
   * pong can be read, and begin anew with `resume()`.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Watchful = CurlWebSocket.with({ pingInterval: 20_000 });
   * ```
   */
  pingInterval?: number;
  /**
   * The connection ends with `ERR_IDLE_TIMEOUT` and 1006 where no byte was received for so long; default 0 for no limit.
   * Pongs are bytes too, so with `pingInterval` below it a peer that answers is never idle. The time while reading is
   * paused does not count.
   */
  idleTimeout?: number;
  /** The largest message that is received; default 64 MiB. A larger one ends the connection with 1009. */
  maxMessageSize?: number;
  /**
   * How long a message of a dense stream may wait so that several are taken together, which costs a fraction of the CPU:
   * default 1, at most 1,000, 0 for never. A message after a quiet spell, and one after a message was sent, never waits. The runtime's
   * timers make it longer, up to 2.2 ms on Deno. The least of all sockets of a thread holds for all of them.
   */
  maxReceiveDelay?: number;
  /**
   * How many bytes may wait; default 1 MiB. Reading pauses while the async iterator, or the readable of a
   * `CurlWebSocketStream`, holds this many, and goes on at half of that; a message counts its length and 64 bytes. A write to
   * its writable waits while more than this many are not yet taken by the kernel. Events
   * alone pause nothing.
   */
  highWaterMark?: number;
  /**
   * Whether compression of messages is offered (RFC 7692), and how; default true. Without zlib on the machine it is not
   * offered, as {@linkcode libcurl} tells.
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /**
   * The libcurl to use: a name or path for the dynamic loader; default `CURLWS_LIBCURL`, else what is found. One that cannot
   * be used makes the constructor throw `ERR_LIBCURL_NOT_FOUND` or `ERR_LIBCURL_TOO_OLD`.
   */
  library?: string;
  /** Ends the attempt to connect, with `ERR_ABORTED`; has no effect on an open connection. */
  signal?: AbortSignal;
}

/** Options with every default in place. */
export interface CompleteOptions extends CompleteHttpOptions {
  readonly headers: HeaderList;
  readonly tls: TlsOptions;
  /** Null where the environment decides. */
  readonly proxy: CompleteProxy | false | null;
  readonly network: CompleteNetwork;
  readonly curlOptions: readonly RawCurlOption[];
  readonly connectTimeout: number;
  readonly handshakeTimeout: number;
  readonly closeTimeout: number;
  readonly pingInterval: number;
  readonly idleTimeout: number;
  readonly maxMessageSize: number;
  readonly maxReceiveDelay: number;
  readonly highWaterMark: number;
  /** Null where it is not to be offered. */
  readonly deflate: CompleteDeflateOptions | null;
  readonly library: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Who observes the connection beside the debug log and the channels; not public. */
  readonly observer: Observer | null;
}

const NAMES = [
  "headers",
  "impersonate",
  "origin",
  "auth",
  "cookies",
  "maxRedirects",
  "params",
  "tls",
  "proxy",
  "curlOptions",
  ...NETWORK_NAMES,
  "connectTimeout",
  "handshakeTimeout",
  "closeTimeout",
  "pingInterval",
  "idleTimeout",
  "maxMessageSize",
  "maxReceiveDelay",
  "highWaterMark",
  "perMessageDeflate",
  "library",
  "signal",
];

/** The longest time a timer can hold. */
const MAX_TIMEOUT = 0x7fff_ffff;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {TypeError} for a name or type that is wrong
 * @throws {RangeError} for a number out of its range
 */
export function completeOptions(options: CurlWebSocketOptions): CompleteOptions {
  checkNames("option", options, NAMES);
  const library = textOf("library", options.library, "a name or path");
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw new TypeError("signal must be an AbortSignal");
  }
  if (options.unixSocket !== undefined && options.proxy) {
    throw new TypeError("unixSocket needs no proxy: give one of the two");
  }
  const number = (name: keyof CurlWebSocketOptions, fallback: number, max: number): number =>
    numberOf(name, options[name] ?? fallback, 0, max);
  const headers = headerList("headers", options.headers);
  checkHeaders(headers);
  const http = httpOptions(options, headers);
  return {
    ...http,
    headers,
    tls: tlsOptions("tls", options.tls ?? {}),
    proxy: proxyOptions(options.proxy),
    network: networkOptions(options),
    curlOptions: rawCurlOptions(options.curlOptions),
    connectTimeout: number("connectTimeout", 30_000, MAX_TIMEOUT),
    handshakeTimeout: number("handshakeTimeout", 30_000, MAX_TIMEOUT),
    closeTimeout: number("closeTimeout", 5_000, MAX_TIMEOUT),
    pingInterval: number("pingInterval", 0, MAX_TIMEOUT),
    idleTimeout: number("idleTimeout", 0, MAX_TIMEOUT),
    maxMessageSize: number("maxMessageSize", 64 * 1024 * 1024, Number.MAX_SAFE_INTEGER),
    maxReceiveDelay: number("maxReceiveDelay", 1, 1000),
    highWaterMark: number("highWaterMark", 1024 * 1024, Number.MAX_SAFE_INTEGER),
    deflate: deflateOptions(
      options.perMessageDeflate ?? true,
      http.impersonate === null || offersClientWindow(http.impersonate),
    ),
    library,
    signal: options.signal,
    observer: observerOf(options),
  };
}
