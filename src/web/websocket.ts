/** `CurlWebSocket`: the WHATWG WebSocket class (https://websockets.spec.whatwg.org) over libcurl. */
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { runtime } from "../platform/runtime.ts";
import { Connection } from "../connection/connection.ts";
import type { CloseResult } from "../observe/observer.ts";
import { CurlWebSocketError, errorOf, wordsOf } from "../errors.ts";
import { completeOptions, type CurlWebSocketOptions } from "../options/options.ts";
import { withParams } from "../options/handshake.ts";
import { OPCODE_BINARY, OPCODE_TEXT } from "../protocol/constants.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { shownUrl } from "../observe/redact.ts";
import type { SocketStats } from "../observe/statistics.ts";
import * as args from "./webidl.ts";
import { EventHandlers, makeEnumerable } from "./event_handlers.ts";
import { makeInspectable } from "./inspection.ts";
import { MessageQueue } from "./message_queue.ts";
import { FastMessageEvent } from "./message_events.ts";
import { MessageListeners } from "./message_listeners.ts";

export type { CurlWebSocketInit, NativeInit } from "./webidl.ts";
import type { CurlWebSocketInit, NativeInit } from "./webidl.ts";

/** What `send()` takes. */
export type Sendable = string | ArrayBufferLike | ArrayBufferView | Blob;

/** The `error` event: an `ErrorEvent` whose error is known. */
export interface CurlWebSocketErrorEvent extends ErrorEvent {
  /** What went wrong. */
  readonly error: CurlWebSocketError;
}

/** The events of a `CurlWebSocket`, by their names. */
export interface CurlWebSocketEventMap {
  /** Connected. */
  open: Event;
  /** A message. */
  message: MessageEvent;
  /** The answer to a ping: its payload is `data`, an `ArrayBuffer`. */
  pong: MessageEvent;
  /** The connection failed. */
  error: CurlWebSocketErrorEvent;
  /** Closed: the last event. */
  close: CloseEvent;
}

const NO_BYTES = new Uint8Array(0);

/**
 * A WebSocket whose bytes travel through libcurl; a drop-in for the platform's `WebSocket`.
 *
 * ```ts
 * import { CurlWebSocket } from "@curlws/curlws";
 *
 * const socket = new CurlWebSocket("wss://api.gemini.com/v1/marketdata/BTCUSD", {
 *   headers: { Origin: "https://www.gemini.com" },
 * });
 * socket.onmessage = (event) => console.log(event.data);
 * ```
 */
export class CurlWebSocket extends EventTarget {
  /** Not yet open. */
  static readonly CONNECTING = 0;
  /** Messages can go both ways. */
  static readonly OPEN = 1;
  /** The closing handshake is under way. */
  static readonly CLOSING = 2;
  /** Closed, or never opened. */
  static readonly CLOSED = 3;
  /** Not yet open. */
  declare readonly CONNECTING: 0;
  /** Messages can go both ways. */
  declare readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare readonly CLOSING: 2;
  /** Closed, or never opened. */
  declare readonly CLOSED: 3;

  readonly #url: URL;
  readonly #connection: Connection;
  readonly #handlers: EventHandlers = new EventHandlers(this);
  readonly #messages: MessageListeners = new MessageListeners(this);
  readonly #origin: string;
  readonly #highWaterMark: number;
  #readyState: 0 | 1 | 2 | 3 = 0;
  #protocol = "";
  #extensions = "";
  #binaryType: "blob" | "arraybuffer" = "blob";
  /** Messages behind a Blob that is still being read, in order; their bytes count as buffered. */
  #sending: Promise<void> | null = null;
  #pendingBytes = 0;
  /** Bytes given to `send()` too late: they stay counted. */
  #lateBytes = 0;
  #queue: MessageQueue | null = null;
  #result: CloseResult | null = null;

