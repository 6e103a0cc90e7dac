/** One connection's life: it is dialed, then open, then ended; the handler learns of each once. */
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { loadCurl } from "../curl/library.ts";
import { reactorOf } from "../curl/reactors.ts";
import type { Transport } from "../curl/transport.ts";
import { CurlWebSocketError, errorOf, withUrl, wordsOf } from "../errors.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { ChannelPublisher } from "../observe/channels.ts";
import { debugLog } from "../observe/debug_log.ts";
import { frameObserver, type Observer, observers } from "../observe/observer.ts";
import { shownUrl } from "../observe/redact.ts";
import type { SocketStats } from "../observe/statistics.ts";
import type { CompleteOptions } from "../options/options.ts";
import { runtime } from "../platform/runtime.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { CLOSE_ABNORMAL, OPCODE_PONG } from "../protocol/constants.ts";
import { OpenConnection, type OpenConnectionHandler, type OpenConnectionInit } from "./open_connection.ts";
import { Dialer, type DialHandler } from "./dialer.ts";
import type { ReadObserver } from "./receiver.ts";
import { NO_STATS } from "./socket_stats.ts";

/** Who receives a connection's events; each comes in a task of its own, or in the reactor's turn. */
export interface ConnectionHandler {
  /** Whose connection it is: what subscribers of `node:diagnostics_channel` get. */
  readonly owner: object;
  onOpen(agreement: Agreement): void;
  /** As {@linkcode ReceiverHost.onMessage}. */
  readonly onMessage: (data: string | ArrayBuffer) => boolean;
  /** Whether messages are delivered after `close()`, until the server's close frame; WHATWG's are not, by default. */
  readonly wantsLateMessages?: boolean;
  /** As {@linkcode ReceiverHost.onPing}; the pong has been queued, unless the option `autoPong` is false. */
  onPing(payload: Uint8Array<ArrayBuffer>): boolean;
  onPong(payload: Uint8Array<ArrayBuffer>): void;
  /** The closing handshake has begun, or the connection failed: no message is delivered any more. */
  onClosing(): void;
  /** Nothing can be sent any more; what has come is still delivered, unless reading is paused, and then `onClosed`. */
  onSendFailed(error: CurlWebSocketError): void;
  /** Who learns of each read; none if there is nobody. */
  readonly reads?: ReadObserver | null;
  /** Always the last. */
  onClosed(result: ConnectionEnd): void;
}

/**
 * What it makes receives their events from it: it hands itself on as their handler, and has no function of its own for
 * each, since a program may have thousands of connections. What only connecting needs goes with the dialer.
 */
export class Connection implements DialHandler, OpenConnectionHandler {
  readonly observer: Observer;
  readonly onMessage: (data: string | ArrayBuffer) => boolean;
  readonly #handler: ConnectionHandler;
  readonly #url: URL;
  /** Null when the connection is open, or has ended. */
  #dialer: Dialer | null;
  /** Null before the connection is open; it stays when it has ended. */
  #open: OpenConnection | null = null;
  /** Null before the connection stands. */
  #info: ConnectionInfo | null = null;
  /** As in {@linkcode SocketStats}. */
  #messagesRefused = 0;
  #bytesRefused = 0;
  #ended = false;
  /** What was asked for before the connection is open. */
  #refed = true;
  #paused = false;
  /** Null without a signal, and when it is of no use any more. */
  #stopListening: (() => void) | null = null;

  /** Begins to connect. The handler is called in a later task, when the caller has added its listeners. */
  constructor(url: URL, protocols: readonly string[], options: CompleteOptions, handler: ConnectionHandler) {
    this.#handler = handler;
    this.#url = url;
    this.observer = observerFor(handler.owner, url, options);
    this.onMessage = this.observer.messageReceived === undefined ? handler.onMessage : observed(this.observer, handler);
    const { library, impersonate, fingerprint } = options;
    const curl = loadCurl(library, { impersonating: impersonate !== null || fingerprint !== null });
    const dialer = this.#dialer = new Dialer(curl, reactorOf(curl), url, protocols, options, this);
    if (options.signal !== undefined) this.#listen(options.signal);
    if (!this.#ended) dialer.start();
  }

  #listen(signal: AbortSignal): void {
    const onAbort = () => {
      const cause: unknown = signal.reason;
      this.abort(new CurlWebSocketError("ERR_ABORTED", `connecting was aborted: ${wordsOf(cause)}`, { cause }));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#stopListening = () => signal.removeEventListener("abort", onAbort);
  }

  /** As {@linkcode DialHandler.onOpened}. */
  onOpened(transport: Transport, agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void {
    const { reactor, options } = this.#dialer!;
    this.#endDialing();
    this.#info = info;
    const open = this.#openConnection({
      transport,
      reactor,
      options,
      agreement,
      rest,
      observer: frameObserver(this.observer),
      paused: this.#paused,
      refed: this.#refed,
      wantsLateMessages: this.#handler.wantsLateMessages ?? false,
    });
    if (open === null) return;
    this.#open = open;
    this.observer.opened?.(agreement, info);
    if (this.#ended) return;
    this.#handler.onOpen(agreement);
    open.start();
  }

  #openConnection(init: OpenConnectionInit): OpenConnection | null {
    try {
      return new OpenConnection(init, this);
    } catch (error) {
      init.transport.close();
      this.abort(errorOf("opening the connection", error));
      return null;
    }
  }

  /** As {@linkcode DialHandler.onFailed}. */
  onFailed(error: CurlWebSocketError): void {
    this.abort(error);
  }

