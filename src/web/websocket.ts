/** `CurlWebSocket`: the WHATWG WebSocket class (https://websockets.spec.whatwg.org) over libcurl. */
import type { BatchOptions, MessageBatch } from "./batch_queue.ts";
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { Connection } from "../connection/connection.ts";
import type { CurlWebSocketOptions } from "../options/options.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { OPCODE_BINARY, OPCODE_TEXT } from "../protocol/constants.ts";
import type { HandshakeResponse } from "../handshake/response_head.ts";
import { shownUrl } from "../observe/redact.ts";
import type { SocketStats } from "../observe/statistics.ts";
import * as args from "./webidl.ts";
import { abandoned } from "./websocket_error.ts";
import { type BinaryType, binaryTypeOf, type MessageData, type NativeBinaryType } from "./binary_type.ts";
import { defineHandlers, EventHandlers } from "./event_handlers.ts";
import { makeInspectable } from "./inspection.ts";
import { defineInterface } from "./interface_object.ts";
import type { LatestMessage } from "./latest_queue.ts";
import { defineListeners } from "./message_listeners.ts";
import type { MessageDelivery } from "./message_delivery.ts";
import { MessageSender } from "./message_sender.ts";
import { SocketState } from "./socket_state.ts";
import { type CurlWebSocketErrorEvent, WebSocketTarget } from "./event_map.ts";
import type { WaitOptions } from "./wait.ts";
import type { CurlWebSocketInit, NativeInit, Sendable } from "./webidl.ts";

const READY_STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;

let of: (socket: CurlWebSocket) => MessageDelivery;

/** Returns what the messages of a socket go through, for the feed that makes it. */
export function deliveryOf(socket: CurlWebSocket): MessageDelivery {
  return of(socket);
}

