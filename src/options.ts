/** The options a user may give, validated and made whole. An option that is not known is an error, never ignored. */
import type { TlsOptions } from "./curl/connector.ts";
import { type DeflateOffer, MAX_WINDOW_BITS, MIN_WINDOW_BITS } from "./protocol/extensions.ts";
import { checkHeaders, type HeaderList } from "./protocol/handshake.ts";

/** How messages are compressed, RFC 7692. */
export interface PerMessageDeflateOptions {
  /** Messages of so many bytes or more are compressed; default 1024. What the server compresses is its own choice. */
  threshold?: number;
  /** zlib's compression level, 0 (none) to 9 (best); default -1, zlib's own choice, which is 6. */
  level?: number;
  /** How much memory a compressing stream takes, 1 (least) to 9; default 8, which makes 256 KiB with the largest window. */
  memLevel?: number;
  /** Asks the server to compress each message by itself, which spares both sides memory; default false. */
  serverNoContextTakeover?: boolean;
  /** Compresses each message by itself; default false. */
  clientNoContextTakeover?: boolean;
  /** Bounds the server's window to 2^n bytes, n from 8 to 15; by default the server chooses. */
  serverMaxWindowBits?: number;
  /**
   * The window this client compresses with, 2^n bytes, n from 8 to 15; true (the default) lets the server bound it, false
   * does not.
   */
  clientMaxWindowBits?: number | boolean;
}

/** What a `CurlWebSocket` may be given beside its URL and subprotocols. Times are in milliseconds, sizes in bytes. */
export interface CurlWebSocketOptions {
  /**
   * Header fields of the handshake's request, sent exactly as given, in this order and case: a record, or pairs where a
   * name comes twice. One of `Host`, `Connection` or `Upgrade` stands where it is given. CR, LF and NUL are refused.
   */
  headers?: Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;
  /** TLS settings of `wss:`; the server's certificate is checked unless `verify` is false. */
  tls?: TlsOptions;
  /** How long DNS, TCP and TLS may take together; default 30,000, 0 for no limit. */
  connectTimeout?: number;
  /** How long the server may take to answer the handshake's request; default 30,000, 0 for no limit. */
  handshakeTimeout?: number;
  /** How long a close may wait for the peer, from the last byte it took; default 5,000, 0 for no limit. */
  closeTimeout?: number;
  /** The largest message that is received; default 64 MiB. A larger one ends the connection with 1009. */
  maxMessageSize?: number;
  /**
   * How long a message of a dense stream may wait so that several are taken together, which costs a fraction of the CPU:
   * default 1, 0 for never. A message after a quiet spell, and one after a message was sent, never waits. The runtime's
   * timers make it longer, up to 2.2 ms on Deno. The least of all sockets of a thread holds for all of them.
   */
  maxReceiveDelay?: number;
  /** Reading pauses while the async iterator holds so many bytes; default 1 MiB. */
  highWaterMark?: number;
  /**
   * Whether compression of messages is offered (RFC 7692), and how; default true. Without zlib on the machine it is not
   * offered, as {@linkcode libcurl} tells.
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /** The libcurl to use: a name or path for the dynamic loader. */
  library?: string;
  /** Ends the attempt to connect; has no effect on an open connection. */
  signal?: AbortSignal;
}

/** What permessage-deflate is offered with, and what this client compresses with. */
export interface CompleteDeflateOptions {
  readonly offer: DeflateOffer;
  readonly threshold: number;
  readonly level: number;
  readonly memLevel: number;
}

/** Options with every default in place. */
export interface CompleteOptions {
  readonly headers: HeaderList;
  readonly tls: TlsOptions;
  readonly connectTimeout: number;
  readonly handshakeTimeout: number;
  readonly closeTimeout: number;
  readonly maxMessageSize: number;
  readonly maxReceiveDelay: number;
  readonly highWaterMark: number;
  /** Null where it is not to be offered. */
  readonly deflate: CompleteDeflateOptions | null;
  readonly library: string | undefined;
  readonly signal: AbortSignal | undefined;
}

