/** The options of a `CurlWebSocket`, checked and completed with their defaults. An unknown option is an error. */
import type { CookiesOption } from "../handshake/cookies.ts";
import { offersClientWindow } from "../handshake/browsers.ts";
import type { HeaderList } from "../handshake/fields.ts";
import { checkHeaders } from "../handshake/request.ts";
import { checkNames, checkSignal, flagOf, MAX_TIMEOUT, numberOf, textOf } from "./validate.ts";
import { type CompleteDeflateOptions, deflateOptions, type PerMessageDeflateOptions } from "./deflate.ts";
import { type CurlOptionValue, type RawCurlOption, rawCurlOptions } from "./curl_options.ts";
import { headerList, type HeadersOption } from "./headers.ts";
import type { ImpersonateOptions } from "./fingerprint.ts";
import { type AuthOptions, type CompleteHandshakeOptions, handshakeOptions, type ParamsOption } from "./handshake.ts";
import { type CompleteNetwork, NETWORK_NAMES, type NetworkOptions, networkOptions } from "./network.ts";
import { type CompleteProxy, type ProxyOption, proxyOptions } from "./proxy.ts";
import { type TlsOptions, tlsOptions } from "./tls.ts";
import { hasObserver, type Observer, observerOf } from "../observe/observer.ts";

export type { CompleteDeflateOptions, PerMessageDeflateOptions } from "./deflate.ts";
export type { CurlOptionValue } from "./curl_options.ts";
export type { CookieJar, CookiesOption } from "../handshake/cookies.ts";
export type { HeadersOption } from "./headers.ts";
export type { CertificateCompression, ImpersonateOptions } from "./fingerprint.ts";
export type { AuthOptions, BearerAuth, ParamsOption, PasswordAuth } from "./handshake.ts";
export type { KeepAliveOptions, NetworkOptions } from "./network.ts";
export type { ProxyAuth, ProxyOption, ProxyOptions } from "./proxy.ts";
export type { Pem, ProxyTlsOptions, TlsOptions, TlsVersion } from "./tls.ts";

/**
 * The options of a `CurlWebSocket`. Times are in milliseconds, 0 to 2^31 - 1; sizes are in bytes, 0 to 2^53 - 1.
 *
 * The constructor throws a `TypeError` for an unknown option, a value of the wrong type, or options that contradict one
 * another, and a `RangeError` for a number out of its range. What the loaded libcurl refuses is an `error` event with
 * `ERR_LIBCURL`. docs/options.md lists each option with the libcurls it was tried with.
 */
