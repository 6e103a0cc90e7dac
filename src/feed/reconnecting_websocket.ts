/** `ReconnectingCurlWebSocket`: a feed with the members of WebSocket. */
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { shownUrl } from "../observe/redact.ts";
import { runtime } from "../platform/runtime.ts";
import { type BinaryType, binaryTypeOf, type MessageData, type NativeBinaryType } from "../web/binary_type.ts";
import { defineHandlers, EventHandlers } from "../web/event_handlers.ts";
import type { CurlWebSocketErrorEvent } from "../web/event_map.ts";
import { makeInspectable } from "../web/inspection.ts";
import { defineInterface } from "../web/interface_object.ts";
import { MessageDelivery } from "../web/message_delivery.ts";
import { defineListeners } from "../web/message_listeners.ts";
import * as args from "../web/webidl.ts";
import { SocketPromises } from "../web/socket_promises.ts";
import type { WaitOptions } from "../web/wait.ts";
import { CurlWebSocket, deliveryOf } from "../web/websocket.ts";
import { systemClock } from "./clock.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { ConnectionPlan, type PerAttempt } from "./connection_plan.ts";
import { type GapEvent, type ReconnectingEvent, ReconnectingTarget, type WarningEvent } from "./events.ts";
import { Feed } from "./feed.ts";
import { FeedEvents } from "./feed_events.ts";
import type { ReconnectingStats } from "./feed_stats.ts";
import { type AfterUrl, completeFeedOptions, optionsOf, type ReconnectingCurlWebSocketOptions } from "./options.ts";
import { ReadingOrder } from "./reading_order.ts";

const READY_STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;

type Options = ReconnectingCurlWebSocketOptions;

/**
 * A WebSocket that connects again: one feed of messages over one connection after another, or over several at once. It stands
 * where a WebSocket class is taken, and `for await` goes on across connections, with backpressure.
 *
 * `readyState` is `CONNECTING` while no connection is open, also between two; `OPEN` while one is; `CLOSING` from `close()` on;
 * `CLOSED` in the end, when it was closed or cannot go on.
 *
 * ```ts
 * import { ReconnectingCurlWebSocket } from "@curlws/curlws";
 *
 * const feed = new ReconnectingCurlWebSocket("wss://example.com/feed", {
 *   connected: (socket) => socket.send(JSON.stringify({ subscribe: "trades" })),
 * });
 * feed.addEventListener("gap", ({ from, to }) => console.log("nothing came from", new Date(from), "to", new Date(to)));
 * for await (const data of feed) console.log(data);
 * ```
 */
export class ReconnectingCurlWebSocket extends ReconnectingTarget {
  /** No connection is open. */
  static readonly CONNECTING = 0;
  /** A connection is open. */
  static readonly OPEN = 1;
  /** It is being closed. */
  static readonly CLOSING = 2;
  /** It is closed, or cannot go on. */
  static readonly CLOSED = 3;
  /** No connection is open. */
  declare readonly CONNECTING: 0;
  /** A connection is open. */
  declare readonly OPEN: 1;
  /** It is being closed. */
  declare readonly CLOSING: 2;
  /** It is closed, or cannot go on. */
  declare readonly CLOSED: 3;

  /** Called when a connection is open, where none was. */
  declare onopen: ((event: Event) => unknown) | null;
  /** Called for each message. */
  declare onmessage: ((event: MessageEvent) => unknown) | null;
  /** Called once: the last event. */
  declare onclose: ((event: CloseEvent) => unknown) | null;
  /** Called before each attempt but the first. */
  declare onreconnecting: ((event: ReconnectingEvent) => unknown) | null;
  /** Called when a connection stands again after an interruption; in a loop, between the messages before and behind it. */
  declare ongap: ((event: GapEvent) => unknown) | null;
  /** Called when the feed goes on, but a rotation failed, or a redundant connection is not replaced. */
  declare onwarning: ((event: WarningEvent) => unknown) | null;

