/** The options of `ws`, checked, and as those of a `CurlWebSocket`. */
import type { CurlWebSocketOptions, PerMessageDeflateOptions } from "../mod.ts";
import type { Socket } from "./events.ts";
import type { HandshakeRequest, HeaderValue } from "./handshake_request.ts";
import { isGiven, NO_TLS, type NodeTlsOptions, TLS_NAMES, tlsOptions } from "./tls_options.ts";

/** How messages are compressed, by the names of `ws`. */
export interface DeflateOptions {
  /** Asks the server to compress each message by itself. */
  serverNoContextTakeover?: boolean;
  /** Compresses each message by itself. */
  clientNoContextTakeover?: boolean;
  /** Asks the server for a window of at most 2^n bytes, n from 8 to 15. */
  serverMaxWindowBits?: number;
  /** The window that this client compresses with; by default the server may limit it. */
  clientMaxWindowBits?: number | boolean;
  /** Of zlib's options `level` and `memLevel` count; the others have no effect. */
  zlibDeflateOptions?: { level?: number; memLevel?: number; [name: string]: unknown };
  /** Has no effect. */
  zlibInflateOptions?: object;
  /** Messages of this many bytes or more are compressed; default 1024. */
  threshold?: number;
  /** Has no effect: messages are compressed at once. */
  concurrencyLimit?: number;
}

/** The options of `ws`. docs/ws.md says what is different. */
export interface WsOptions extends NodeTlsOptions {
  /** Has no effect: each message is an event with a task of its own. */
  allowSynchronousEvents?: boolean;
  /** How long a close waits for the server's close frame, ms; default 30,000. */
  closeTimeout?: number;
  /** Called with each request before it is sent; it must call `request.end()`, then or later. */
  finishRequest?: (request: HandshakeRequest, socket: Socket) => void;
  /** Whether to follow redirects; default false. */
  followRedirects?: boolean;
  /** How many redirects to follow; default 10. */
  maxRedirects?: number;
  /** How long connecting, and then the server's response, may take, ms; by default 30,000 each. */
  handshakeTimeout?: number;
  /** The largest message to receive, in bytes, 0 for no limit; default 100 MiB. */
  maxPayload?: number;
  /** Has no effect: what is read is not kept in chunks. */
  maxBufferedChunks?: number;
  /** Has no effect: fragments take the memory of their bytes. */
  maxFragments?: number;
  /** Has no effect: pongs that wait to be sent are limited anyway. */
  maxPendingAutoPongs?: number;
  /** The value of Origin. */
  origin?: string;
  /** Whether to offer compression of messages, and how; default true. */
  perMessageDeflate?: boolean | DeflateOptions;
  /** Only 13. */
  protocolVersion?: number;
  /** Has no effect: text is always checked. */
  skipUTF8Validation?: boolean;
  /** Header fields of the request. */
  headers?: Readonly<Record<string, HeaderValue | undefined>>;
  /** Credentials for Basic, as `"user:password"`, or as `CurlWebSocket` takes them. */
  auth?: string | CurlWebSocketOptions["auth"];
  /** The version of IP to use: 4, 6, or 0 for both. */
  family?: number;
}

/** The options of a `CurlWebSocket` that `ws` has another meaning for, or another name. */
export type RenamedOption = "headers" | "auth" | "perMessageDeflate" | "maxRedirects" | "signal" | "maxMessageSize";

/** What the constructor takes: the options of `ws`, and those of a `CurlWebSocket`. */
export interface ClientOptions extends WsOptions, Omit<CurlWebSocketOptions, keyof WsOptions | RenamedOption> {
  /** The subprotocols, as Bun's class takes them. */
  protocols?: string | string[];
}

/** The options as they are used. */
export interface Settings {
  /** For each connection that is made; headers, credentials and URL come with the request. */
  readonly curl: CurlWebSocketOptions;
  readonly headers: Readonly<Record<string, HeaderValue | undefined>>;
  readonly origin: string | undefined;
  /** `"user:password"`. */
  readonly auth: string | undefined;
  readonly followRedirects: boolean;
  readonly maxRedirects: number;
  readonly finishRequest: WsOptions["finishRequest"] | undefined;
}

