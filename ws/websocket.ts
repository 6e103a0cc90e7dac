/** The client half of npm's `ws`: its `WebSocket` class over our connections. */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { isToken } from "../src/handshake/fields.ts";
import type { ConnectionInfo } from "../src/observe/connection_info.ts";
import type { SocketStats } from "../src/observe/statistics.ts";
import { isSendableCloseCode, OPCODE_BINARY, OPCODE_TEXT } from "../src/protocol/constants.ts";
import { ClientConnection } from "./client_connection.ts";
import { type ClientOptions, settingsOf } from "./client_options.ts";
import { notOpen } from "./errors.ts";
import * as events from "./events.ts";
import { BINARY_TYPES, type BufferLike, sizeOf, toBytes, type WsBinaryType } from "./payload.ts";
import type { SendCallback } from "./send_callbacks.ts";

/** How one message is sent. */
export interface SendOptions {
  /** Whether it is binary; by default whether the data is no string. */
  binary?: boolean;
  /** Has no effect: `threshold` decides. */
  compress?: boolean;
  /** False for a part of a message: it is kept, and sent with the last part. */
  fin?: boolean;
  /** Only true: RFC 6455 section 5.1 wants all frames of a client masked. */
  mask?: boolean;
}

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
/** RFC 6455 section 5.5: of a control frame's payload, and of the reason behind a close code, in bytes. */
const MAX_CONTROL = 125, MAX_REASON = 123;

/**
 * The `WebSocket` of npm's `ws`, client half, over libcurl. It takes the options of `ws`, and those of a
 * {@linkcode CurlWebSocket}; docs/ws.md says what is different.
 *
 * ```ts
 * import WebSocket from "@curlws/curlws/ws";
 *
 * const socket = new WebSocket("wss://example.com/feed", { proxy: "socks5h://127.0.0.1:1080" });
 * socket.on("message", (data, isBinary) => console.log(isBinary ? data : data.toString()));
 * ```
 */
export class WebSocket extends EventEmitter<events.WebSocketEvents> {
  /** The connection is not yet open. */
  static readonly CONNECTING = 0;
  /** The connection is open. */
  static readonly OPEN = 1;
  /** The connection is being closed. */
  static readonly CLOSING = 2;
  /** The connection is closed, or could not be opened. */
  static readonly CLOSED = 3;
  /** The connection is not yet open. */
  declare readonly CONNECTING: 0;
  /** The connection is open. */
  declare readonly OPEN: 1;
  /** The connection is being closed. */
  declare readonly CLOSING: 2;
  /** The connection is closed, or could not be opened. */
  declare readonly CLOSED: 3;

  /** Called when the connection is open. */
  declare onopen: ((event: events.Event<WebSocket>) => void) | null;
  /** Called for each message. */
  declare onmessage: ((event: events.MessageEvent<WebSocket>) => void) | null;
  /** Called when something went wrong. */
  declare onerror: ((event: events.ErrorEvent<WebSocket>) => void) | null;
  /** Called when the connection is closed. */
  declare onclose: ((event: events.CloseEvent<WebSocket>) => void) | null;

  readonly #client: ClientConnection;
  #paused = false;

  /**
   * Connects to a `ws:`, `wss:`, `http:`, `https:` or `ws+unix:` URL.
   *
   * @throws {SyntaxError} for a bad URL or subprotocol
   * @throws {TypeError | RangeError} for a bad option, and for one of `ws` that has no like here
   * @throws {CurlWebSocketError} if libcurl cannot be loaded, or lacks what an option needs
   */
  constructor(address: string | URL, protocols?: string | string[], options?: ClientOptions);
  /** Connects with options only. */
  constructor(address: string | URL, options?: ClientOptions);
  constructor(address: string | URL, second?: string | string[] | ClientOptions, third?: ClientOptions) {
    super();
    const isOptions = typeof second === "object" && second !== null && !Array.isArray(second);
    const options = (isOptions ? second : third) ?? {};
    const protocols = subprotocols(isOptions || second === undefined ? options.protocols : second as string | string[]);
    this.#client = new ClientConnection(this, address, protocols, settingsOf(options));
    this.#client.start();
  }

