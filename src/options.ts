/** The options a user may give, validated and made whole. An option that is not known is an error, never ignored. */
import type { TlsOptions } from "./curl/connector.ts";
import { checkHeaders, type HeaderList } from "./protocol/handshake.ts";

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
  /** Reading pauses while the async iterator holds so many bytes; default 1 MiB. */
  highWaterMark?: number;
  /** The libcurl to use: a name or path for the dynamic loader. */
  library?: string;
  /** Ends the attempt to connect; has no effect on an open connection. */
  signal?: AbortSignal;
}

/** Options with every default in place. */
export interface CompleteOptions {
  readonly headers: HeaderList;
  readonly tls: TlsOptions;
  readonly connectTimeout: number;
  readonly handshakeTimeout: number;
  readonly closeTimeout: number;
  readonly maxMessageSize: number;
  readonly highWaterMark: number;
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
  "highWaterMark",
  "library",
  "signal",
];
const TLS_NAMES = ["ca", "verify"];

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
  const number = (name: keyof CurlWebSocketOptions, fallback: number, max: number): number => {
    const value = options[name] ?? fallback;
    if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${typeof value}`);
    if (!(value >= 0 && value <= max)) throw new RangeError(`${name} must be from 0 to ${max}, and is ${value}`);
    return value;
  };
  return {
    headers: headerList(options.headers),
    tls,
    connectTimeout: number("connectTimeout", 30_000, MAX_TIMEOUT),
    handshakeTimeout: number("handshakeTimeout", 30_000, MAX_TIMEOUT),
    closeTimeout: number("closeTimeout", 5_000, MAX_TIMEOUT),
    maxMessageSize: number("maxMessageSize", 64 * 1024 * 1024, Number.MAX_SAFE_INTEGER),
    highWaterMark: number("highWaterMark", 1024 * 1024, Number.MAX_SAFE_INTEGER),
    library: options.library,
    signal: options.signal,
  };
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
