/**
 * What there is to observe in a connection's life: one interface for the debug log, the diagnostics channels, the
 * command's `-v` and its recorder. Observers are handed to a connection; without any, nothing is called and nothing is paid.
 */
import type { Agreement } from "../handshake/agreement.ts";
import type { HeaderList } from "../handshake/fields.ts";
import { reportLater } from "../platform/runtime.ts";
import type { ConnectionInfo } from "./connection_info.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import type { FrameObserver } from "../protocol/frame_observer.ts";
import type { SocketStats } from "./statistics.ts";

/**
 * What libcurl logs while it connects: words of its own; a request to a proxy, line by line or as a whole; a line of the
 * proxy's response.
 */
export type CurlLogKind = "words" | "request" | "response";

/**
 * The events of one connection, in the order in which they come. An observer has methods for those it wants; libcurl's log,
 * the frames and the messages, which cost something to collect, are collected only if somebody has the method.
 *
 * Everything is passed as it is, with credentials and as the server sent it: whoever shows it hides and escapes by
 * `redact.ts`. Calls are made on the connection's thread, in the middle of what it does. An observer may close the socket;
 * what it throws is reported as an uncaught error, and changes nothing for the connection or for other observers.
 */
export interface Observer {
  /** An attempt begins: the first one, one more after each redirect that is followed, or one that answers a challenge. */
  attemptStarted?(url: URL): void;
  /** libcurl logs something. Between the start of an attempt and {@linkcode connected}, any number of times. */
  curlLogged?(kind: CurlLogKind, text: string): void;
  /** libcurl has connected: TCP, the proxy and TLS are done. The handshake's time is still 0. */
  connected?(info: ConnectionInfo): void;
  /** The request of the opening handshake, byte for byte, just before it is sent. */
  requestSent?(request: Uint8Array): void;
  /**
   * The head of a response to it: status line, fields and the empty line, as received and not yet parsed. Each interim
   * response (1xx) has one. The bytes are valid during the call only.
   */
  headReceived?(head: Uint8Array): void;
  /** A final response was read: 101 and all is well with it, or a refusal or redirect. `url` is the one that was requested. */
  responseReceived?(url: URL, status: number, headers: HeaderList): void;
  /** The connection is open; the socket's event follows. */
  opened?(agreement: Agreement, info: ConnectionInfo): void;
  /** A frame's header was read. `length` is the payload's, as it is on the wire; `fin` is false if more frames follow. */
  frameReceived?(opcode: number, length: number, fin: boolean, compressed: boolean): void;
  /** A frame was queued to be sent. `length` is the payload's, as it is on the wire. */
  frameSent?(opcode: number, length: number, compressed: boolean): void;
  /** A message came, whole; the program gets it next, unless it has begun to close. */
  messageReceived?(data: string | ArrayBuffer): void;
  /** A message was queued to be sent: text or binary. Bytes, also of a text, are valid during the call only. */
  messageSent?(opcode: number, message: string | Uint8Array): void;
  /** The server's close frame, 1005 if it has no code. */
  closeReceived?(code: number, reason: string): void;
  /** Our close frame was queued, 0 if it has no code. */
  closeSent?(code: number, reason: string): void;
  /** The last event: the connection is closed, or the attempt to make it has ended. The socket's events follow. */
  ended?(result: ConnectionEnd, stats: SocketStats): void;
}

/** The names of all events. */
const EVENTS = Object.keys(
  {
    attemptStarted: true,
    curlLogged: true,
    connected: true,
    requestSent: true,
    headReceived: true,
    responseReceived: true,
    opened: true,
    frameReceived: true,
    frameSent: true,
    messageReceived: true,
    messageSent: true,
    closeReceived: true,
    closeSent: true,
    ended: true,
  } satisfies Record<keyof Observer, true>,
) as (keyof Observer)[];

/**
 * Several observers as one, which are called in this order. It has the events that one of them has, and throws nothing.
 * Null if there is no event that anybody wants.
 */
export function observers(list: readonly (Observer | null)[]): Observer | null {
  const group: Partial<Record<keyof Observer, (...args: never[]) => void>> = {};
  let wanted = false;
  for (const event of EVENTS) {
    const listeners = list.filter((each) => each?.[event] !== undefined);
    if (listeners.length === 0) continue;
    wanted = true;
    group[event] = (...args) => {
      for (const each of listeners) {
        try {
          (each as Record<typeof event, (...args: never[]) => void>)[event](...args);
        } catch (error) {
          reportLater(error);
        }
      }
    };
  }
  return wanted ? group as Observer : null;
}

/** An observer's part that is called for each frame, or message that is sent, or null if it has none. */
export function frameObserver(observer: Observer | null): FrameObserver | null {
  if (!(observer?.frameReceived ?? observer?.frameSent ?? observer?.messageSent)) return null;
  return {
    frameReceived: (opcode, length, fin, compressed) => observer.frameReceived?.(opcode, length, fin, compressed),
    frameSent: (opcode, length, compressed) => observer.frameSent?.(opcode, length, compressed),
    messageSent: (opcode, message) => observer.messageSent?.(opcode, message),
  };
}

/** The option that hands an observer to a socket. It is not public, so its name is no text. */
const OBSERVER: unique symbol = Symbol("observer");

/** What {@linkcode withObserver} takes: an observer, or what makes one for each connection. */
type ObserverOption = Observer | (() => Observer | null) | null;

/**
 * A socket's options with an observer of its connection among them: for the command, and for tests. Of a feed a function is
 * called for each connection.
 */
export function withObserver<Options extends object>(options: Options, observer: ObserverOption): Options {
  return observer === null ? options : { ...options, [OBSERVER]: observer };
}

/** Whether {@linkcode withObserver} has put an observer among the options. */
export function hasObserver(options: object): boolean {
  return OBSERVER in options;
}

/** The observer that {@linkcode withObserver} has put among the options, or null. */
export function observerOf(options: object): Observer | null {
  const option = (options as { readonly [OBSERVER]?: ObserverOption })[OBSERVER] ?? null;
  return typeof option === "function" ? option() : option;
}