const NAMES = [
  "headers",
  "tls",
  "connectTimeout",
  "handshakeTimeout",
  "closeTimeout",
  "maxMessageSize",
  "maxReceiveDelay",
  "highWaterMark",
  "perMessageDeflate",
  "library",
  "signal",
];
const TLS_NAMES = ["ca", "verify"];
const DEFLATE_NAMES = [
  "threshold",
  "level",
  "memLevel",
  "serverNoContextTakeover",
  "clientNoContextTakeover",
  "serverMaxWindowBits",
  "clientMaxWindowBits",
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
  const tls = options.tls ?? {};
  checkNames("tls option", tls, TLS_NAMES);
  if (tls.ca !== undefined && typeof tls.ca !== "string" && !(tls.ca instanceof Uint8Array)) {
    throw new TypeError(`tls.ca must be PEM text, PEM bytes or a path, not ${typeof tls.ca}`);
  }
  if (tls.verify !== undefined && typeof tls.verify !== "boolean") {
    throw new TypeError(`tls.verify must be true or false, not ${tls.verify}`);
  }
  if (options.library !== undefined && typeof options.library !== "string") {
    throw new TypeError(`library must be a name or path, not ${typeof options.library}`);
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw new TypeError("signal must be an AbortSignal");
  }
  const number = (name: keyof CurlWebSocketOptions, fallback: number, max: number): number =>
    numberOf(name, options[name] ?? fallback, 0, max);
  return {
    headers: headerList(options.headers),
    tls,
    connectTimeout: number("connectTimeout", 30_000, MAX_TIMEOUT),
    handshakeTimeout: number("handshakeTimeout", 30_000, MAX_TIMEOUT),
    closeTimeout: number("closeTimeout", 5_000, MAX_TIMEOUT),
    maxMessageSize: number("maxMessageSize", 64 * 1024 * 1024, Number.MAX_SAFE_INTEGER),
    maxReceiveDelay: number("maxReceiveDelay", 1, 1000),
    highWaterMark: number("highWaterMark", 1024 * 1024, Number.MAX_SAFE_INTEGER),
    deflate: deflateOptions(options.perMessageDeflate ?? true),
    library: options.library,
    signal: options.signal,
  };
}

function deflateOptions(given: boolean | PerMessageDeflateOptions): CompleteDeflateOptions | null {
  if (given === false) return null;
  const options = given === true ? {} : given;
  checkNames("perMessageDeflate option", options, DEFLATE_NAMES);
  const integer = (name: keyof PerMessageDeflateOptions, min: number, max: number): number | undefined =>
    options[name] === undefined ? undefined : numberOf(`perMessageDeflate.${name}`, options[name], min, max, true);
  const flag = (name: keyof PerMessageDeflateOptions): boolean => {
    const value = options[name] ?? false;
    if (typeof value !== "boolean") {
      throw new TypeError(`perMessageDeflate.${name} must be true or false, not ${value}`);
    }
    return value;
  };
  const bound = options.clientMaxWindowBits ?? true;
  return {
    offer: {
      serverNoContextTakeover: flag("serverNoContextTakeover"),
      clientNoContextTakeover: flag("clientNoContextTakeover"),
      serverMaxWindowBits: integer("serverMaxWindowBits", MIN_WINDOW_BITS, MAX_WINDOW_BITS) ?? null,
      clientMaxWindowBits: typeof bound === "boolean"
        ? bound || null
        : integer("clientMaxWindowBits", MIN_WINDOW_BITS, MAX_WINDOW_BITS)!,
    },
    threshold: integer("threshold", 0, Number.MAX_SAFE_INTEGER) ?? 1024,
    level: integer("level", -1, 9) ?? -1,
    memLevel: integer("memLevel", 1, 9) ?? 8,
  };
}

/** A number in its range, an integer where it must be one. */
function numberOf(name: string, value: unknown, min: number, max: number, integer = false): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${typeof value}`);
  if (!(value >= min && value <= max) || (integer && !Number.isInteger(value))) {
    throw new RangeError(`${name} must be ${integer ? "an integer " : ""}from ${min} to ${max}, and is ${value}`);
  }
  return value;
}

function checkNames(what: string, given: object, known: readonly string[]): void {
  if (typeof given !== "object" || given === null) throw new TypeError(`${what}s must be an object, not ${given}`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`unknown ${what} ${unknown}; known are ${known.join(", ")}`);
}

function headerList(headers: CurlWebSocketOptions["headers"]): HeaderList {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null) throw new TypeError("headers must be a record or pairs");
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  const list = pairs.map(([name, value]): [string, string] => {
    if (typeof name !== "string" || typeof value !== "string") {
      throw new TypeError(`headers: the value of ${String(name)} must be a string, not ${typeof value}`);
    }
    return [name, value];
  });
  checkHeaders(list);
  return list;
}
