/** Errors of the transport and of the peer. Misuse by the caller is a `DOMException` or `TypeError`, as WHATWG says. */
import { printableLines } from "./observe/redact.ts";

/** A stable name for what went wrong; docs/errors.md says for each what causes it and what to do. */
export type ErrorCode =
  | "ERR_RUNTIME"
  | "ERR_LIBCURL_NOT_FOUND"
  | "ERR_LIBCURL_TOO_OLD"
  | "ERR_LIBCURL"
  | "ERR_ZLIB"
  | "ERR_FFI_PERMISSION"
  | "ERR_CONNECT_REFUSED"
  | "ERR_CONNECT_TIMEOUT"
  | "ERR_TOO_MANY_OPEN_FILES"
  | "ERR_DNS"
  | "ERR_PROXY"
  | "ERR_PROXY_AUTH"
  | "ERR_PROXY_CONNECT"
  | "ERR_TLS"
  | "ERR_IMPERSONATE"
  | "ERR_COOKIE_JAR"
  | "ERR_HANDSHAKE_INVALID"
  | "ERR_HANDSHAKE_REDIRECT"
  | "ERR_HANDSHAKE_STATUS"
  | "ERR_HANDSHAKE_TIMEOUT"
  | "ERR_PROTOCOL"
  | "ERR_CONNECTION_LOST"
  | "ERR_PING_TIMEOUT"
  | "ERR_IDLE_TIMEOUT"
  | "ERR_OPTIONS"
  | "ERR_HOOK"
  | "ERR_INTERNAL"
  | "ERR_ABORTED";

/** What an error may have besides its message. */
export interface CurlWebSocketErrorInit extends ErrorOptions {
  /** The URL of the connection. */
  url?: string;
  /** The `CURLcode` that libcurl returned, or has for this failure if it was found before libcurl was called. */
  curlCode?: number;
  /** libcurl's own words. */
  curlMessage?: string;
  /** The HTTP status of a refused handshake, or of a proxy that refused. */
  status?: number;
  /** The words behind the status. */
  statusText?: string;
  /** The response's header fields, in their order, as received. */
  headers?: readonly (readonly [name: string, value: string])[];
  /** The first 64 KiB of the response's body, as far as it came. */
  body?: Uint8Array;
}

/**
 * A connection that could not be made, or broke; `error` events carry it as their `error`. A property that has no value
 * is absent, so that a printed error shows only what is known.
 */
export class CurlWebSocketError extends Error {
  /** Always `"CurlWebSocketError"`. */
  declare readonly name: string;
  /** Stable; the message is for people and may change. */
  readonly code: ErrorCode;
  /**
   * The URL that the socket was made with, without what may be secret: user, password and the values of its query.
   * Absent if the error is of no one connection.
   */
  declare readonly url: string | undefined;
  /**
   * The `CURLcode` that libcurl returned, if libcurl failed; or that libcurl has for this failure, if it was found
   * before libcurl was called, such as a certificate that cannot be read.
   */
  declare readonly curlCode: number | undefined;
  /** libcurl's own words, if libcurl failed. */
  declare readonly curlMessage: string | undefined;
  /** The HTTP status of a refused handshake, or of a proxy that refused. */
  declare readonly status: number | undefined;
  /** The words that the server put behind the status of a refused handshake, such as `"Forbidden"`, or `""`. */
  declare readonly statusText: string | undefined;
  /** The header fields of a refused handshake, or of a proxy that refused, in their order, as received. */
  declare readonly headers: readonly (readonly [name: string, value: string])[] | undefined;
  /** The first 64 KiB of a refused handshake's body, as far as it came within 750 ms of its header. */
  declare readonly body: Uint8Array | undefined;

  static {
    // On the prototype, like the language's own errors: the stack begins with the name, and no printed error repeats
    // it.
    Object.defineProperty(this.prototype, "name", { value: "CurlWebSocketError", writable: true, configurable: true });
  }

  /** Makes an error. Programs receive errors, and seldom make one. */
  constructor(code: ErrorCode, message: string, init: CurlWebSocketErrorInit = {}) {
    // It may hold words of the peer or of libcurl, and people see it in terminals and logs.
    super(printableLines(message), init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    for (const name of ["url", "curlCode", "curlMessage", "status", "statusText", "headers", "body"] as const) {
      if (init[name] !== undefined) Object.assign(this, { [name]: init[name] });
    }
  }
}

/**
 * Returns the error with the URL of its connection. If one error ends several connections, each gets its own URL: from
 * the second on in a new error, whose cause is the first.
 */
export function withUrl(error: CurlWebSocketError, url: string): CurlWebSocketError {
  if (error.url === url) return error;
  if (error.url === undefined) return Object.assign(error, { url });
  return new CurlWebSocketError(error.code, error.message, { ...error, url, cause: error });
}

/**
 * Returns in words what was thrown, or given as a reason. Of what has no string form, such as an object without a
 * prototype, it returns the kind: this never throws.
 */
export function wordsOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value === "object" ? "an object" : typeof value;
  }
}

/** Compressed data is invalid. Programs never see this error: it becomes a violation of the protocol. */
export class InflateError extends Error {
  override readonly name: string = "InflateError";
}

/** Returns what was thrown, if it has a code, or an `ERR_INTERNAL` around it; `what` says what failed. */
export function errorOf(what: string, cause: unknown): CurlWebSocketError {
  if (cause instanceof CurlWebSocketError) return cause;
  return new CurlWebSocketError("ERR_INTERNAL", `${what} failed: ${wordsOf(cause)}`, { cause });
}
