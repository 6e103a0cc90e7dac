/** `CurlWebSocketStream`: the WebSocketStream of https://github.com/whatwg/websockets/pull/48 over libcurl. */
import { Connection } from "../connection/connection.ts";
import type { CloseResult } from "../protocol/closing_handshake.ts";
import type { ConnectionInfo } from "../observe/connection_info.ts";
import type { CurlWebSocketError } from "../errors.ts";
import type { CurlWebSocketOptions } from "../options/options.ts";
import { CLOSE_ABNORMAL, OPCODE_BINARY } from "../protocol/constants.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { shownUrl } from "../observe/redact.ts";
import type { SocketStats } from "../observe/statistics.ts";
import * as args from "./webidl.ts";
import { makeInspectable } from "./inspection.ts";
import { defineInterface } from "./interface_object.ts";
import { MESSAGE_COST } from "./message_queue.ts";
import {
  type CheckedClose,
  checkedClose,
  closedWhileConnecting,
  closeFor,
  uncleanClose,
  type WebSocketCloseInfo,
} from "./websocket_error.ts";

/** What a `CurlWebSocketStream` may be given: all that `CurlWebSocket` takes, and subprotocols. */
export type CurlWebSocketStreamOptions = CurlWebSocketOptions & {
  /** The subprotocols to offer, in order of preference. */
  protocols?: Iterable<string>;
};

/** An open connection. */
export interface WebSocketOpenInfo {
  /** The messages: text as strings, binary as bytes. */
  readonly readable: ReadableStream<string | Uint8Array<ArrayBuffer>>;
  /** Takes messages: strings as text, buffers and views as binary. */
  readonly writable: WritableStream<string | ArrayBufferLike | ArrayBufferView>;
  /** The extensions in use, such as `permessage-deflate`, or `""`. */
  readonly extensions: string;
  /** The subprotocol the server chose, or `""`. */
  readonly protocol: string;
}

const NOTHING: CheckedClose = { code: null, reason: "" };

/**
 * A WebSocket as a pair of streams, with backpressure from end to end: a reader that stops makes the server wait, and a
 * writer waits for the server. The shape is that of the platform's `WebSocketStream`.
 *
 * `opened` and `closed` reject with a `WebSocketError`, whose `cause` is the {@linkcode CurlWebSocketError}, or with
 * the reason of the option `signal`. Neither counts as an unhandled rejection, so it is enough to look at one.
 *
 * ```ts
 * import { CurlWebSocketStream } from "@curlws/curlws";
 *
 * const socket = new CurlWebSocketStream("wss://example.com/feed", { protocols: ["json"] });
 * const { readable, writable } = await socket.opened;
 * const writer = writable.getWriter();
 * await writer.write("subscribe");
 * for await (const message of readable) console.log(message);
 * const { closeCode, reason } = await socket.closed;
 * console.log(closeCode, reason);
 * ```
 */
export class CurlWebSocketStream {
  readonly #url: URL;
  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;
  readonly #highWaterMark: number;
  readonly #opened: PromiseWithResolvers<WebSocketOpenInfo> = Promise.withResolvers();
  readonly #closed: PromiseWithResolvers<{ closeCode: number; reason: string }> = Promise.withResolvers();
  #readableStream: ReadableStream<string | Uint8Array<ArrayBuffer>> | null = null;
  #reading: ReadableStreamDefaultController<string | Uint8Array<ArrayBuffer>> | null = null;
  #writing: WritableStreamDefaultController | null = null;
  /** The reader wants more: settled when it has enough for now. */
  #pull: PromiseWithResolvers<void> | null = null;
  /** Whether messages still have somewhere to go. */
  #readable = true;
  #ended = false;