/** Options that would change how connections are made, and what has that effect here. */
const INSTEAD: Readonly<Record<string, string>> = {
  agent: 'libcurl makes the connection; use proxy for a proxy, such as proxy: "http://host:8080", or a SOCKS one',
  createConnection: "libcurl makes the connection; use unixSocket for a Unix socket, or proxy, or connectTo",
  lookup: 'libcurl looks names up; use resolve: { "host": "address" }, or dohUrl',
  generateMask: "each frame's key comes from a strong random generator, as RFC 6455 section 10.3 wants it",
  maxMessageSize: "use maxPayload",
  signal: "use terminate()",
  ...NO_TLS,
};

/** Options that `ws` itself sets, whatever is given. */
const IGNORED = ["host", "hostname", "port", "path", "method", "protocol", "socketPath", "timeout", "defaultPort"];
const WS_NAMES = [
  ...[
    "allowSynchronousEvents",
    "finishRequest",
    "followRedirects",
    "maxRedirects",
    "maxPayload",
    "headers",
  ],
  ...["maxBufferedChunks", "maxFragments", "maxPendingAutoPongs", "origin", "perMessageDeflate", "protocolVersion"],
  ...["skipUTF8Validation", "auth", "family", "protocols", "tls", "handshakeTimeout", ...TLS_NAMES],
];
/** `ws` gives a close this long, ms, and messages this size. */
const CLOSE_TIMEOUT = 30_000, MAX_PAYLOAD = 100 * 1024 * 1024, MAX_REDIRECTS = 10;
const VERSIONS = [8, 13];

/**
 * Returns the options as they are used.
 *
 * @throws {TypeError | RangeError} for one that has no like here; the message says what to use instead
 */
export function settingsOf(options: ClientOptions): Settings {
  for (const [name, instead] of Object.entries(INSTEAD)) {
    const value = (options as Record<string, unknown>)[name];
    // `agent: false` says that none is wanted.
    if (isGiven(value) && value !== false) throw new TypeError(`the option ${name} of ws is not supported: ${instead}`);
  }
  checkVersion(options.protocolVersion ?? 13);
  const { auth, family, handshakeTimeout, maxPayload = MAX_PAYLOAD } = options;
  const known = [...WS_NAMES, ...IGNORED, ...Object.keys(INSTEAD)];
  const others = Object.entries(options).filter(([name, value]) => !known.includes(name) && value !== undefined);
  const tls = { ...options.tls, ...tlsOptions(options) };
  const curl: CurlWebSocketOptions = {
    closeTimeout: CLOSE_TIMEOUT,
    ...Object.fromEntries(others),
    maxMessageSize: maxPayload > 0 ? maxPayload : Number.MAX_SAFE_INTEGER,
    perMessageDeflate: deflateOptions(options.perMessageDeflate ?? true),
    ...handshakeTimeout ? { connectTimeout: options.connectTimeout ?? handshakeTimeout, handshakeTimeout } : {},
    ...Object.keys(tls).length > 0 && { tls },
    ...typeof auth === "object" && auth !== null && { auth },
    ...(family === 4 || family === 6) && { ipVersion: family },
  };
  return {
    curl,
    headers: options.headers ?? {},
    origin: options.origin || undefined,
    auth: typeof auth === "string" ? auth : undefined,
    followRedirects: options.followRedirects ?? false,
    maxRedirects: options.maxRedirects ?? MAX_REDIRECTS,
    finishRequest: options.finishRequest,
  };
}

function checkVersion(version: number): void {
  if (!VERSIONS.includes(version)) {
    const message = `Unsupported protocol version: ${version} (supported versions: ${VERSIONS.join(", ")})`;
    throw new RangeError(message);
  }
  if (version !== 13) throw new RangeError(`protocolVersion must be 13, RFC 6455's, and is ${version}`);
}

function deflateOptions(given: boolean | DeflateOptions): boolean | PerMessageDeflateOptions {
  if (typeof given !== "object" || given === null) return Boolean(given);
  const { zlibDeflateOptions: zlib = {}, clientMaxWindowBits, serverMaxWindowBits, threshold } = given;
  if (isGiven(zlib.dictionary)) throw new TypeError("zlibDeflateOptions.dictionary is not supported: no server has it");
  const made: PerMessageDeflateOptions = {
    threshold,
    level: zlib.level,
    memLevel: zlib.memLevel,
    serverNoContextTakeover: given.serverNoContextTakeover,
    clientNoContextTakeover: given.clientNoContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits,
  };
  return Object.fromEntries(Object.entries(made).filter(([, value]) => isGiven(value)));
}