  readonly #handlers: EventHandlers = new EventHandlers(this);
  readonly #delivery: MessageDelivery;
  readonly #order: ReadingOrder = new ReadingOrder();
  readonly #feed: Feed;
  #url: string;
  #readyState: 0 | 1 | 2 | 3 = 0;
  #agreed = { protocol: "", extensions: "" };
  #info: ConnectionInfo | null = null;
  readonly #promises: SocketPromises<this> = new SocketPromises(this, false, null);

  static {
    const types = ["open", "message", "close", "reconnecting", "gap", "warning"] as const;
    defineHandlers(this.prototype, types, (feed) => feed.#handlers);
    defineListeners(this.prototype, (feed) => feed.#delivery.listeners);
  }

  /**
   * Begins to connect. The URL, the subprotocols and each option of a connection may be functions of the attempt. A libcurl that
   * cannot be loaded, or lacks what an option needs, is the error with which it ends.
   *
   * @throws {DOMException} `SyntaxError` for a bad URL or subprotocol
   * @throws {TypeError | RangeError} for a bad option
   */
  constructor(
    url: PerAttempt<string | URL>,
    protocols?: PerAttempt<string | Iterable<string> | undefined>,
    options?: Options,
  );
  /** Begins to connect, with options only; those of the runtime's own class are for the type checker alone. */
  constructor(url: PerAttempt<string | URL>, options?: Options | args.NativeInit);
  constructor(url: PerAttempt<string | URL>, ...rest: AfterUrl) {
    super();
    if (arguments.length === 0) throw new TypeError("ReconnectingCurlWebSocket needs a URL");
    const options = completeFeedOptions(optionsOf(...rest)), events = new FeedEvents(this, this.#order);
    const plans = options.connections.map((connection) => new ConnectionPlan(url, connection));
    const { url: firstUrl, options: { highWaterMark } } = plans.map((plan) => plan.check())[0]!;
    this.#url = typeof url === "function" ? "" : firstUrl.href;
    this.#delivery = new MessageDelivery(this, this.#url === "" ? { origin: "" } : firstUrl, highWaterMark);
    this.#feed = new Feed({
      options,
      plans,
      highWaterMark,
      clock: systemClock,
      create: (init, onMessage) => {
        const socket = new CurlWebSocket(init.url, init.options);
        deliveryOf(socket).tap = onMessage;
        this.#url = socket.url;
        return socket;
      },
      takeOver: (socket) => deliveryOf(socket).onlyTap(),
    }, {
      onOpen: ({ socket }) => this.#onOpen(socket!),
      onMessage: (data) => {
        this.#order.came();
        return this.#delivery.deliver(data);
      },
      onDown: () => {
        if (this.#readyState === 1) this.#readyState = 0;
      },
      onReconnecting: (event) => events.reconnecting(event),
      onGap: (gap) => events.gap(gap),
      onWarning: (warning) => events.warning(warning),
      onEnd: (end) => this.#onEnd(end),
    });
    this.#feed.start();
  }

  /** Returns a class with default options, for libraries that take a WebSocket class; those of its constructor win. */
  static with(defaults: Options): typeof ReconnectingCurlWebSocket {
    const made = class extends this {
      constructor(url: PerAttempt<string | URL>, ...rest: AfterUrl) {
        if (arguments.length === 0) throw new TypeError("ReconnectingCurlWebSocket needs a URL");
        super(url, { ...defaults, ...optionsOf(...rest) });
      }
    };
    Object.defineProperty(made, "name", { value: this.name });
    return made;
  }

  /** The URL of the latest connection; `""` before the first one if a function returns it. */
  get url(): string {
    return this.#url;
  }

  /** The old name of {@linkcode url}, which Bun's class has. */
  get URL(): string {
    return this.#url;
  }

  /** One of {@linkcode CONNECTING}, {@linkcode OPEN}, {@linkcode CLOSING}, {@linkcode CLOSED}. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /**
   * Resolves with the feed when the first connection is open, or has been; rejects with the `CurlWebSocketError` with which it
   * ended before. Nobody has to look at it.
   */
  get opened(): Promise<this> {
    return this.#promises.opened;
  }

  /** Resolves when it has ended for good, as the `close` event, with the error with which it could not go on, if there is one. */
  get closed(): Promise<ConnectionEnd> {
    return this.#promises.closed;
  }

  /** Payload bytes passed to {@linkcode send} that no kernel has taken, with those that wait for a connection. */
  get bufferedAmount(): number {
    return this.#feed.bufferedAmount;
  }

  /** The extensions of the latest connection, or `""`. */
  get extensions(): string {
    return this.#agreed.extensions;
  }

  /** The subprotocol of the latest connection, or `""`. */
  get protocol(): string {
    return this.#agreed.protocol;
  }

  /**
   * The type of binary messages that come: `"blob"` (the default), `"arraybuffer"`, or `"nodebuffer"` for Node's
   * `Buffer`. Another value is ignored.
   */
  get binaryType(): NativeBinaryType {
    return this.#delivery.binaryType as NativeBinaryType;
  }
  set binaryType(value: BinaryType) {
    this.#delivery.binaryType = binaryTypeOf(value, this.#delivery.binaryType);
  }

  /** Called once, when it cannot go on, before `close`. */
  get onerror(): ((event: Event) => unknown) | null {
    return this.#handlers.get("error") as ((event: Event) => unknown) | null;
  }
  set onerror(handler: ((event: CurlWebSocketErrorEvent) => unknown) | null) {
    this.#handlers.set("error", handler);
  }

  /**
   * Sends a message over the connection that has stood longest. While none is open, it is kept if the option `buffer` has room.
   *
   * @throws {DOMException} `InvalidStateError` while no connection is open and nothing is kept, `QuotaExceededError` if there
   * is no room: then nothing was queued
   */
  send(data: args.Sendable): void {
    if (arguments.length === 0) throw new TypeError("send() needs data");
    // As WebSocket does, it sends nothing once it is closing.
    if (this.#readyState < 2) this.#feed.send(data);
  }

  /**
   * Resolves when {@linkcode bufferedAmount} is at most `limit` bytes: by default, when the kernel has all that was sent, or
   * it was lost with its connection. Rejects if the feed ends before.
   *
   * @throws {TypeError | RangeError} for a bad limit or option
   */
  drained(limit?: number, options?: WaitOptions): Promise<void> {
    return this.#promises.drained(this.#feed.drain, limit ?? 0, options);
  }

  /**
   * Pings over the connection that {@linkcode send} uses, and resolves with the time to its pong, ms; rejects if that
   * connection ends before.
   *
   * @throws {DOMException} `InvalidStateError` if no connection is open, `SyntaxError` for more than 125 bytes
   * @throws {TypeError | RangeError} for a bad option
   */
  ping(data?: args.Sendable, options?: WaitOptions): Promise<number> {
    return this.#feed.socket("ping").ping(data, options);
  }

  /** Sends a pong that nobody asked for, and throws, as {@linkcode ping}. */
  pong(data: args.Sendable = ""): void {
    this.#feed.socket("pong").pong(data);
  }

  /**
   * Closes it for good: all connections by the closing handshake; attempts are given up.
   *
   * @param code 1000 or 3000 to 4999; by default none is sent, or 1000 if there is a reason
   * @param reason at most 123 bytes of UTF-8
   * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a longer reason
   */
  close(code: number | undefined = undefined, reason: string | undefined = undefined): void {
    args.closeArguments(code, reason);
    if (this.#readyState >= 2) return;
    this.#readyState = 2;
    this.#feed.close(code, reason);
  }

  /** Ends it at once, without a closing handshake: the `close` event has code 1006. */
  terminate(): void {
    if (this.#readyState === 3) return;
    this.#readyState = 2;
    this.#feed.terminate();
  }

  /**
   * Begins the next connection while the present one stands, as the option `rotate` says, and replaces it without a gap. Returns
   * false if no connection is open, or this is under way.
   */
  rotate(): boolean {
    return this.#readyState === 1 && this.#feed.rotate();
  }

  /** Stops reading: no more messages come, and TCP makes the server wait. Returns false if no connection is open. */
  pause(): boolean {
    if (this.#readyState !== 1) return false;
    this.#feed.pause();
    return true;
  }

  /** Reads again. Returns false if no connection is open. */
  resume(): boolean {
    this.#feed.resume();
    return this.#readyState === 1;
  }

  /** Whether reading is paused. */
  get isPaused(): boolean {
    return this.#feed.isPaused;
  }

  /**
   * The connections that are open, the one that `send()` uses first: what is to go over each of redundant connections, such as a
   * subscription, is sent over each. A socket that is closed is replaced.
   */
  get sockets(): readonly CurlWebSocket[] {
    return this.#feed.sockets;
  }

  /** What the latest connection goes over; null before the first one is open, kept after the end. */
  get connection(): ConnectionInfo | null {
    return this.#feed.sockets[0]?.connection ?? this.#info;
  }

  /** A copy of the counters over all connections; they stay in the end. */
  get stats(): ReconnectingStats {
    return this.#feed.stats;
  }

  /** Keeps the process alive until it is closed (the default). */
  ref(): this {
    this.#feed.setRef(true);
    return this;
  }

  /** Lets the process end. */
  unref(): this {
    this.#feed.setRef(false);
    return this;
  }

  /**
   * Iterates over the data of each message from now on, across connections. Reading pauses while `highWaterMark` bytes wait. It
   * ends with `close()`, or throws the `CurlWebSocketError` with which it cannot go on; leaving the loop closes it. `gap` fires
   * when the loop asks for the first message behind the gap.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageData> {
    return this.#order.of(this.#delivery.iterate());
  }

  /**
   * Resolves with the data of the next message, also if its connection is yet to come, from the iterator's queue: from the
   * first call on messages wait for the next one. A wait that is given up loses none. In the end it rejects with the
   * {@linkcode CurlWebSocketError}, or without one with a `WebSocketError` that has the close code.
   *
   * @throws {TypeError | RangeError} for a bad option
   */
  receive(options?: WaitOptions): Promise<MessageData> {
    return this.#promises.receive(this.#order.of(this.#delivery.iterate()), options);
  }

  /** Closes it, and waits until it is closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#promises.closed;
  }

  #onOpen(socket: CurlWebSocket): void {
    if (this.#readyState !== 0) return;
    this.#readyState = 1;
    this.#agreed = { protocol: socket.protocol, extensions: socket.extensions };
    this.#info = socket.connection;
    this.#promises.onOpen();
    this.dispatchEvent(new Event("open"));
    runtime().checkpoint();
  }

  #onEnd(end: ConnectionEnd): void {
    const { error, code, reason, wasClean } = end;
    this.#readyState = 3;
    this.#promises.onFailed(end);
    this.#delivery.end(error);
    if (error !== null) {
      this.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
      runtime().checkpoint();
    }
    this.#promises.onClosed(end);
    this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }
}

defineInterface(ReconnectingCurlWebSocket, {
  // Not the class's own name: programs use it to find out whether this is a WebSocket.
  name: "WebSocket",
  enumerable: [
    ...["url", "readyState", "bufferedAmount", "extensions", "protocol", "binaryType", "onerror", "send", "close"],
  ],
  constants: READY_STATES,
});
makeInspectable(ReconnectingCurlWebSocket.prototype, (feed) => ({
  url: shownUrl(feed.url),
  readyState: Object.keys(READY_STATES)[feed.readyState],
  connections: feed.sockets.length,
  bufferedAmount: feed.bufferedAmount,
}));
