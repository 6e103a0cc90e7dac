/** `addEventListener()` and its events over an `EventEmitter`, as `ws` has them. */
import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { HandshakeRequest } from "./handshake_request.ts";
import type { IncomingResponse } from "./incoming_response.ts";
import type { RawData } from "./payload.ts";

/** The events of a `WebSocket`, each with the arguments of its listeners. */
export interface WebSocketEvents {
  /** The connection is open. */
  open: [];
  /** A message came. Text is a `Buffer` too; `isBinary` tells which it is. */
  message: [data: RawData, isBinary: boolean];
  /** A ping came. Its pong goes by itself, unless `autoPong` is false. */
  ping: [data: Buffer];
  /** A pong came. */
  pong: [data: Buffer];
  /** The server agreed; `open` follows. */
  upgrade: [response: IncomingResponse];
  /** The server refused. With a listener for it, there is no `error`, and the socket waits for `close()` or `terminate()`. */
  "unexpected-response": [request: HandshakeRequest, response: IncomingResponse];
  /** A redirect is followed; the request may be changed before it is sent. */
  redirect: [url: string, request: HandshakeRequest];
  /** Something went wrong; `close` follows. Without a listener it is an uncaught error. */
  error: [error: Error];
  /** The connection is closed: the last event. */
  close: [code: number, reason: Buffer];
}

/** What is known of a socket by those that it is made of. */
export type Socket = EventEmitter<WebSocketEvents>;

/** An event. */
export class Event<Target = unknown> {
  /** The name of the event. */
  readonly type: string;
  /** The socket. */
  readonly target: Target;

  /** Makes an event. */
  constructor(type: string, target: Target) {
    this.type = type;
    this.target = target;
  }
}

/** A message. */
export class MessageEvent<Target = unknown> extends Event<Target> {
  /** Text, or what `binaryType` says. */
  // deno-lint-ignore no-explicit-any -- as in @types/ws and in the DOM
  readonly data: any;

  /** Makes an event. */
  constructor(target: Target, data: unknown) {
    super("message", target);
    this.data = data;
  }
}

/** The end of a connection. */
export class CloseEvent<Target = unknown> extends Event<Target> {
  /** The code of the server's close frame, 1005 if it had none, 1006 without a close frame. */
  readonly code: number;
  /** The reason that the server gave, or `""`. */
  readonly reason: string;
  /** Whether both close frames went their way. */
  readonly wasClean: boolean;

  /** Makes an event. */
  constructor(target: Target, code: number, reason: string, wasClean: boolean) {
    super("close", target);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** What went wrong. */
export class ErrorEvent<Target = unknown> extends Event<Target> {
  /** The error. */
  // deno-lint-ignore no-explicit-any -- as in @types/ws and in the DOM
  readonly error: any;
  /** Its message. */
  readonly message: string;

  /** Makes an event. */
  constructor(target: Target, error: Error) {
    super("error", target);
    this.error = error;
    this.message = error.message;
  }
}

/** The events that `addEventListener()` knows. */
export interface WebSocketEventMap<Target = unknown> {
  /** The connection is open. */
  open: Event<Target>;
  /** A message came. */
  message: MessageEvent<Target>;
  /** Something went wrong; `close` follows. */
  error: ErrorEvent<Target>;
  /** The connection is closed: the last event. */
  close: CloseEvent<Target>;
}

/** A listener, as a function or as an object with `handleEvent`. */
export type EventListenerLike<Target, Of> = ((this: Target, event: Of) => void) | { handleEvent(event: Of): void };

// deno-lint-ignore no-explicit-any -- whichever events it has
type Emitter = EventEmitter<any>;
/** The sockets whose closing handshakes were complete: the arguments of `close` do not say so. */
export const cleanEnds: WeakSet<object> = new WeakSet();
// deno-lint-ignore no-explicit-any -- it is called with whichever event it was added for
type AnyListener = EventListenerLike<any, any>;

/** What a listener of an emitter has if it stands for one of events: that one, and whether it is the one of `onopen` or so. */
export const LISTENER: unique symbol = Symbol("listener");
const IS_HANDLER: unique symbol = Symbol("isHandler");
interface Added {
  readonly [LISTENER]?: AnyListener;
  readonly [IS_HANDLER]?: boolean;
}

/** How the emitter's arguments become an event, by its name. */
const MAKE: Readonly<Record<string, (target: Emitter, ...args: never[]) => Event>> = {
  open: (target) => new Event("open", target),
  message: (target, data: Buffer, isBinary: boolean) => new MessageEvent(target, isBinary ? data : String(data)),
  close: (target, code: number, reason: Buffer) => new CloseEvent(target, code, String(reason), cleanEnds.has(target)),
  error: (target, error: Error) => new ErrorEvent(target, error),
};

/** Adds a listener for events, unless it is there. Other names than those of `WebSocketEventMap` do nothing. */
export function addListener(target: Emitter, type: string, listener: AnyListener, once: boolean): void {
  if (find(target, type, false, listener) === undefined) add(target, type, listener, once, false);
}

/** Removes what {@linkcode addListener} has added. */
export function removeListener(target: Emitter, type: string, listener: AnyListener): void {
  const found = find(target, type, false, listener);
  if (found !== undefined) target.removeListener(type, found);
}

/** Returns the listener that was set by {@linkcode setHandler}, or null. */
export function handlerOf(target: Emitter, type: string): AnyListener | null {
  return (find(target, type, true) as Added | undefined)?.[LISTENER] ?? null;
}

/** Sets the one listener of `onopen` and the like; what is no function takes it away. */
export function setHandler(target: Emitter, type: string, listener: unknown): void {
  const found = find(target, type, true);
  if (found !== undefined) target.removeListener(type, found);
  if (typeof listener === "function") add(target, type, listener as AnyListener, false, true);
}

function find(target: Emitter, type: string, isHandler: boolean, listener?: AnyListener): (() => void) | undefined {
  return (target.listeners(type) as (Added & (() => void))[]).find((each) =>
    each[IS_HANDLER] === isHandler && (listener === undefined || each[LISTENER] === listener)
  );
}

function add(target: Emitter, type: string, listener: AnyListener, once: boolean, isHandler: boolean): void {
  const make = Object.hasOwn(MAKE, type) ? MAKE[type]! : null;
  if (make === null) return;
  const wrapper = (...args: never[]) => {
    const event = make(target, ...args);
    if (typeof listener === "function") listener.call(target, event);
    else listener.handleEvent(event);
  };
  Object.assign(wrapper, { [LISTENER]: listener, [IS_HANDLER]: isHandler });
  if (once) target.once(type, wrapper as () => void);
  else target.on(type, wrapper as () => void);
}