  /** The type of binary messages that come; another value than one of {@linkcode WsBinaryType} is ignored. */
  get binaryType(): WsBinaryType {
    return this.#client.binaryType;
  }
  set binaryType(type: WsBinaryType) {
    if (BINARY_TYPES.includes(type)) this.#client.binaryType = type;
  }

  /** Payload bytes that were given to `send()` and that the kernel has not taken; what came too late stays counted. */
  get bufferedAmount(): number {
    return this.#client.bufferedAmount;
  }

  /** The extensions in use: `permessage-deflate`, or `""`. */
  get extensions(): string {
    return this.#client.extensions;
  }

  /** Whether {@linkcode pause} was called. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** The subprotocol the server chose, or `""`. */
  get protocol(): string {
    return this.#client.protocol;
  }

  /** One of {@linkcode CONNECTING}, {@linkcode OPEN}, {@linkcode CLOSING}, {@linkcode CLOSED}. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#client.readyState;
  }

  /** The URL, after redirects the last one. */
  get url(): string {
    return this.#client.url;
  }

  /** Adds a listener that gets an event instead of arguments: to `open`, `message`, `error` or `close`. */
  addEventListener<Type extends keyof events.WebSocketEventMap>(
    type: Type,
    listener: events.EventListenerLike<WebSocket, events.WebSocketEventMap<WebSocket>[Type]>,
    options: { once?: boolean } = {},
  ): void {
    events.addListener(this, type, listener, Boolean(options.once));
  }

  /** Removes a listener that was added by {@linkcode addEventListener}. */
  removeEventListener<Type extends keyof events.WebSocketEventMap>(
    type: Type,
    listener: events.EventListenerLike<WebSocket, events.WebSocketEventMap<WebSocket>[Type]>,
  ): void {
    events.removeListener(this, type, listener);
  }

  /**
   * Sends a message. The callback gets nothing when the kernel has taken it, or the error if it is not sent.
   *
   * @throws {Error} before the connection is open
   * @throws {TypeError} for data that has no bytes, and for `mask: false`
   */
  send(data: BufferLike, callback?: SendCallback): void;
  /** Sends a message as the options say. */
  send(data: BufferLike, options?: SendOptions, callback?: SendCallback): void;
  send(data: BufferLike, second?: SendOptions | SendCallback, third?: SendCallback): void {
    const client = this.#opened();
    const callback = typeof second === "function" ? second : third;
    const { binary, fin = true, mask = true }: SendOptions = typeof second === "object" && second !== null
      ? second
      : {};
    if (!mask) throw new TypeError("mask: false: a client's frames must be masked, RFC 6455 section 5.1");
    const given = typeof data === "number" ? String(data) : data;
    if (client.readyState !== 1) return client.tooLate(sizeOf(given), callback);
    const opcode = (binary ?? typeof given !== "string") ? OPCODE_BINARY : OPCODE_TEXT;
    client.send(opcode, given, fin, callback);
  }

  /**
   * Sends a ping with at most 125 bytes; the callback is called as that of {@linkcode send}.
   *
   * @throws {Error} before the connection is open
   * @throws {RangeError} if the data is too long
   */
  ping(data?: BufferLike | SendCallback, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("ping", data, mask, callback);
  }

  /** Sends a pong; as {@linkcode ping}. */
  pong(data?: BufferLike | SendCallback, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("pong", data, mask, callback);
  }

