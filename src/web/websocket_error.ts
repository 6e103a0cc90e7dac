/** `WebSocketError` of the WebSocketStream proposal (https://github.com/whatwg/websockets/pull/48). */
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { CurlWebSocketError } from "../errors.ts";
import { checkClose, utf8 } from "./webidl.ts";

/** A close code and a reason. */
export interface WebSocketCloseInfo {
  /** 1000, or 3000 to 4999; by default none, or 1000 if there is a reason. */
  closeCode?: number | null;
  /** At most 123 bytes of UTF-8. */
  reason?: string;
}

/** A close code and reason that may be sent; without a code, it is null. */
export interface CheckedClose {
  readonly code: number | null;
  readonly reason: string;
}

/** Returns the close code and reason, converted by Web IDL, then checked by "validate close code and reason". */
export function checkedClose(info: WebSocketCloseInfo | null | undefined): CheckedClose {
  if (info !== undefined && info !== null && typeof info !== "object" && typeof info !== "function") {
    throw new TypeError(`the close code and reason must be an object, { closeCode, reason }, not ${typeof info}`);
  }
  const closeCode = info?.closeCode ?? null;
  const code = closeCode === null ? null : Math.trunc(+closeCode);
  if (code !== null && !(code >= 0 && code <= 65535)) {
    throw new TypeError(`closeCode must be a number from 0 to 65535, and is ${closeCode}`);
  }
  const reason = info?.reason === undefined ? "" : `${info.reason}`.toWellFormed();
  checkClose(code, utf8(reason), closeCode);
  // A reason needs a code before it on the wire.
  return { code: code === null && reason !== "" ? 1000 : code, reason };
}

let make: (message: string, closed: CheckedClose, cause: CurlWebSocketError | null) => WebSocketError;

/**
 * The error with which the streams and promises of a `CurlWebSocketStream` fail. Passed to `abort()` or `cancel()` of
 * its streams, or to its `close()`, it says which close code and reason to send.
 *
 * ```ts
 * import { CurlWebSocketStream, WebSocketError } from "@curlws/curlws";
 *
 * const { writable } = await new CurlWebSocketStream("wss://example.com/feed").opened;
 * await writable.abort(new WebSocketError("no room left", { closeCode: 4000, reason: "disk full" }));
 * ```
 */
export class WebSocketError extends DOMException {
  #closed: CheckedClose = { code: null, reason: "" };
  /** The {@linkcode CurlWebSocketError} that caused it, if there is one: its `code` says what went wrong. */
  declare readonly cause: CurlWebSocketError | undefined;

  static {
    make = (message, closed, cause) => {
      const error = new WebSocketError(message);
      error.#closed = closed;
      if (cause !== null) {
        Object.defineProperty(error, "cause", { value: cause, writable: true, enumerable: false, configurable: true });
      }
      return error;
    };
  }

  /**
   * Makes an error that says which close code and reason to send.
   *
   * @throws {TypeError} for a close code that is not a number from 0 to 65535
   * @throws {DOMException} `InvalidAccessError` for a code that may not be sent, `SyntaxError` for a longer reason
   */
  constructor(message: string = "", init: WebSocketCloseInfo = {}) {
    super(message, "WebSocketError");
    this.#closed = checkedClose(init);
  }

  /** The close code, or null if there is none; 1006 if there was no closing handshake. */
  get closeCode(): number | null {
    return this.#closed.code;
  }

  /** The reason, or `""`. */
  get reason(): string {
    return this.#closed.reason;
  }
}

/** Returns the error of an attempt to connect that this method ended. */
export function abandoned(method: "close" | "terminate"): CurlWebSocketError {
  return new CurlWebSocketError("ERR_ABORTED", `${method}() was called before the connection was open`);
}

/** Returns what ends the wait for what cannot happen any more: the connection's error, or one with the close code. */
export function closedBefore(
  what: string,
  { code, reason, error }: ConnectionEnd,
): CurlWebSocketError | WebSocketError {
  return error ?? make(`the connection was closed with ${code} before ${what}`, { code, reason }, null);
}

/** Returns the error for an end that was not clean, with whatever code it has. */
export function uncleanClose(message: string, closed: CheckedClose, cause: CurlWebSocketError | null): WebSocketError {
  return make(message, closed, cause);
}

/** Returns what to close with if a stream is cancelled or aborted: the proposal's "close using reason". */
export function closeFor(reason: unknown): CheckedClose {
  // A runtime's own WebSocketError counts too.
  const error = reason instanceof DOMException && reason.name === "WebSocketError" ? reason as WebSocketError : null;
  try {
    return checkedClose(error);
  } catch {
    // Its code, such as 1006, may not be sent.
    return checkedClose(null);
  }
}
