/** The events of a `CurlWebSocket`, as the type checker knows them. */
import type { CurlWebSocketError } from "../errors.ts";

/** The `error` event: an `ErrorEvent` with a {@linkcode CurlWebSocketError}. */
export interface CurlWebSocketErrorEvent extends ErrorEvent {
  /** What went wrong. */
  readonly error: CurlWebSocketError;
}

/** The events of a `CurlWebSocket`, by their names. */
export interface CurlWebSocketEventMap {
  /** The connection is open. */
  open: Event;
  /** A message: its `data` is a string, or a `Blob` or `ArrayBuffer` by `binaryType`. */
  message: MessageEvent;
  /** The server's pong to a `ping()`: its `data` is the payload, an `ArrayBuffer`. */
  pong: MessageEvent;
  /** The connection failed; `close` follows. */
  error: CurlWebSocketErrorEvent;
  /** The connection is closed: the last event. */
  close: CloseEvent;
}