/**
 * A WebSocket over libcurl, and a drop-in for the platform's `WebSocket`.
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
export class CurlWebSocket extends WebSocketTarget {
  /** The connection is not yet open. */
  static readonly CONNECTING = 0;
  /** The connection is open. */
  static readonly OPEN = 1;
  /** The closing handshake is under way. */
  static readonly CLOSING = 2;
  /** The connection is closed, or could not be opened. */
  static readonly CLOSED = 3;
  /** The connection is not yet open. */
  declare readonly CONNECTING: 0;
  /** The connection is open. */
  declare readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare readonly CLOSING: 2;
  /** The connection is closed, or could not be opened. */
  declare readonly CLOSED: 3;

  readonly #url: URL;
  readonly #connection: Connection;
  readonly #handlers: EventHandlers = new EventHandlers(this);
  readonly #state: SocketState;
  readonly #sender: MessageSender;

  static {
    of = (socket) => socket.#state.delivery;
    defineHandlers(this.prototype, ["open", "message", "close"], (socket) => socket.#handlers);
    defineListeners(this.prototype, (socket) => socket.#state.delivery.listeners);
  }

  /**
   * Connects to a `ws:`, `wss:`, `http:` or `https:` URL.
   *
   * @throws {DOMException} `SyntaxError` for a bad URL or subprotocol
   * @throws {TypeError | RangeError} for a bad option
   * @throws {CurlWebSocketError} if libcurl cannot be loaded, or lacks what an option needs
   */
  constructor(url: string | URL, protocols?: string | Iterable<string>, options?: CurlWebSocketOptions);
  /** For the type checker: see {@linkcode NativeInit}. */
  constructor(url: string | URL, options?: NativeInit);
  /** Connects with options only. */
  constructor(url: string | URL, options?: CurlWebSocketInit);
  constructor(url: string | URL, ...rest: args.AfterUrl) {
    super();
    if (arguments.length === 0) throw new TypeError("CurlWebSocket needs a URL");
    const init = args.completeInit(url, args.initOf(...rest));
    this.#url = init.url;
    this.#state = new SocketState(this, init.url, init.options.highWaterMark);
    this.#connection = new Connection(init.url, init.protocols, init.options, this.#state);
    this.#sender = new MessageSender(this.#connection);
  }

  /** Returns a class with default options, for libraries that take a WebSocket class; those of its constructor win. */
  static with(defaults: CurlWebSocketInit): typeof CurlWebSocket {
    const made = class extends this {
      constructor(url: string | URL, ...rest: args.AfterUrl) {
        if (arguments.length === 0) throw new TypeError("CurlWebSocket needs a URL");
        super(url, { ...defaults, ...args.initOf(...rest) });
      }
    };
    Object.defineProperty(made, "name", { value: this.name });
    return made;
  }

  /** The URL: `ws:` or `wss:`, with the option `params`. */
  get url(): string {
    return this.#url.href;
  }

  /** The old name of {@linkcode url}, which Bun's class has. */
  get URL(): string {
    return this.#url.href;
  }

  /** One of {@linkcode CONNECTING}, {@linkcode OPEN}, {@linkcode CLOSING}, {@linkcode CLOSED}. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#state.readyState;
  }

  /**
   * Resolves with the socket when the connection is open, or has been; rejects with the `CurlWebSocketError` if there is
   * none. Nobody has to look at it.
   */
  get opened(): Promise<this> {
    return this.#state.promises.opened as Promise<EventTarget> as Promise<this>;
  }

  /** Resolves when the connection is closed, or could not be made, with its close code and its error, if there is one. */
  get closed(): Promise<ConnectionEnd> {
    return this.#state.promises.closed;
  }

  /** Payload bytes passed to {@linkcode send} that the kernel has not yet taken. Closing does not reset it. */
  get bufferedAmount(): number {
    return this.#sender.bufferedAmount;
  }

  /** The extensions in use, such as `permessage-deflate`, or `""`. */
  get extensions(): string {
    return this.#state.extensions;
  }

  /** The subprotocol the server chose, or `""`. */
  get protocol(): string {
    return this.#state.protocol;
  }

  /**
   * The type of binary messages that come: `"blob"` (the default), `"arraybuffer"`, or `"nodebuffer"` for Node's
   * `Buffer`. Another value is ignored.
   */
  get binaryType(): NativeBinaryType {
    return this.#state.delivery.binaryType as NativeBinaryType;
  }
  set binaryType(value: BinaryType) {
    // By Web IDL the receiver comes before the value, whose conversion may run the caller's code.
    const { delivery } = this.#state;
    delivery.binaryType = binaryTypeOf(value, delivery.binaryType);
  }

  /** Called when the connection is open. */
  declare onopen: ((event: Event) => unknown) | null;

  /** Called for each message. */
  declare onmessage: ((event: MessageEvent) => unknown) | null;

  /** Called with an `ErrorEvent`, before `close`, when the connection fails. */
  get onerror(): ((event: Event) => unknown) | null {
    return this.#handlers.get("error") as ((event: Event) => unknown) | null;
  }
  set onerror(handler: ((event: CurlWebSocketErrorEvent) => unknown) | null) {
    this.#handlers.set("error", handler);
  }

  /** Called when the connection is closed: the last event. */
  declare onclose: ((event: CloseEvent) => unknown) | null;

  /**
   * Sends a message: the bytes of a buffer, view or Blob, as they are now, or anything else as text. Once the
   * connection is closing it sends nothing, as WHATWG says.
   *
   * @throws {DOMException} `InvalidStateError` before the connection is open
   */
  send(data: Sendable): void {
    if (arguments.length === 0) throw new TypeError("send() needs data");
    // The usual case, which encodes the text where it is sent from.
    if (typeof data === "string" && this.#state.readyState === 1 && this.#sender.waiting === null) {
      if (this.#connection.sendText(data)) return;
    }
    // By Web IDL the receiver comes before the argument, whose conversion may run the caller's code.
    void this.#state;
    const blob = data instanceof Blob;
    const binary = blob || args.isBuffer(data);
    // Text is converted before the state is looked at: that may run the caller's code.
    const payload = blob
      ? args.NO_BYTES
      : binary
      ? args.bytesOf(data as ArrayBufferLike | ArrayBufferView)
      : args.utf8(data);
    if (this.#state.readyState === 0) {
      throw new DOMException("send() before the connection is open; wait for the open event", "InvalidStateError");
    }
    if (this.#state.readyState !== 1) this.#connection.refuse(blob ? data.size : payload.length);
    else if (blob) this.#sender.sendBlob(data);
    else this.#sender.send(binary ? OPCODE_BINARY : OPCODE_TEXT, payload);
  }

  /**
   * Resolves when {@linkcode bufferedAmount} is at most `limit` bytes: by default, when the kernel has all that was sent.
   * Rejects as {@linkcode receive} if the connection ends before, or can send nothing any more.
   *
   * @throws {TypeError | RangeError} for a bad limit or option
   */
  drained(limit?: number, options?: WaitOptions): Promise<void> {
    return this.#state.promises.drained(this.#sender, limit ?? 0, options);
  }

  /**
   * Begins the closing handshake, after all messages that were sent. While connecting, it gives the attempt up.
   *
   * @param code 1000 or 3000 to 4999; by default none is sent, or 1000 if there is a reason
   * @param reason at most 123 bytes of UTF-8
   * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a longer reason
   */
  close(code: number | undefined = undefined, reason: string | undefined = undefined): void {
    // By Web IDL the receiver comes before the arguments, whose conversion may run the caller's code.
    void this.#state;
    const closing = args.closeArguments(code, reason);
    if (this.#state.readyState >= 2) return;
    const open = this.#state.readyState === 1;
    this.#state.readyState = 2;
    if (open) this.#sender.close(closing.code, closing.reason);
    else this.#connection.abort(abandoned("close"));
  }

  /** Closes at once, without a closing handshake: the `close` event has code 1006. */
  terminate(): void {
    if (this.#state.readyState === 3) return;
    this.#state.readyState = 2;
    this.#connection.abort(null);
  }

  /**
   * Sends a ping with at most 125 bytes, and resolves with the time to its pong, ms; rejects as {@linkcode receive}, or
   * after 64 more pings without a pong. While reading is paused no pong is read. The pong is a `pong` event too, whose
   * `data` is the payload: an `ArrayBuffer`, or a `Buffer` if that is the {@linkcode binaryType}.
   *
   * @throws {DOMException} `InvalidStateError` if the connection is not open, `SyntaxError` if `data` is too long
   * @throws {TypeError | RangeError} for a bad option
   */
  ping(data?: Sendable, options?: WaitOptions): Promise<number> {
    const isOpen = () => this.#state.readyState === 1;
    return this.#state.promises.ping((onSent) => this.#sender.control("ping", data ?? "", isOpen, onSent), options);
  }

  /**
   * Sends a pong with at most 125 bytes: an unsolicited one, as a one-way heartbeat (RFC 6455 section 5.5.3), or with
   * the option `autoPong: false` the one to a ping. By default the pongs to the server's pings are sent without it.
   *
   * @throws {DOMException} `InvalidStateError` if the connection is not open, `SyntaxError` if `data` is too long
   */
  pong(data: Sendable = ""): void {
    this.#sender.control("pong", data, () => this.#state.readyState === 1);
  }

  /**
   * The time from the last ping to its pong, ms; null before the first pong. Pings of {@linkcode ping} and of the
   * option `pingInterval` count. It begins with the call, so it includes the time for what was queued before. A ping
   * whose pong had to wait for {@linkcode resume} does not count.
   */
  get roundTripTime(): number | null {
    return this.#connection.roundTripTime;
  }

  /**
   * Stops reading: no more messages come, TCP makes the server wait, and no memory is taken. Returns false, and does
   * nothing, if the connection is not open.
   */
  pause(): boolean {
    if (this.#state.readyState !== 1) return false;
    this.#connection.pause();
    return true;
  }

  /** Reads again. Returns false if the connection is not open. */
  resume(): boolean {
    this.#connection.resume();
    return this.#state.readyState === 1;
  }

  /** Whether reading is paused. */
  get isPaused(): boolean {
    return this.#connection.paused;
  }

  /** Addresses, TLS, proxy, and the time of each phase of connecting; null before the `open` event, kept after the end. */
  get connection(): ConnectionInfo | null {
    return this.#connection.info;
  }

  /** The server's response to the opening handshake, also if it refused; null before it came. */
  get response(): HandshakeResponse | null {
    return this.#state.response;
  }

  /** A copy of the connection's counters; they stay after it is closed. */
  get stats(): SocketStats {
    return this.#connection.stats;
  }

  /** Keeps the process alive while the connection is open (the default). */
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
   * Iterates over the data of each message from now on. Reading pauses while `highWaterMark` bytes wait. It ends when
   * the connection closes, or throws the {@linkcode CurlWebSocketError}; leaving the loop closes the connection.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageData> {
    return this.#state.delivery.iterate();
  }

  /**
   * Resolves with the data of the next message, from the iterator's queue: from the first call on messages wait for the
   * next one, and reading pauses while `highWaterMark` bytes do. A wait that is given up loses none. In the end it rejects
   * with the {@linkcode CurlWebSocketError}, or without one with a {@linkcode WebSocketError} that has the close code.
   *
   * @throws {TypeError | RangeError} for a bad option
   */
  receive(options?: WaitOptions): Promise<MessageData> {
    return this.#state.promises.receive(this.#state.delivery.iterate(), options);
  }

  /**
   * Iterates over batches: the messages that came together, each time that libcurl handed over bytes, as one array with the
   * time. Reading pauses and the loop ends as with the iterator over messages; each call returns a loop of its own, which gets
   * every message from now on.
   *
   * @throws {TypeError | RangeError} for a bad option
   */
  batches(options?: BatchOptions): AsyncIterableIterator<MessageBatch> {
    const batches = this.#state.delivery.batches(options);
    this.#connection.observeReads();
    return batches;
  }

  /**
   * Iterates over the newest message of each key, for a loop that is slower than the server: of a key, what waits is superseded by
   * what comes, and dropped. Reading pauses while the newest of all keys that wait have `highWaterMark` bytes. What the function
   * throws the loop throws, and the connection is closed. Otherwise as {@linkcode batches}.
   *
   * @param keyOf returns a message's key, as `Map` compares them; undefined for a message that is not to be dropped
   */
  latest<Key>(
    keyOf: (data: MessageData) => Key | undefined,
  ): AsyncIterableIterator<LatestMessage<Key>> {
    const latest = this.#state.delivery.latest(keyOf);
    this.#connection.observeReads();
    return latest;
  }

  /** Closes the connection, and waits until it is closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#state.promises.closed;
  }
}

defineInterface(CurlWebSocket, {
  // Not the class's own name: programs use it to find out whether this is a WebSocket.
  name: "WebSocket",
  enumerable: [
    ...["url", "readyState", "bufferedAmount", "onopen", "onerror", "onclose", "extensions", "protocol", "close"],
    ...["onmessage", "binaryType", "send"],
  ],
  constants: READY_STATES,
});
makeInspectable(CurlWebSocket.prototype, (socket) => ({
  url: shownUrl(socket.url),
  readyState: Object.keys(READY_STATES)[socket.readyState],
  protocol: socket.protocol,
  extensions: socket.extensions,
  bufferedAmount: socket.bufferedAmount,
}));