export interface CurlWebSocketOptions extends NetworkOptions {
  /**
   * Header fields of the handshake's request, sent exactly as given, in this order and case: a record, or pairs if a
   * name comes twice. `Host`, `Connection` and `Upgrade` may be among them, and are then sent where they are given. CR,
   * LF and NUL are refused. With `impersonate`, a field that the browser sends too takes the browser's place; others
   * follow.
   */
  headers?: HeadersOption;
  /**
   * The browser to look like: `"chrome"`, `"edge"`, `"firefox"`, `"safari"`, `"chrome_android"`, `"safari_ios"` or
   * `"tor"`, which means the newest that libcurl knows, or one of its targets, such as `"chrome131_android"`; or a
   * ClientHello by its parts, {@linkcode ImpersonateOptions}. The client sends that browser's ClientHello and
   * WebSocket handshake: its fields, their order and values, the User-Agent of that version and platform, and its offer
   * of compression, unless `perMessageDeflate` is given. Safari's order of fields is not known for certain.
   *
   * It needs libcurl-impersonate (`library`). With another libcurl, or one that does not know the browser, the
   * constructor throws `ERR_IMPERSONATE`. A browser always sends an Origin: by default that of the URL, as from a page
   * of the same server.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Chrome = CurlWebSocket.with({ impersonate: "chrome", origin: "https://www.example.com" });
   * const Own = CurlWebSocket.with({ impersonate: { base: "chrome", permuteExtensions: false, keyShares: 1 } });
   * ```
   */
  impersonate?: string | ImpersonateOptions;
  /**
   * The value of Origin: a scheme, a host and a port, or `"null"`. By default none is sent, except with `impersonate`.
   */
  origin?: string;
  /**
   * Credentials: a username and password, for Basic or Digest, or a bearer token. They take the place of the URL's
   * username and password, which are sent as Basic.
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
   * Cookies: the value of `Cookie` as it is to be sent, a record of names and values, or a jar such as tough-cookie's.
   * A jar gives the cookies for each URL, and gets every `Set-Cookie` of a response, also of a refusal, before the
   * `open` event; if it throws or rejects, the error is `ERR_COOKIE_JAR`. Without a jar, `Set-Cookie` is ignored.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Fixed = CurlWebSocket.with({ cookies: { session: "38afes7a8" } });
   * ```
   */
  cookies?: CookiesOption;
  /**
   * How many redirects to follow, 0 (the default, as the WHATWG standard says) to 100: 301, 302, 303, 307 and 308 to
   * `ws:`, `wss:`, `http:` or `https:`, but not from `wss:` to `ws:`, nor to a request that was made before. A redirect
   * that is not followed is `ERR_HANDSHAKE_REDIRECT`. Each connection has its own `connectTimeout` and
   * `handshakeTimeout`.
   *
   * From the first redirect to another origin on, these are left out: `auth`, `cookies` (except a jar's), the URL's
   * username and password, the client certificate (also one of `curlOptions`), `tls.serverName`, the header Host, and
   * headers whose names authenticate (Authorization, Cookie, X-Api-Key and the like). Subprotocols are kept.
   */
  maxRedirects?: number;
  /**
   * Parameters to add to the end of the URL's query; `url` shows them.
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
   * The proxy to connect through: its URL, or an object with its settings; `false` for none. By default the environment
   * names it, by curl's rules: `ws_proxy` or `wss_proxy`, else `http_proxy` (only in lower case) or `https_proxy`, else
   * `all_proxy`, but not for the hosts of `no_proxy`.
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
   * here. They are set last. A value must fit the option: an integer or a boolean for a `long`, a string, a list of
   * strings, or bytes for a blob. The constructor refuses options that take functions or pointers, would break the
   * client, or would have no effect; one that the loaded libcurl lacks is `ERR_LIBCURL`.
   */
  curlOptions?: Readonly<Record<string, CurlOptionValue>>;
  /**
   * How long DNS, TCP and TLS may take together; default 30,000, 0 for no limit. If there are several addresses, the
   * first gets half of it, and the next one half of what is left; with 0 the system limits each, to some two minutes on
   * Linux.
   */
  connectTimeout?: number;
  /** How long the server may take to respond to the handshake's request; default 30,000, 0 for no limit. */
  handshakeTimeout?: number;
  /**
   * How long a close waits for the peer's close frame; default 5,000, 0 for no limit. While messages before the close
   * are still being sent, the time starts again with each 64 KiB that the peer takes.
   */
  closeTimeout?: number;
  /**
   * How often a ping is sent; default 0 for never. If nothing at all has come from the peer between one ping and the
   * next, the connection ends with `ERR_PING_TIMEOUT` and 1006. The pongs fire no event. While reading is paused, no
   * pong can be read and no ping is sent; `resume()` starts the interval again.
   *
   * ```ts
   * import { CurlWebSocket } from "@curlws/curlws";
   *
   * const Watchful = CurlWebSocket.with({ pingInterval: 20_000 });
   * ```
   */
  pingInterval?: number;
  /**
   * Whether each ping of the server gets its pong at once; default true, as RFC 6455 wants it. With false, the program
   * sends the pongs itself: `socket.pong(event.data)` in a listener of `ping`.
   */
  autoPong?: boolean;
  /**
   * How long the connection may receive nothing before it ends with `ERR_IDLE_TIMEOUT` and 1006; default 0 for no
   * limit. Pongs count: with a shorter `pingInterval`, a peer that sends pongs is never idle. The time while reading is
   * paused does not count.
   */
  idleTimeout?: number;
  /** The largest message to receive, after inflating; default 64 MiB. A larger one ends the connection with 1009. */
  maxMessageSize?: number;
  /**
   * How long a message of a dense stream may wait, ms, so that several are read together, which costs a fraction of the
   * CPU; default 1, at most 1,000, 0 for never. A stream is dense if it would wake the thread more than 2.5 times in that
   * time: above 2,500 messages/s by default, above 250 with 10. A message after a pause, and one after a message was sent,
   * never waits. The runtime's timers may make it longer, up to 2.2 ms on Deno. The smallest value of a thread's sockets
   * holds for all of them.
   */
  maxReceiveDelay?: number;
  /**
   * How many bytes may wait; default 1 MiB. Reading pauses when the async iterator, or the readable of a
   * `CurlWebSocketStream`, holds this many, and goes on at half of that; a message counts its length and 64 bytes. A
   * write to the writable waits while the kernel has more than this many still to take. Event listeners pause nothing.
   */
  highWaterMark?: number;
  /**
   * Whether to offer compression of messages (RFC 7692), and how; default true. If the machine has no zlib, it is not
   * offered: {@linkcode libcurl} returns whether it has.
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /**
   * The libcurl to use: a name or path for the dynamic loader; by default that of the environment's `CURLWS_LIBCURL`,
   * else the one that is found. If it cannot be used, the constructor throws `ERR_LIBCURL_NOT_FOUND` or
   * `ERR_LIBCURL_TOO_OLD`.
   */
  library?: string;
  /** Aborts the attempt to connect, with `ERR_ABORTED`; has no effect once the connection is open. */
  signal?: AbortSignal;
}

