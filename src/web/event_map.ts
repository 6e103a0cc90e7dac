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
  /** A message: its `data` is a string, or a `Blob`, `ArrayBuffer` or `Buffer` by `binaryType`. */
  message: MessageEvent;
  /**
   * A ping of the server's: its `data` is as that of `pong`. Its pong is already on its way, unless `autoPong` is false.
   */
  ping: MessageEvent;
  /** The server's pong to a `ping()`: its `data` is the payload, an `ArrayBuffer`, or a `Buffer` by `binaryType`. */
  pong: MessageEvent;
  /** The connection failed; `close` follows. */
  error: CurlWebSocketErrorEvent;
  /** The connection is closed: the last event. */
  close: CloseEvent;
}

/** An `EventTarget` whose listeners get the events that belong to the names. */
export interface TypedEventTarget<EventMap> extends EventTarget {
  /** As in {@linkcode EventTarget}. */
  addEventListener<Type extends keyof EventMap>(
    type: Type,
    listener: (event: EventMap[Type]) => unknown,
    options?: AddEventListenerOptions | boolean,
  ): void;
  /** As in {@linkcode EventTarget}, for a program's own events. */
  addEventListener(
    type: string,
    listener: EventListener | EventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  /** As in {@linkcode EventTarget}. */
  removeEventListener<Type extends keyof EventMap>(
    type: Type,
    listener: (event: EventMap[Type]) => unknown,
    options?: EventListenerOptions | boolean,
  ): void;
  /** As in {@linkcode EventTarget}, for a program's own events. */
  removeEventListener(
    type: string,
    listener: EventListener | EventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void;
}

/** The platform's `EventTarget`, with the events of a `CurlWebSocket`. */
export const WebSocketTarget: new () => TypedEventTarget<CurlWebSocketEventMap> = EventTarget;