  onPing(payload: Uint8Array<ArrayBuffer>): boolean {
    return this.#handler.onPing(payload);
  }

  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.#handler.onPong(payload);
  }

  onClosing(): void {
    this.#handler.onClosing();
  }

  onSendFailed(error: CurlWebSocketError): void {
    this.#handler.onSendFailed(error);
  }

  get reads(): ReadObserver | null {
    return this.#handler.reads ?? null;
  }

  /** The handler's `reads` is another one from now on. */
  observeReads(): void {
    this.#open?.observeReads();
  }

  onCloseReceived(code: number, reason: string): void {
    this.observer.closeReceived?.(code, reason);
  }

  onCloseSent(code: number, reason: string): void {
    this.observer.closeSent?.(code, reason);
  }

  /** Payload bytes of messages that the kernel has not taken, as WHATWG counts them. */
  get bufferedAmount(): number {
    return this.#open?.sender.bufferedAmount ?? 0;
  }

  /** Bytes that wait for the kernel, frames and all. */
  get queuedBytes(): number {
    return this.#open?.sender.size ?? 0;
  }

  /** Bytes that the kernel took since the connection is open, frames and all. */
  get sentBytes(): number {
    return this.#open?.sender.sent ?? 0;
  }

  /** As {@linkcode Sender.whenQueued}. */
  whenQueued(limit: number, onTime: () => void): void {
    if (this.#open === null) onTime();
    else this.#open.sender.whenQueued(limit, onTime);
  }

  /** As {@linkcode Sender.onProgress}; nothing is sent, and nothing to look at, before the connection is open. */
  onProgress(look: (isOver: boolean) => boolean): void {
    this.#open?.sender.onProgress(look);
  }

  /** What the connection goes over; null before it stands. */
  get info(): ConnectionInfo | null {
    return this.#info;
  }

  /** Counters, as they are now. */
  get stats(): SocketStats {
    const stats = this.#open?.stats ?? NO_STATS;
    if (this.#messagesRefused === 0) return stats;
    const messagesRefused = this.#messagesRefused, payloadBytesRefused = this.#bytesRefused;
    return Object.freeze({ ...stats, messagesRefused, payloadBytesRefused });
  }

  /** From the last ping to its pong, ms; null before the first. */
  get roundTripTime(): number | null {
    return this.#open?.roundTripTime ?? null;
  }

  get paused(): boolean {
    return this.#open?.paused ?? this.#paused;
  }

  /** Counts a message of this size, which came too late to be sent. */
  refuse(size: number): void {
    this.#messagesRefused++;
    this.#bytesRefused += size;
  }

  /** Bytes of the messages that came too late. */
  get refusedBytes(): number {
    return this.#bytesRefused;
  }

  /** Queues a message; its bytes are copied. Returns false, and queues nothing, if it is too late. */
  send(opcode: number, message: Uint8Array): boolean {
    return this.#open?.sender.message(opcode, message) ?? false;
  }

  /** As {@linkcode send}, for text. */
  sendText(text: string): boolean {
    return this.#open?.sender.text(text) ?? false;
  }

  /** Sends a ping. */
  ping(payload: Uint8Array): void {
    this.#open?.ping(payload);
  }

  /** Sends a pong without a ping before it: a heartbeat of one side, RFC 6455 section 5.5.3. */
  pong(payload: Uint8Array): void {
    this.#open?.sender.control(OPCODE_PONG, payload);
  }

  /** {@linkcode close} will be called when what is sent before it has been queued. */
  willClose(): void {
    this.#open?.willClose();
  }

  /** Begins the closing handshake, after all that is queued. */
  close(code: number, reason: Uint8Array): void {
    this.#open?.close(code, reason);
  }

  /** Ends at once, without a closing handshake. */
  abort(error: CurlWebSocketError | null): void {
    if (this.#open !== null) this.#open.abort(error);
    else this.onEnd({ code: CLOSE_ABNORMAL, reason: "", wasClean: false, error });
  }

  /** Stops reading, after the message being handled: TCP makes the sender wait. */
  pause(): void {
    if (this.#open !== null) this.#open.pause();
    else if (!this.#ended) this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#open?.resume();
  }

  /** Whether the connection keeps the process alive; it does by default. */
  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#dialer?.setRef(refed);
    this.#open?.setRef(refed);
  }

  /** Lets go of what only connecting needs. */
  #endDialing(): void {
    this.#dialer = null;
    this.#stopListening?.();
    this.#stopListening = null;
  }

  /** Everything is freed, or will be by this: calls the handler in a task of its own. */
  onEnd(result: ConnectionEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#dialer?.close();
    this.#endDialing();
    runtime().defer(() => {
      const error = result.error === null ? null : withUrl(result.error, shownUrl(this.#url));
      const located: ConnectionEnd = { ...result, error };
      this.observer.ended?.(located, this.stats);
      this.#handler.onClosed(located);
    });
  }
}

/** The handler's `onMessage` behind the observer's. Here, as a function in the constructor costs each connection its context. */
function observed(observer: Observer, { onMessage }: ConnectionHandler): ConnectionHandler["onMessage"] {
  return (data) => {
    observer.messageReceived!(data);
    return onMessage(data);
  };
}

/** Who observes a connection: its channels, and whoever else wants to. Most connections have the channels alone. */
function observerFor(owner: object, url: URL, options: CompleteOptions): Observer {
  const channels = new ChannelPublisher(owner, url), log = debugLog();
  return log === null && options.observer === null ? channels : observers([log, channels, options.observer])!;
}