/** Options with every default in place. */
export interface CompleteOptions extends CompleteHandshakeOptions {
  readonly headers: HeaderList;
  readonly tls: TlsOptions;
  /** Null if the environment decides. */
  readonly proxy: CompleteProxy | false | null;
  readonly network: CompleteNetwork;
  readonly curlOptions: readonly RawCurlOption[];
  readonly connectTimeout: number;
  readonly handshakeTimeout: number;
  readonly closeTimeout: number;
  readonly pingInterval: number;
  readonly idleTimeout: number;
  readonly autoPong: boolean;
  readonly maxMessageSize: number;
  readonly maxReceiveDelay: number;
  readonly highWaterMark: number;
  /** Null if compression is not offered. */
  readonly deflate: CompleteDeflateOptions | null;
  readonly library: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** An observer of the connection, in addition to the debug log and the channels; not public. */
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
  "autoPong",
  "maxMessageSize",
  "maxReceiveDelay",
  "highWaterMark",
  "perMessageDeflate",
  "library",
  "signal",
];

/** The last options that were all numbers, strings and booleans, and what they became. */
let last: { readonly names: string[]; readonly values: unknown[]; readonly complete: CompleteOptions } | null = null;

/**
 * Returns the options, checked, with every default. A program that opens thousands gives most of them the same: they
 * share the result, unless an option is an object, which may have changed.
 *
 * @throws {TypeError} for an unknown option, a value of the wrong type, or options that contradict one another
 * @throws {RangeError} for a number out of its range
 */
export function completeOptions(options: CurlWebSocketOptions): CompleteOptions {
  if (hasObserver(options)) return checkedOptions(options);
  const given = options as Readonly<Record<string, unknown>>;
  if (last !== null && areLast(given)) return last.complete;
  const complete = checkedOptions(options), names = Object.keys(given), values = Object.values(given);
  if (values.every((value) => typeof value !== "object" && typeof value !== "function")) {
    last = { names, values, complete };
  }
  return complete;
}

function areLast(given: Readonly<Record<string, unknown>>): boolean {
  const { names, values } = last!;
  let count = 0;
  for (const name in given) {
    if (name !== names[count] || given[name] !== values[count]) return false;
    count++;
  }
  return count === names.length;
}

function checkedOptions(options: CurlWebSocketOptions): CompleteOptions {
  checkNames("option", options, NAMES);
  const library = textOf("library", options.library, "a name or path");
  checkSignal(options.signal);
  if (options.unixSocket !== undefined && options.proxy) {
    throw new TypeError("unixSocket and proxy exclude each other: give one of them");
  }
  const number = (name: keyof CurlWebSocketOptions, fallback: number, max: number): number =>
    numberOf(name, options[name] ?? fallback, 0, max);
  const headers = headerList("headers", options.headers);
  checkHeaders(headers);
  const http = handshakeOptions(options, headers);
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
    autoPong: flagOf("autoPong", options.autoPong, true),
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