  /**
   * Connects to a `ws:`, `wss:`, `http:` or `https:` URL.
   *
   * @throws {DOMException} `SyntaxError` for a bad URL or subprotocol
   * @throws {TypeError | RangeError} for a bad option
   * @throws {CurlWebSocketError} where libcurl cannot be loaded
   */
  constructor(url: string | URL, protocols?: string | Iterable<string>, options?: CurlWebSocketOptions);
  /** For the type checker: see {@linkcode NativeInit}. */
  constructor(url: string | URL, options?: NativeInit);
  /** Connects with options alone. */
  constructor(url: string | URL, options?: CurlWebSocketInit);
  constructor(
    url: string | URL,
    second: args.SecondArgument | undefined = undefined,
    third: CurlWebSocketOptions | undefined = undefined,
  ) {
    super();
    if (arguments.length === 0) throw new TypeError("CurlWebSocket needs a URL");
    const { protocols = [], ...options } = args.initOf(second, third);
    this.#url = withParams(args.socketUrl(`${url}`), options.params);
    this.#origin = this.#url.origin;
    super.addEventListener("message", this.#messages.relay as EventListener);
    const list = args.subprotocols(protocols);
    const complete = completeOptions(options);
    this.#highWaterMark = complete.highWaterMark;
    this.#connection = new Connection(this.#url, list, complete, {
      owner: this,
      onOpen: (agreement) => this.#onOpen(agreement),
      onMessage: (data) => this.#onMessage(data),
      onPong: (payload) => this.#onPong(payload.buffer),
      onClosing: () => void (this.#readyState = 2),
      onSendFailed: () => {},
      onClosed: (result) => this.#onClosed(result),
    });
  }

  /** A class with options built in, for libraries that take a WebSocket class; what a caller gives goes before. */
  static with(defaults: CurlWebSocketInit): typeof CurlWebSocket {
    const made = class extends this {
      constructor(
        url: string | URL,
        second: args.SecondArgument | undefined = undefined,
        third: CurlWebSocketOptions | undefined = undefined,
      ) {
        if (arguments.length === 0) throw new TypeError("CurlWebSocket needs a URL");
        super(url, { ...defaults, ...args.initOf(second, third) });
      }
    };
    Object.defineProperty(made, "name", { value: this.name });
    return made;
  }

  /** The URL connected to. */
  get url(): string {
    return this.#url.href;
  }

  /** {@linkcode url} by its old name, which Bun's class has. */
  get URL(): string {
    return this.#url.href;
  }

