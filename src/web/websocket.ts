/** `CurlWebSocket`: the WHATWG WebSocket class (https://websockets.spec.whatwg.org) over libcurl. */
import { type CloseResult, Connection } from "../connection.ts";
import { CurlWebSocketError } from "../errors.ts";
import { completeOptions, type CurlWebSocketOptions } from "../options.ts";
import { OPCODE_BINARY, OPCODE_TEXT } from "../protocol/constants.ts";
import { isToken } from "../protocol/handshake.ts";
import { EventHandlers } from "./events.ts";

/** What `send()` takes. */
export type Sendable = string | ArrayBufferLike | ArrayBufferView | Blob;

/** Options of the two-argument constructor: the subprotocols may stand among them. */
export type CurlWebSocketInit = CurlWebSocketOptions & { protocols?: string | readonly string[] };

/**
 * After so many messages whose listeners stayed the same, messages that came together are delivered together. Before,
 * and after any change of listeners, each has a task of its own, as WHATWG says: so a program that awaits its messages
 * one by one, adding a listener for each, loses none.
 */
const STEADY_MESSAGES = 16;

const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);

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
  readonly #highWaterMark: number;
  #readyState: 0 | 1 | 2 | 3 = 0;
  #protocol = "";
  #extensions = "";
  #binaryType: BinaryType = "blob";
  /** Messages behind a Blob that is still being read, in order; their bytes count as buffered. */
  #sending: Promise<void> | null = null;
  #pendingBytes = 0;
  /** Bytes given to `send()` too late: they stay counted. */
  #lateBytes = 0;
  #listenerChanges = 0;
  #seenChanges = 0;
  #steady = 0;
  #iteration: Iteration | null = null;
  #result: CloseResult | null = null;

  /**
   * Connects to a `ws:`, `wss:`, `http:` or `https:` URL.
   *
   * @throws {DOMException} `SyntaxError` for a bad URL or subprotocol
   * @throws {TypeError | RangeError} for a bad option
   * @throws {CurlWebSocketError} where libcurl cannot be loaded
   */
  constructor(url: string | URL, protocols?: string | readonly string[], options?: CurlWebSocketOptions);
  /** Connects with options alone. */
  constructor(url: string | URL, options?: CurlWebSocketInit);
  constructor(
    url: string | URL,
    second?: string | readonly string[] | CurlWebSocketInit,
    third?: CurlWebSocketOptions,
  ) {
    super();
    if (arguments.length === 0) throw new TypeError("CurlWebSocket needs a URL");
    const { protocols = [], ...options } = initOf(second, third);
    this.#url = parseUrl(String(url));
    const complete = completeOptions(options);
    this.#highWaterMark = complete.highWaterMark;
    this.#connection = new Connection(this.#url, checkProtocols(protocols), complete, {
      onOpen: (agreement) => {
        this.#readyState = 1;
        this.#protocol = agreement.protocol;
        this.#extensions = agreement.extensions;
        this.dispatchEvent(new Event("open"));
      },
      onMessage: (data) => this.#onMessage(data),
      onPong: (payload) => {
        this.dispatchEvent(new MessageEvent("pong", { data: payload.buffer, origin: this.#url.origin }));
        return this.#mayGoOn();
      },
      onClosing: () => {
        this.#readyState = 2;
      },
      onClosed: (result) => this.#onClosed(result),
    });
  }

  /** A class with options built in, for libraries that take a WebSocket class; what a caller gives goes before. */
  static with(defaults: CurlWebSocketInit): typeof CurlWebSocket {
    return class extends CurlWebSocket {
      constructor(
        url: string | URL,
        second?: string | readonly string[] | CurlWebSocketInit,
        third?: CurlWebSocketOptions,
      ) {
        super(url, { ...defaults, ...initOf(second, third) });
      }
    };
  }

  /** The URL connected to. */
  get url(): string {
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

  /** The extensions in use: none yet. */
  get extensions(): string {
    return this.#extensions;
  }

  /** The subprotocol the server chose, or `""`. */
  get protocol(): string {
    return this.#protocol;
  }

  /** What binary messages come as: `"blob"` (the default) or `"arraybuffer"`; another value is ignored. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }
  set binaryType(value: BinaryType) {
    if (value === "blob" || value === "arraybuffer") this.#binaryType = value;
  }

  /** Called when the connection is open. */
  get onopen(): ((this: CurlWebSocket, event: Event) => unknown) | null {
    return this.#handlers.get("open") as ((this: CurlWebSocket, event: Event) => unknown) | null;
  }
  set onopen(handler: ((this: CurlWebSocket, event: Event) => unknown) | null) {
    this.#handlers.set("open", handler);
  }

  /** Called for each message. */
  get onmessage(): ((this: CurlWebSocket, event: MessageEvent) => unknown) | null {
    return this.#handlers.get("message") as ((this: CurlWebSocket, event: MessageEvent) => unknown) | null;
  }
  set onmessage(handler: ((this: CurlWebSocket, event: MessageEvent) => unknown) | null) {
    this.#listenerChanges++;
    this.#handlers.set("message", handler);
  }

  /** Called with an `ErrorEvent`, before `close`, when the connection fails. */
  get onerror(): ((this: CurlWebSocket, event: Event) => unknown) | null {
    return this.#handlers.get("error") as ((this: CurlWebSocket, event: Event) => unknown) | null;
  }
  set onerror(handler: ((this: CurlWebSocket, event: Event) => unknown) | null) {
    this.#handlers.set("error", handler);
  }

  /** Called when the connection is closed: the last event. */
  get onclose(): ((this: CurlWebSocket, event: CloseEvent) => unknown) | null {
    return this.#handlers.get("close") as ((this: CurlWebSocket, event: CloseEvent) => unknown) | null;
  }
  set onclose(handler: ((this: CurlWebSocket, event: CloseEvent) => unknown) | null) {
    this.#handlers.set("close", handler);
  }

  /** As {@linkcode EventTarget}'s. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    this.#listenerChanges++;
    super.addEventListener(type, listener, options);
  }

  /** As {@linkcode EventTarget}'s. */
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void {
    this.#listenerChanges++;
    super.removeEventListener(type, listener, options);
  }

  /**
   * Sends a message: text, or the bytes of a buffer, view or Blob as they are now.
   *
   * @throws {DOMException} `InvalidStateError` before the connection is open
   */
  send(data: Sendable): void {
    if (this.#readyState === 0) {
      throw new DOMException("send() before the connection is open; wait for the open event", "InvalidStateError");
    }
    if (data instanceof Blob) return this.#sendBlob(data);
    const binary = data instanceof ArrayBuffer || ArrayBuffer.isView(data) ||
      (typeof SharedArrayBuffer !== "undefined" && data instanceof SharedArrayBuffer);
    const payload = binary ? bytesOf(data as ArrayBufferLike | ArrayBufferView) : encoder.encode(String(data));
    const opcode = binary ? OPCODE_BINARY : OPCODE_TEXT;
    if (this.#readyState !== 1) this.#lateBytes += payload.length;
    else if (this.#sending === null) this.#connection.send(opcode, payload);
    else this.#sendLater(payload.length, Promise.resolve(payload.slice()), opcode);
  }

  #sendBlob(blob: Blob): void {
    if (this.#readyState !== 1) {
      this.#lateBytes += blob.size;
      return;
    }
    this.#sendLater(blob.size, blob.arrayBuffer().then((buffer) => new Uint8Array(buffer)), OPCODE_BINARY);
  }

  /** Keeps the order of messages while a Blob is being read. */
  #sendLater(size: number, bytes: Promise<Uint8Array>, opcode: number): void {
    this.#pendingBytes += size;
    const before = this.#sending;
    const sending: Promise<void> = (async () => {
      await before;
      const payload = await bytes.catch((cause) => {
        this.#connection.abort(new CurlWebSocketError("ERR_ABORTED", `a Blob could not be read: ${cause}`, { cause }));
        return EMPTY;
      });
      this.#pendingBytes -= size;
      if (this.#readyState < 3) this.#connection.send(opcode, payload);
      else this.#lateBytes += size;
    })();
    this.#sending = sending;
    void sending.then(() => {
      if (this.#sending === sending) this.#sending = null;
    });
  }

  /**
   * Begins the closing handshake, after all messages that were sent. During connecting it gives the attempt up.
   *
   * @param code 1000 (the default is no code) or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8
   * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a longer reason
   */
  close(code?: number, reason: string = ""): void {
    const clamped = code === undefined ? 0 : Math.min(65535, Math.max(0, Math.round(Number(code)) || 0));
    if (code !== undefined && clamped !== 1000 && !(clamped >= 3000 && clamped <= 4999)) {
      throw new DOMException(`close code must be 1000 or 3000 to 4999, and is ${code}`, "InvalidAccessError");
    }
    const bytes = encoder.encode(reason);
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
    if (this.#sending === null) close();
    else void this.#sending.then(close);
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
   * @throws {DOMException} `InvalidStateError` where the connection is not open, `SyntaxError` where `data` is too long
   */
  ping(data: string | ArrayBufferLike | ArrayBufferView = ""): void {
    if (this.#readyState !== 1) throw new DOMException("ping() needs an open connection", "InvalidStateError");
    const payload = typeof data === "string" ? encoder.encode(data) : bytesOf(data);
    if (payload.length > 125) {
      throw new DOMException(`ping data must be at most 125 bytes, and has ${payload.length}`, "SyntaxError");
    }
    this.#connection.ping(payload);
  }

  /** Stops reading: no more messages come, TCP makes the server wait, memory stays as it is. */
  pause(): void {
    if (this.#readyState === 1) this.#connection.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#connection.resume();
  }

  /** Whether reading is paused. */
  get isPaused(): boolean {
    return this.#connection.paused;
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
    const iteration = this.#iteration ??= new Iteration(this, this.#highWaterMark);
    if (this.#result !== null) iteration.end(this.#result.error);
    return iteration;
  }

  /** Closes, and waits until it is closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#readyState === 3) return;
    const closed = new Promise((resolve) => super.addEventListener("close", resolve, { once: true }));
    this.close();
    await closed;
  }

  #onMessage(bytes: string | Uint8Array<ArrayBuffer>): boolean {
    if (this.#readyState !== 1) return true;
    const data = typeof bytes === "string" ? bytes : this.#binaryType === "blob" ? new Blob([bytes]) : bytes.buffer;
    this.#iteration?.push(data, bytes.length);
    this.dispatchEvent(new MessageEvent("message", { data, origin: this.#url.origin }));
    return this.#mayGoOn();
  }

  #mayGoOn(): boolean {
    this.#steady = this.#listenerChanges === this.#seenChanges ? this.#steady + 1 : 0;
    this.#seenChanges = this.#listenerChanges;
    return this.#steady >= STEADY_MESSAGES;
  }

  #onClosed(result: CloseResult): void {
    this.#readyState = 3;
    this.#result = result;
    const { code, reason, wasClean, error } = result;
    this.#iteration?.end(error);
    if (error !== null) this.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
    this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }
}

for (const [name, value] of [["CONNECTING", 0], ["OPEN", 1], ["CLOSING", 2], ["CLOSED", 3]] as const) {
  Object.defineProperty(CurlWebSocket.prototype, name, { value, enumerable: true });
  Object.defineProperty(CurlWebSocket, name, { value, enumerable: true, writable: false, configurable: false });
}

/** The messages that wait for the loop that takes them. */
class Iteration implements AsyncIterableIterator<string | Blob | ArrayBuffer> {
  readonly #socket: CurlWebSocket;
  readonly #highWaterMark: number;
  #messages: { data: string | Blob | ArrayBuffer; size: number }[] = [];
  #size = 0;
  #waiting: PromiseWithResolvers<IteratorResult<string | Blob | ArrayBuffer>>[] = [];
  #ended = false;
  #error: CurlWebSocketError | null = null;

  constructor(socket: CurlWebSocket, highWaterMark: number) {
    this.#socket = socket;
    this.#highWaterMark = highWaterMark;
  }

  push(data: string | Blob | ArrayBuffer, size: number): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: data });
    this.#messages.push({ data, size });
    this.#size += size;
    if (this.#size >= this.#highWaterMark) this.#socket.pause();
  }

  end(error: CurlWebSocketError | null): void {
    this.#ended = true;
    this.#error = error;
    for (const waiting of this.#waiting.splice(0)) this.next().then(waiting.resolve, waiting.reject);
  }

  next(): Promise<IteratorResult<string | Blob | ArrayBuffer>> {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#size -= message.size;
      if (this.#socket.isPaused && this.#size < this.#highWaterMark) this.#socket.resume();
      return Promise.resolve({ done: false, value: message.data });
    }
    if (!this.#ended) {
      const waiting = Promise.withResolvers<IteratorResult<string | Blob | ArrayBuffer>>();
      this.#waiting.push(waiting);
      return waiting.promise;
    }
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  return(): Promise<IteratorResult<string | Blob | ArrayBuffer>> {
    this.#messages = [];
    this.#size = 0;
    this.#error = null;
    this.#socket.resume();
    this.#socket.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Both forms of the constructor as one. */
function initOf(
  second: string | readonly string[] | CurlWebSocketInit | undefined,
  third: CurlWebSocketOptions | undefined,
): CurlWebSocketInit {
  return typeof second === "string" || Array.isArray(second)
    ? { ...third, protocols: second as string | readonly string[] }
    : { ...(second as CurlWebSocketInit | undefined), ...third };
}

function bytesOf(data: ArrayBufferLike | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** WHATWG, "obtain a URL record": http and https stand for ws and wss; a fragment is refused. */
function parseUrl(text: string): URL {
  const base = (globalThis as { location?: { href?: string } }).location?.href;
  const url = URL.parse(text, base);
  if (url === null) throw new DOMException(`not a URL: ${JSON.stringify(text)}`, "SyntaxError");
  if (url.protocol === "http:" || url.protocol === "https:") url.protocol = url.protocol.replace("http", "ws");
  const parsed = url.protocol.startsWith("http") ? new URL(url.href.replace(/^http/, "ws")) : url;
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") {
    throw new DOMException(`the URL's scheme must be ws, wss, http or https: ${JSON.stringify(text)}`, "SyntaxError");
  }
  if (parsed.hash !== "" || parsed.href.endsWith("#")) {
    throw new DOMException(`the URL must have no fragment: ${JSON.stringify(text)}`, "SyntaxError");
  }
  return parsed;
}

function checkProtocols(protocols: string | readonly string[]): readonly string[] {
  const list = typeof protocols === "string" ? [protocols] : [...protocols].map(String);
  for (const [i, protocol] of list.entries()) {
    if (!isToken(protocol)) {
      throw new DOMException(`not a subprotocol: ${JSON.stringify(protocol)}`, "SyntaxError");
    }
    if (list.indexOf(protocol) !== i) throw new DOMException(`subprotocol given twice: ${protocol}`, "SyntaxError");
  }
  return list;
}