  /**
   * Begins the closing handshake, after all messages that were sent; messages still come until the server's close frame.
   * While connecting, it gives the attempt up: an `error`, then `close`.
   *
   * @param code 1000 to 1014 but 1004, 1005 and 1006, or 3000 to 4999; by default none is sent
   * @param reason at most 123 bytes
   * @throws {TypeError | RangeError} for another code, or a longer reason
   */
  close(code?: number, reason?: string | Buffer): void {
    const client = this.#client;
    if (client.readyState === 0) return client.giveUp();
    if (client.readyState !== 1) return;
    if (code !== undefined && (typeof code !== "number" || !isSendableCloseCode(code))) {
      throw new TypeError("First argument must be a valid error code number");
    }
    const bytes = toBytes(reason);
    if (bytes.length > MAX_REASON) throw new RangeError(`The message must not be greater than ${MAX_REASON} bytes`);
    client.close(code ?? 0, bytes);
  }

  /** Closes at once, without a closing handshake: `close` has the code 1006. */
  terminate(): void {
    const client = this.#client;
    if (client.readyState === 0) client.giveUp();
    else if (client.readyState !== 3) client.terminate();
  }

  /** Stops reading, so that no message comes. Does nothing before the connection is open, and after its end. */
  pause(): void {
    this.#setPaused(true);
  }

  /** Reads again. */
  resume(): void {
    this.#setPaused(false);
  }

  /** As `connection` of a {@linkcode CurlWebSocket}: addresses, TLS, proxy and times; null before `open`. */
  get connection(): ConnectionInfo | null {
    return this.#client.connection?.info ?? null;
  }

  /** As `stats` of a {@linkcode CurlWebSocket}; null before the first attempt. */
  get stats(): SocketStats | null {
    return this.#client.connection?.stats ?? null;
  }

  /** Keeps the process alive while the connection is open (the default). */
  ref(): this {
    this.#client.setRef(true);
    return this;
  }

  /** Lets the process end while the connection is open; in `ws` it is `_socket.unref()`. */
  unref(): this {
    this.#client.setRef(false);
    return this;
  }

  #opened(): ClientConnection {
    if (this.#client.readyState === 0) throw notOpen(0);
    return this.#client;
  }

  #setPaused(paused: boolean): void {
    const { readyState, connection } = this.#client;
    if (readyState === 0 || readyState === 3) return;
    this.#paused = paused;
    if (paused) connection!.pause();
    else connection!.resume();
  }

  #control(kind: "ping" | "pong", ...args: [data: unknown, mask: unknown, callback: SendCallback | undefined]): void {
    const client = this.#opened();
    const callback = args.find((each): each is SendCallback => typeof each === "function");
    const data = typeof args[0] === "function" ? undefined : args[0];
    const given = typeof data === "number" ? String(data) : data;
    if (client.readyState !== 1) return client.tooLate(sizeOf(given), callback);
    if (sizeOf(given) > MAX_CONTROL) {
      throw new RangeError(`The data size must not be greater than ${MAX_CONTROL} bytes`);
    }
    client.control(kind, given, callback);
  }
}

/**
 * Returns the list of subprotocols.
 *
 * @throws {SyntaxError} if one is invalid, or is given twice
 */
function subprotocols(given: string | string[] | undefined): readonly string[] {
  const list = given === undefined ? [] : Array.isArray(given) ? given : [given];
  if (list.some((each, i) => typeof each !== "string" || !isToken(each) || list.indexOf(each) !== i)) {
    throw new SyntaxError("An invalid or duplicated subprotocol was specified");
  }
  return list;
}

for (const name of ["open", "message", "error", "close"]) {
  Object.defineProperty(WebSocket.prototype, `on${name}`, {
    get(this: WebSocket): unknown {
      return events.handlerOf(this, name);
    },
    set(this: WebSocket, handler: unknown) {
      events.setHandler(this, name, handler);
    },
    enumerable: true,
    configurable: true,
  });
}
// As in `ws`, and so that `in`, spreading and printing find them.
for (const [name, value] of Object.entries(STATES)) {
  const property = { value, enumerable: true, writable: false, configurable: false };
  for (const object of [WebSocket, WebSocket.prototype]) Object.defineProperty(object, name, property);
}
for (const name of ["binaryType", "bufferedAmount", "extensions", "isPaused", "protocol", "readyState", "url"]) {
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true });
}