  static {
    makeInspectable(this.prototype, (socket) => ({
      url: shownUrl(socket.#url),
      state: socket.#ended ? "closed" : socket.#reading === null ? "connecting" : "open",
      bufferedAmount: socket.bufferedAmount,
    }));
  }

  /**
   * Connects to a `ws:`, `wss:`, `http:` or `https:` URL.
   *
   * @throws {DOMException} `SyntaxError` for a bad URL or subprotocol
   * @throws {TypeError | RangeError} for a bad option
   * @throws {CurlWebSocketError} where libcurl cannot be loaded
   */
  constructor(url: string | URL, options: CurlWebSocketStreamOptions = {}) {
    if (arguments.length === 0) throw new TypeError("CurlWebSocketStream needs a URL");
    const init = args.completeInit(url, checkedOptions(options));
    this.#url = init.url;
    this.#highWaterMark = init.options.highWaterMark;
    this.#signal = init.options.signal;
    // Who looks at one of the two has not left the other unhandled.
    this.#opened.promise.catch(() => {});
    this.#closed.promise.catch(() => {});
    this.#connection = new Connection(init.url, init.protocols, init.options, {
      owner: this,
      onOpen: (agreement) => this.#onOpen(agreement),
      onMessage: (data) => this.#onMessage(data),
      onPong: () => {},
      onClosing: () => {},
      onSendFailed: (error) => this.#onSendFailed(error),
      onClosed: (result) => this.#onClosed(result),
    });
  }

  /** The URL connected to. */
  get url(): string {
    return this.#url.href;
  }

  /** Settles when the connection is open, or could not be made. */
  get opened(): Promise<WebSocketOpenInfo> {
    return this.#opened.promise;
  }

  /** Settles when the connection is closed; rejects where there was no closing handshake. */
  get closed(): Promise<{ closeCode: number; reason: string }> {
    return this.#closed.promise;
  }

  /**
   * Begins the closing handshake, after all messages that were written. During connecting it gives the attempt up.
   *
   * @throws {TypeError} where `closeInfo` is no object, or its code no number from 0 to 65535
   * @throws {DOMException} `InvalidAccessError` for a code that may not be sent, `SyntaxError` for a longer reason
   */
  close(closeInfo: WebSocketCloseInfo | null = {}): void {
    this.#close(checkedClose(closeInfo));
  }

  /** Payload bytes that were written and that the kernel has not yet taken. */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  /**
   * What the connection goes over: addresses, TLS, proxy, and how long each phase of connecting took. Null before it is
   * open; it stays after it is closed.
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

  /** Closes, and waits until it is closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close(NOTHING);
    await this.closed.then(() => {}, () => {});
  }

  #close({ code, reason }: CheckedClose): void {
    if (this.#ended) return;
    if (this.#reading !== null) return this.#connection.close(code ?? 0, args.utf8(reason));
    this.#connection.abort(closedWhileConnecting());
  }

  #onOpen({ protocol, extensions }: Agreement): void {
    // The streams' own rule: nothing is read before somebody pulls.
    this.#connection.pause();
    const source: UnderlyingDefaultSource<string | Uint8Array<ArrayBuffer>> = {
      start: (controller) => void (this.#reading = controller),
      pull: () => this.#onPull(),
      cancel: (reason) => {
        this.#readable = false;
        this.#close(closeFor(reason));
      },
    };
    const readable = this.#readableStream = new ReadableStream(source, {
      highWaterMark: this.#highWaterMark,
      size: costOf,
    });
    const writable = new WritableStream<string | ArrayBufferLike | ArrayBufferView>({
      start: (controller) => {
        this.#writing = controller;
        // The writable waits for a write that is under way before it aborts: that one then waits for nothing.
        controller.signal.addEventListener("abort", () => this.#connection.whenQueued(Infinity, () => {}));
      },
      write: (chunk) => this.#write(chunk),
      close: () => {
        this.#close(NOTHING);
        return this.#closed.promise.then(() => {});
      },
      abort: (reason) => this.#close(closeFor(reason)),
    });
    this.#opened.resolve({ readable, writable, extensions, protocol });
  }

  /**
   * The stream asks for more after each message that is taken from it. Reading goes on when half of what it may hold is
   * free, not for each message: that costs a turn of the reactor.
   */
  #onPull(): Promise<void> | undefined {
    if (this.#reading!.desiredSize! * 2 < this.#highWaterMark) return undefined;
    this.#pull = Promise.withResolvers();
    this.#connection.resume();
    // While it is out, the stream does not ask again.
    return this.#pull.promise;
  }

  #onMessage(message: string | ArrayBuffer): void {
    const controller = this.#reading!;
    if (!this.#readable) return;
    controller.enqueue(typeof message === "string" ? message : new Uint8Array(message));
    if (controller.desiredSize! > 0) return;
    this.#connection.pause();
    this.#pull?.resolve();
  }

  /** Queues a message. Settles when no more than `highWaterMark` bytes wait for the kernel. */
  #write(chunk: unknown): Promise<void> | undefined {
    const connection = this.#connection;
    if (typeof chunk === "string") connection.sendText(chunk);
    else if (args.isBuffer(chunk)) connection.send(OPCODE_BINARY, args.bytesOf(chunk));
    else throw new TypeError(`a message must be a string, a buffer or a view, not ${kindOf(chunk)}`);
    if (connection.queuedBytes <= this.#highWaterMark) return undefined;
    return new Promise((resolve) => connection.whenQueued(this.#highWaterMark, resolve));
  }

  /** The writer hears of it at once. What has come is for the reader; where there is none, nothing is waited for. */
  #onSendFailed(error: CurlWebSocketError): void {
    this.#writing?.error(uncleanClose(error.message, { code: CLOSE_ABNORMAL, reason: "" }, error));
    if (this.#readableStream!.locked) return;
    this.#readable = false;
    this.#connection.resume();
  }

  #onClosed({ code, reason, wasClean, error }: CloseResult): void {
    this.#ended = true;
    this.#pull?.resolve();
    if (wasClean) {
      if (this.#readable) this.#reading?.close();
      this.#closed.resolve({ closeCode: code, reason });
      this.#writing?.error(
        new DOMException("the WebSocketStream is closed: nothing can be written", "InvalidStateError"),
      );
      return;
    }
    const message = error?.message ?? "the connection was closed without a closing handshake";
    // As the proposal says, an attempt that was aborted fails with the signal's own reason.
    const aborted = this.#reading === null && this.#signal?.aborted && error?.cause === this.#signal.reason;
    const failure = aborted ? this.#signal!.reason : uncleanClose(message, { code, reason }, error);
    this.#opened.reject(failure);
    this.#reading?.error(failure);
    this.#writing?.error(failure);
    this.#closed.reject(failure);
  }
}

/** Messages without content take memory as well. */
function costOf(message?: string | Uint8Array<ArrayBuffer>): number {
  return message!.length + MESSAGE_COST;
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return value instanceof Blob ? "a Blob; its bytes() are what to write" : "an object";
}

/** By Web IDL the subprotocols are a sequence, which text is not. */
function checkedOptions(options: CurlWebSocketStreamOptions | null): CurlWebSocketStreamOptions {
  if (options === null || options === undefined) return {};
  if (typeof options !== "object") throw new TypeError(`options must be an object, not ${typeof options}`);
  const { protocols } = options as { protocols?: unknown };
  if (protocols !== undefined && (typeof protocols !== "object" || !(Symbol.iterator in (protocols ?? {})))) {
    throw new TypeError(`protocols must be a list of subprotocols, and is ${protocols === null ? "null" : protocols}`);
  }
  return options;
}

defineInterface(CurlWebSocketStream, {
  name: "WebSocketStream",
  enumerable: ["url", "opened", "closed", "close"],
});
