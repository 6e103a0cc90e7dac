/** `CurlWebSocketStream`: the WebSocketStream of https://github.com/whatwg/websockets/pull/48 over libcurl. */
import { Connection } from "../connection/connection.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
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
import { costOf } from "./loop_queue.ts";
import {
  abandoned,
  type CheckedClose,
  checkedClose,
  closeFor,
  uncleanClose,
  type WebSocketCloseInfo,
} from "./websocket_error.ts";

/** The options of a `CurlWebSocketStream`: those of `CurlWebSocket`, and subprotocols. */
export type CurlWebSocketStreamOptions = CurlWebSocketOptions & {
  /** The subprotocols to offer, in order of preference. */
  protocols?: Iterable<string>;
};

/** An open connection. */
export interface WebSocketOpenInfo {
  /** The messages that come: text as strings, binary as bytes. */
  readonly readable: ReadableStream<string | Uint8Array<ArrayBuffer>>;
  /** Sends messages: strings as text, buffers and views as binary. */
  readonly writable: WritableStream<string | ArrayBufferLike | ArrayBufferView>;
  /** The extensions in use, such as `permessage-deflate`, or `""`. */
  readonly extensions: string;
  /** The subprotocol the server chose, or `""`. */
  readonly protocol: string;
}

const NOTHING: CheckedClose = { code: null, reason: "" };