  /** One of {@linkcode CONNECTING}, {@linkcode OPEN}, {@linkcode CLOSING}, {@linkcode CLOSED}. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /** Payload bytes given to {@linkcode send} that the kernel has not yet taken. Not reset by closing. */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount + this.#pendingBytes + this.#lateBytes;
  }

  /** The extensions in use, such as `permessage-deflate`, or `""`. */
  get extensions(): string {
    return this.#extensions;
  }

  /** The subprotocol the server chose, or `""`. */
  get protocol(): string {
    return this.#protocol;
  }

  /** What binary messages come as: `"blob"` (the default) or `"arraybuffer"`; another value is ignored. */
  get binaryType(): "blob" | "arraybuffer" {
    return this.#binaryType;
  }
  set binaryType(value: "blob" | "arraybuffer") {
    // By Web IDL the receiver comes before the value, whose conversion may run the caller's code.
    void this.#binaryType;
    const type = `${value}`;
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  /** Called when the connection is open. */
  get onopen(): ((event: Event) => unknown) | null {
    return this.#handlers.get("open") as ((event: Event) => unknown) | null;
  }
  set onopen(handler: ((event: Event) => unknown) | null) {
    this.#handlers.set("open", handler);
  }

  /** Called for each message. */
  get onmessage(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get("message") as ((event: MessageEvent) => unknown) | null;
  }
  set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set("message", handler);
  }

  /** Called with an `ErrorEvent`, before `close`, when the connection fails. */
  get onerror(): ((event: Event) => unknown) | null {
    return this.#handlers.get("error") as ((event: Event) => unknown) | null;
  }
  set onerror(handler: ((event: CurlWebSocketErrorEvent) => unknown) | null) {
    this.#handlers.set("error", handler);
  }

  /** Called when the connection is closed: the last event. */
  get onclose(): ((event: CloseEvent) => unknown) | null {
    return this.#handlers.get("close") as ((event: CloseEvent) => unknown) | null;
  }
  set onclose(handler: ((event: CloseEvent) => unknown) | null) {
    this.#handlers.set("close", handler);
  }

  /** As {@linkcode EventTarget}'s. */
  override addEventListener<Type extends keyof CurlWebSocketEventMap>(
    type: Type,
    listener: (event: CurlWebSocketEventMap[Type]) => unknown,
    options?: AddEventListenerOptions | boolean,
  ): void;
  /** For events of a program's own. */
  override addEventListener(
    type: string,
    listener: EventListener | EventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListener | EventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    if (`${type}` === "message") this.#messages.add(listener, options);
    else super.addEventListener(type, listener, options);
  }

  /** As {@linkcode EventTarget}'s. */
  override removeEventListener<Type extends keyof CurlWebSocketEventMap>(
    type: Type,
    listener: (event: CurlWebSocketEventMap[Type]) => unknown,
    options?: EventListenerOptions | boolean,
  ): void;
  /** For events of a program's own. */
  override removeEventListener(
    type: string,
    listener: EventListener | EventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListener | EventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void {
    if (`${type}` === "message") this.#messages.remove(listener, options);
    else super.removeEventListener(type, listener, options);
  }

  /**
   * Sends a message: the bytes of a buffer, view or Blob as they are now; anything else as text.
   *
   * @throws {DOMException} `InvalidStateError` before the connection is open
   */
  send(data: Sendable): void {
    if (arguments.length === 0) throw new TypeError("send() needs data");
    // The usual case, without a copy between.
    if (typeof data === "string" && this.#readyState === 1 && this.#sending === null) {
      if (this.#connection.sendText(data)) return;
    }
    // By Web IDL the receiver comes before the argument, whose conversion may run the caller's code.
    void this.#readyState;
    const blob = data instanceof Blob;
    const binary = blob || args.isBuffer(data);
    // Text is converted first: that may run the caller's code.
    const payload = blob
      ? NO_BYTES
      : binary
      ? args.bytesOf(data as ArrayBufferLike | ArrayBufferView)
      : args.utf8(data);
    if (this.#readyState === 0) {
      throw new DOMException("send() before the connection is open; wait for the open event", "InvalidStateError");
    }
    const size = blob ? data.size : payload.length;
    const opcode = binary ? OPCODE_BINARY : OPCODE_TEXT;
    if (this.#readyState !== 1) this.#lateBytes += size;
    else if (blob) this.#sendLater(size, data.arrayBuffer().then((buffer) => new Uint8Array(buffer)), opcode);
    else if (this.#sending === null) this.#transmit(opcode, payload, size);
    else this.#sendLater(size, Promise.resolve(payload.slice()), opcode);
  }

  #transmit(opcode: number, payload: Uint8Array, size: number): void {
    // A connection that has ended, which its last event may be still to tell, takes nothing.
    if (!this.#connection.send(opcode, payload)) this.#lateBytes += size;
  }

  /** Keeps the order of messages while a Blob is being read. */
  #sendLater(size: number, bytes: Promise<Uint8Array>, opcode: number): void {
    this.#pendingBytes += size;
    const before = this.#sending;
    const sending: Promise<void> = (async () => {
      await before;
      const payload = await bytes.catch((cause) => {
        this.#connection.abort(
          new CurlWebSocketError("ERR_ABORTED", `a Blob could not be read: ${wordsOf(cause)}`, { cause }),
        );
        return NO_BYTES;
      });
      this.#pendingBytes -= size;
      try {
        this.#transmit(opcode, payload, size);
      } catch (cause) {
        // There is no caller to tell, and the messages behind it are not to go without it.
        this.#lateBytes += size;
        this.#connection.abort(errorOf("queueing a Blob, or a message behind one,", cause));
      }
    })();
    this.#sending = sending;
    void sending.then(() => {
      if (this.#sending === sending) this.#sending = null;
    });
  }

  /**
   * Begins the closing handshake, after all messages that were sent. During connecting it gives the attempt up.
   *
   * @param code 1000 or 3000 to 4999; by default none is sent, or 1000 where there is a reason
   * @param reason at most 123 bytes of UTF-8
   * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a longer reason
   */
  close(code: number | undefined = undefined, reason: string | undefined = undefined): void {
    // By Web IDL the receiver comes before the arguments, whose conversion may run the caller's code.
    void this.#readyState;
    const clamped = code === undefined ? 0 : args.clampedShort(code);
    const bytes = reason === undefined ? NO_BYTES : args.utf8(reason);
    if (code !== undefined && clamped !== 1000 && !(clamped >= 3000 && clamped <= 4999)) {
      throw new DOMException(`close code must be 1000 or 3000 to 4999, and is ${code}`, "InvalidAccessError");
    }
    if (bytes.length > 123) {
      throw new DOMException(`close reason must be at most 123 bytes, and has ${bytes.length}`, "SyntaxError");
    }
    if (this.#readyState >= 2) return;
    if (this.#readyState === 0) {
      this.#readyState = 2;
      this.#connection.abort(
        new CurlWebSocketError("ERR_ABORTED", "close() was called before the connection was open"),
      );
      return;
    }
    this.#readyState = 2;
    // A reason needs a code before it on the wire.
    const closeCode = clamped === 0 && bytes.length > 0 ? 1000 : clamped;
    const close = () => this.#connection.close(closeCode, bytes);
    if (this.#sending === null) return close();
    this.#connection.willClose();
    void this.#sending.then(close);
  }

  /** Closes at once, without a closing handshake: the `close` event has code 1006. */
  terminate(): void {
    if (this.#readyState === 3) return;
    this.#readyState = 2;
    this.#connection.abort(null);
  }

  /**
   * Sends a ping of at most 125 bytes; a `pong` event, with its payload as an `ArrayBuffer`, answers it.
   *
   * @throws {DOMException} `InvalidStateError` if the connection is not open, `SyntaxError` if `data` is too long
   */
  ping(data: Sendable = ""): void {
    this.#control("ping", data);
  }

  /**
   * Sends a pong of at most 125 bytes that nobody asked for, as a sign of life (RFC 6455 section 5.5.3). The server's
   * pings are answered without it.
   *
   * @throws {DOMException} `InvalidStateError` if the connection is not open, `SyntaxError` if `data` is too long
   */
  pong(data: Sendable = ""): void {
    this.#control("pong", data);
  }

  #control(kind: "ping" | "pong", data: Sendable): void {
    const open = () => this.#readyState === 1;
    if (!open()) throw new DOMException(`${kind}() needs an open connection`, "InvalidStateError");
    const blob = data instanceof Blob;
    const payload = blob ? NO_BYTES : args.isBuffer(data) ? args.bytesOf(data) : args.utf8(data);
    const length = blob ? data.size : payload.length;
    if (length > 125) {
      throw new DOMException(`${kind} data must be at most 125 bytes, and has ${length}`, "SyntaxError");
    }
    if (!blob) return this.#connection[kind](payload);
    // A Blob that cannot be read, such as a file's that is gone, is no reason to end the connection for a sign of life.
    const send = (buffer: ArrayBuffer) => open() && this.#connection[kind](new Uint8Array(buffer));
    data.arrayBuffer().then(send).catch(reportError);
  }

  /**
   * How long the last ping took to come back as a pong, ms: one of {@linkcode ping} or of the option `pingInterval`. It
   * counts from the call, so what was queued before is in it. Null before the first pong; a ping whose pong had to wait
   * for {@linkcode resume} does not count.
   */
  get roundTripTime(): number | null {
    return this.#connection.roundTripTime;
  }

  /**
   * Stops reading: no more messages come, TCP makes the server wait, memory stays as it is. Returns false, and does
   * nothing, if the connection is not open.
   */
  pause(): boolean {
    if (this.#readyState !== 1) return false;
    this.#connection.pause();
    return true;
  }

  /** Reads again. Returns false if the connection is not open. */
  resume(): boolean {
    this.#connection.resume();
    return this.#readyState === 1;
  }

  /** Whether reading is paused. */
  get isPaused(): boolean {
    return this.#connection.paused;
  }

  /**
   * What the connection goes over: addresses, TLS, proxy, and how long each phase of connecting took. Null before the
   * `open` event; it stays after the connection is closed.
   */
  get connection(): ConnectionInfo | null {
    return this.#connection.info;
  }

  /** Counters of the connection, as they are now; they stay after it is closed. */
  get stats(): SocketStats {
    return this.#connection.stats;
  }

  /** An open connection keeps the process alive (the default). */
  ref(): this {
    this.#connection.setRef(true);
    return this;
  }

  /** Lets the process end while the connection is open. */
  unref(): this {
    this.#connection.setRef(false);
    return this;
  }

  /**
   * The data of each message from now on. Reading pauses while `highWaterMark` bytes wait to be taken. Ends when the
   * connection closes cleanly, throws the {@linkcode CurlWebSocketError} where it failed; leaving the loop closes.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Blob | ArrayBuffer> {
    const iteration = this.#queue ??= new MessageQueue(this, this.#highWaterMark);
    if (this.#result !== null) iteration.end(this.#result.error);
    return iteration;
  }

  /** Closes, and waits until it is closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#readyState === 3) return;
    const closed = new Promise((resolve) => this.addEventListener("close", resolve, { once: true }));
    this.close();
    await closed;
  }

  #onOpen({ protocol, extensions }: Agreement): void {
    // close() may have been called since.
    if (this.#readyState !== 0) return;
    this.#readyState = 1;
    this.#protocol = protocol;
    this.#extensions = extensions;
    this.dispatchEvent(new Event("open"));
  }

  #onMessage(message: string | ArrayBuffer): void {
    if (this.#readyState !== 1) return;
    const text = typeof message === "string";
    const data = text || this.#binaryType === "arraybuffer" ? message : new Blob([message]);
    this.#queue?.push(data, text ? message.length : message.byteLength);
    if (this.#messages.any) this.#messages.dispatch(new FastMessageEvent(data, this.#origin, this));
  }

  #onPong(data: ArrayBuffer): void {
    this.dispatchEvent(new MessageEvent("pong", { data, origin: this.#url.origin }));
  }

  #onClosed(result: CloseResult): void {
    this.#readyState = 3;
    this.#result = result;
    const { code, reason, wasClean, error } = result;
    this.#queue?.end(error);
    if (error !== null) {
      this.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
      runtime().checkpoint();
    }
    this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }
}

for (const [name, value] of [["CONNECTING", 0], ["OPEN", 1], ["CLOSING", 2], ["CLOSED", 3]] as const) {
  Object.defineProperty(CurlWebSocket.prototype, name, { value, enumerable: true });
  Object.defineProperty(CurlWebSocket, name, { value, enumerable: true, writable: false, configurable: false });
}
makeInspectable(CurlWebSocket.prototype, (socket) => ({
  url: shownUrl(socket.url),
  readyState: ["CONNECTING", "OPEN", "CLOSING", "CLOSED"][socket.readyState],
  protocol: socket.protocol,
  extensions: socket.extensions,
  bufferedAmount: socket.bufferedAmount,
}));
makeEnumerable(CurlWebSocket.prototype, [
  ...["url", "readyState", "bufferedAmount", "onopen", "onerror", "onclose", "extensions", "protocol", "close"],
  ...["onmessage", "binaryType", "send"],
]);
// Not the class's own name: programs that ask for it want to know whether this is a WebSocket.
Object.defineProperty(CurlWebSocket.prototype, Symbol.toStringTag, { value: "WebSocket", configurable: true });