/**
 * A WebSocket as a pair of streams with backpressure: a reader that stops makes the server wait, and a writer waits for
 * the server. It has the interface of the platform's `WebSocketStream`.
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
  /** What has come since the reader last waited for a message: at least what the stream's queue contains. */
  #size = 0;
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
   * @throws {CurlWebSocketError} if libcurl cannot be loaded, or lacks what an option needs
   */
  constructor(url: string | URL, options: CurlWebSocketStreamOptions = {}) {
    if (arguments.length === 0) throw new TypeError("CurlWebSocketStream needs a URL");
    const init = args.completeInit(url, checkedOptions(options));
    this.#url = init.url;
    this.#highWaterMark = init.options.highWaterMark;
    this.#signal = init.options.signal;
    // A program may look at only one of the two: neither is an unhandled rejection.
    this.#opened.promise.catch(() => {});
    this.#closed.promise.catch(() => {});
    this.#connection = new Connection(init.url, init.protocols, init.options, {
      owner: this,
      onOpen: (agreement) => this.#onOpen(agreement),
      onMessage: (data) => this.#onMessage(data),
      onPing: () => false,
      onPong: () => {},
      onClosing: () => {},
      onSendFailed: (error) => this.#onSendFailed(error),
      onClosed: (result) => this.#onClosed(result),
    });
  }

  /** The URL: `ws:` or `wss:`, with the option `params`. */
  get url(): string {
    return this.#url.href;
  }

  /** Resolves when the connection is open; rejects if it could not be made. */
  get opened(): Promise<WebSocketOpenInfo> {
    return this.#opened.promise;
  }

  /** Resolves when the connection is closed; rejects if there was no closing handshake. */
  get closed(): Promise<{ closeCode: number; reason: string }> {
    return this.#closed.promise;
  }

  /**
   * Begins the closing handshake, after all messages that were written. While connecting, it gives the attempt up.
   *
   * @throws {TypeError} if `closeInfo` is not an object, or its code is not a number from 0 to 65535
   * @throws {DOMException} `InvalidAccessError` for a code that may not be sent, `SyntaxError` for a longer reason
   */
  close(closeInfo: WebSocketCloseInfo | null = {}): void {
    this.#close(checkedClose(closeInfo));
  }

  /** How many payload bytes were written, and not yet taken by the kernel. */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  /** Addresses, TLS, proxy, and the time of each phase of connecting; null before it is open, kept after the end. */
  get connection(): ConnectionInfo | null {
    return this.#connection.info;
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

  /** Closes the connection, and waits until it is closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close(NOTHING);
    await this.closed.then(() => {}, () => {});
  }

  #close({ code, reason }: CheckedClose): void {
    if (this.#ended) return;
    if (this.#reading !== null) return this.#connection.close(code ?? 0, args.utf8(reason));
    this.#connection.abort(abandoned("close"));
  }

  #onOpen({ protocol, extensions }: Agreement): void {
    const source: UnderlyingDefaultSource<string | Uint8Array<ArrayBuffer>> = {
      start: (controller) => void (this.#reading = controller),
      pull: () => this.#onPull(),
      cancel: (reason) => {
        this.#readable = false;
        this.#close(closeFor(reason));
      },
    };
    // It pulls when a reader waits and its queue is empty. That the sizes are counted here, and not by the stream, saves a fifth
    // of what the stream costs a small message on Bun, a sixth on Deno.
    const readable = this.#readableStream = new ReadableStream(source, { highWaterMark: 0 });
    const writable = new WritableStream<string | ArrayBufferLike | ArrayBufferView>({
      start: (controller) => {
        this.#writing = controller;
        // Before it aborts, the writable waits for the write that is under way: let that end at once.
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

  #onPull(): void {
    this.#size = 0;
    this.#connection.resume();
  }

  /** As {@linkcode MessageQueue.push}: returns whether a reader that has not yet run should do so now. */
  #onMessage(message: string | ArrayBuffer): boolean {
    const controller = this.#reading!;
    if (!this.#readable) return false;
    const chunk = typeof message === "string" ? message : new Uint8Array(message);
    this.#size += costOf(chunk);
    controller.enqueue(chunk);
    // What a reader has waited for is not in the queue.
    if (this.#size >= this.#highWaterMark && controller.desiredSize! < 0) this.#connection.pause();
    return this.#size * 2 >= this.#highWaterMark;
  }

  /** Queues a message. The promise settles when the kernel has at most `highWaterMark` bytes still to take. */
  #write(chunk: unknown): Promise<void> | undefined {
    const connection = this.#connection;
    const text = typeof chunk === "string";
    if (!text && !args.isBuffer(chunk)) {
      throw new TypeError(`a message must be a string, a buffer or a view, not ${kindOf(chunk)}`);
    }
    const isTaken = text ? connection.sendText(chunk) : connection.send(OPCODE_BINARY, args.bytesOf(chunk));
    // The end is told in a task to come, which a program that writes on and on would never let come.
    if (!isTaken) {
      connection.refuse((text ? args.utf8(chunk) : args.bytesOf(chunk)).length);
      return this.#closed.promise.then(() => {}, () => {});
    }
    if (connection.queuedBytes <= this.#highWaterMark) return undefined;
    return new Promise((resolve) => connection.whenQueued(this.#highWaterMark, resolve));
  }

  /** The writable fails at once. What has come is for the reader; if there is none, the rest is read and dropped. */
  #onSendFailed(error: CurlWebSocketError): void {
    this.#writing?.error(uncleanClose(error.message, { code: CLOSE_ABNORMAL, reason: "" }, error));
    if (this.#readableStream!.locked) return;
    this.#readable = false;
    this.#connection.resume();
  }

  #onClosed({ code, reason, wasClean, error }: ConnectionEnd): void {
    this.#ended = true;
    if (wasClean) {
      if (this.#readable) this.#reading?.close();
      this.#closed.resolve({ closeCode: code, reason });
      this.#writing?.error(
        new DOMException("the WebSocketStream is closed: nothing can be written", "InvalidStateError"),
      );
      return;
    }
    const message = error?.message ?? "the connection was closed without a closing handshake";
    // By the proposal, an aborted attempt fails with the signal's own reason.
    const aborted = this.#reading === null && this.#signal?.aborted && error?.cause === this.#signal.reason;
    const failure = aborted ? this.#signal!.reason : uncleanClose(message, { code, reason }, error);
    this.#opened.reject(failure);
    this.#reading?.error(failure);
    this.#writing?.error(failure);
    this.#closed.reject(failure);
  }
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return value instanceof Blob ? "a Blob; its bytes() are what to write" : "an object";
}

/** Returns the options, converted by Web IDL: subprotocols are a sequence, which a string is not. */
function checkedOptions(options: CurlWebSocketStreamOptions | null): CurlWebSocketStreamOptions {
  if (options === null || options === undefined) return {};
  if (typeof options !== "object") throw new TypeError(`options must be an object, not ${typeof options}`);
  const { protocols } = options as { protocols?: unknown };
  if (protocols !== undefined && (typeof protocols !== "object" || !(Symbol.iterator in (protocols ?? {})))) {
    throw new TypeError(`protocols must be a list of subprotocols, and is ${protocols === null ? "null" : protocols}`);
  }
  if (options.autoPong === false) throw new TypeError("autoPong: false needs a CurlWebSocket: a stream has no pong()");
  return options;
}

defineInterface(CurlWebSocketStream, {
  name: "WebSocketStream",
  enumerable: ["url", "opened", "closed", "close"],
});
