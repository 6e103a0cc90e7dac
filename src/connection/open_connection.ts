/** An open connection: the pump between the transport, which libcurl connected, and the protocol. */
import { READABLE, WRITABLE } from "../reactor/readiness.ts";
import type { Transport } from "../curl/transport.ts";
import { CurlWebSocketError, errorOf } from "../errors.ts";
import type { Agreement } from "../handshake/agreement.ts";
import type { SocketStats } from "../observe/statistics.ts";
import type { CompleteOptions } from "../options/options.ts";
import { Deadline } from "../platform/deadline.ts";
import { loadZlib } from "../platform/zlib.ts";
import { ZlibDeflate } from "../platform/zlib_deflate.ts";
import {
  ClosingHandshake,
  type ClosingHost,
  type ClosingLimit,
  type ConnectionEnd,
} from "../protocol/closing_handshake.ts";
import * as P from "../protocol/constants.ts";
import type { FrameObserver } from "../protocol/frame_observer.ts";
import { MessageDeflater } from "../protocol/permessage_deflate.ts";
import type { Reactor } from "../reactor/reactor.ts";
import type { Source } from "../reactor/source.ts";
import { Heartbeat, type HeartbeatHost } from "./heartbeat.ts";
import { type ReadObserver, Receiver, type ReceiverHost } from "./receiver.ts";
import { Sender, type SenderHost } from "./sender.ts";
import { socketStats } from "./socket_stats.ts";

/** Who receives an open connection's events, in the reactor's turns. */
export interface OpenConnectionHandler {
  /** As {@linkcode ReceiverHost.onMessage}. */
  readonly onMessage: (data: string | ArrayBuffer) => boolean;
  /** As {@linkcode ReceiverHost.onPing}. */
  onPing(payload: Uint8Array<ArrayBuffer>): boolean;
  onPong(payload: Uint8Array<ArrayBuffer>): void;
  /** The closing handshake has begun, or the connection failed: no message is delivered any more. */
  onClosing(): void;
  /** Nothing can be sent any more; what has come is still delivered, unless reading is paused, and then the end. */
  onSendFailed(error: CurlWebSocketError): void;
  /** Who learns of each read from the start on; null for nobody. */
  readonly reads: ReadObserver | null;
  /** The server's close frame came. */
  onCloseReceived(code: number, reason: string): void;
  /** Our close frame was queued; a code of 0 stands for none. */
  onCloseSent(code: number, reason: string): void;
  /** Everything is freed: always the last. */
  onEnd(result: ConnectionEnd): void;
}

/** What an open connection is made of. */
export interface OpenConnectionInit {
  readonly transport: Transport;
  readonly reactor: Reactor;
  readonly options: CompleteOptions;
  readonly agreement: Agreement;
  /** Bytes that came behind the opening handshake. */
  readonly rest: Uint8Array;
  readonly observer: FrameObserver | null;
  readonly paused: boolean;
  readonly refed: boolean;
  /** As {@linkcode ClosingHandshake.mayDeliver}. */
  readonly wantsLateMessages: boolean;
}

/**
 * How long a connection is kept that has nothing more to say, ms: after a failure it is still drained, so that the peer gets
 * our close frame and no reset; after both close frames the server may end TCP first (RFC 6455 section 7.1.1). A second is
 * several round trips to anywhere, and no longer than a user waits for.
 */
const LINGER = 1_000;
/** Our close code if this side fails: RFC 6455 section 7.4.1, as the IANA registry widens it to both sides. */
const CLOSE_INTERNAL_ERROR = 1011;

/** Without any: for a user's own pings alone. */
const NO_INTERVALS = { pingInterval: 0, idleTimeout: 0 };

/** It is the host of its parts: they call it, instead of a function each for all that they may call for. */
export class OpenConnection implements Source, ClosingHost, SenderHost, ReceiverHost, HeartbeatHost {
  readonly onMessage: (data: string | ArrayBuffer) => boolean;
  readonly #transport: Transport;
  readonly #reactor: Reactor;
  readonly #closeTimeout: number;
  readonly #autoPong: boolean;
  readonly #handler: OpenConnectionHandler;
  readonly #closing: ClosingHandshake;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  /** Null until a ping is to be sent, or the peer's silence noticed. */
  #heartbeat: Heartbeat | null = null;
  readonly #deadline: Deadline = new Deadline();
  #wakeups = 0;
  #turns = 0;
  /** As {@linkcode SocketStats.bytesUnacknowledged}. */
  #unacknowledged: number | null = null;

  /** Takes over the transport, unless it throws: for want of memory or descriptors. */
  constructor(init: OpenConnectionInit, handler: OpenConnectionHandler) {
    const { transport, reactor, options, observer, refed } = init;
    this.#transport = transport;
    this.#reactor = reactor;
    this.#closeTimeout = options.closeTimeout;
    this.#autoPong = options.autoPong;
    this.#handler = handler;
    this.onMessage = handler.onMessage;
    this.#closing = new ClosingHandshake(this, init.wantsLateMessages);
    this.#sender = new Sender(transport, reactor, this.#closing, observer, this);
    this.#receiver = this.#createReceiver(init);
    this.#compress(init);
    if (options.pingInterval > 0 || options.idleTimeout > 0) this.#heartbeat = new Heartbeat(this, options);
    this.#deadline.setRef(refed);
    reactor.attach(this, options.maxReceiveDelay);
    reactor.setRef(this, refed);
    this.#heartbeat?.start();
  }

  /** Reads what has come, and waits for more: the handler is called from now on, not before. */
  start(): void {
    // Else there is only what the socket has, and that is found by waiting for it.
    if (!this.paused && (this.#transport.readsAhead || this.#receiver.holdsBytes)) this.readAgain();
    this.#watch();
  }

  #compress({ agreement: { deflate }, options }: OpenConnectionInit): void {
    if (deflate === null) return;
    const { threshold, level, memLevel } = options.deflate!, zlib = loadZlib()!;
    const deflater = new MessageDeflater(deflate, (bits) => new ZlibDeflate(zlib, bits, level, memLevel));
    this.#sender.writer.compress(deflater, threshold);
  }

  #createReceiver({ transport, reactor, options, agreement, observer, rest, paused }: OpenConnectionInit): Receiver {
    const receiver = new Receiver(transport, reactor, this.#closing, {
      maxMessageSize: options.maxMessageSize,
      deflate: agreement.deflate,
      observer,
    }, this);
    receiver.paused = paused;
    receiver.reads = this.#handler.reads;
    receiver.begin(rest);
    return receiver;
  }

  onBytes(): void {
    this.#heartbeat?.heard();
  }

  onPing(payload: Uint8Array<ArrayBuffer>): boolean {
    if (this.#autoPong) this.#sender.pong(payload);
    return this.#handler.onPing(payload);
  }

  onPong(payload: Uint8Array<ArrayBuffer>): boolean {
    if (this.#heartbeat?.ponged(payload)) return false;
    this.#handler.onPong(payload);
    return true;
  }

  onClose(code: number, reason: string): void {
    this.#handler.onCloseReceived(code, reason);
    this.#closing.receive(code, reason);
  }

  isDrained(): boolean {
    // What is queued stays counted when sending has failed.
    return this.#sender.size === 0;
  }

  queueClose(code: number, reason: Uint8Array): void {
    this.#sender.close(code, reason);
    this.#heartbeat?.stop();
    this.#handler.onCloseSent(code, new TextDecoder().decode(reason));
  }

  onClosing(): void {
    this.#handler.onClosing();
  }

  wait(limit: ClosingLimit): void {
    this.#deadline.limit(this.#milliseconds(limit), () => this.#closing.timeOut());
  }

  flush(): void {
    this.#sender.flush();
  }

  flushSoon(): void {
    this.#sender.flushSoon();
  }

  endSending(): void {
    this.#transport.endSending();
  }

  /** The user's closeTimeout limits lingering too, but not if it is 0, which stands for no limit. */
  #milliseconds(limit: ClosingLimit): number {
    return limit === "closeTimeout" ? this.#closeTimeout : Math.min(this.#closeTimeout || LINGER, LINGER);
  }

  /** What is sent, and how much of it waits. */
  get sender(): Sender {
    return this.#sender;
  }

  /** From the last ping to its pong, ms; null before the first. */
  get roundTripTime(): number | null {
    return this.#heartbeat?.roundTripTime ?? null;
  }

  /** Counters, as they are now. */
  get stats(): SocketStats {
    return socketStats(this.#sender, this.#receiver, {
      wakeups: this.#wakeups,
      turns: this.#turns,
      roundTripTime: this.roundTripTime,
      bytesUnacknowledged: this.#unacknowledged,
    });
  }

  /** Sends a ping of the user's. */
  ping(payload: Uint8Array): void {
    this.#heartbeat ??= new Heartbeat(this, NO_INTERVALS);
    this.#heartbeat.pinged(payload);
    this.#sender.control(P.OPCODE_PING, payload, true);
  }

  sendPing(payload: Uint8Array): void {
    this.#sender.control(P.OPCODE_PING, payload);
  }

  /** As {@linkcode ClosingHandshake.willClose}. */
  willClose(): void {
    this.#closing.willClose();
  }

  /** Begins the closing handshake, after all that is queued. */
  close(code: number, reason: Uint8Array): void {
    this.#closing.close(code, reason);
    this.resume();
  }

  /** Ends at once, without a closing handshake. */
  abort(error: CurlWebSocketError | null): void {
    this.#closing.abort(error);
  }

  get paused(): boolean {
    return this.#receiver.paused;
  }

  /** The handler's `reads` is another one. */
  observeReads(): void {
    this.#receiver.reads = this.#handler.reads;
  }

  /** Stops reading, after the message being handled: TCP makes the sender wait. */
  pause(): void {
    if (this.paused || this.#closing.sent || this.#closing.finished) return;
    this.#receiver.paused = true;
    this.#heartbeat?.pause();
    this.#watch();
  }

  resume(): void {
    if (!this.paused) return;
    this.#receiver.paused = false;
    if (!this.#closing.sent && !this.#closing.finished) this.#heartbeat?.start();
    this.readAgain();
    this.#watch();
  }

  /** Whether waiting keeps the process alive. */
  setRef(refed: boolean): void {
    this.#reactor.setRef(this, refed);
    this.#deadline.setRef(refed);
  }

  onReactorError(error: CurlWebSocketError): void {
    this.abort(error);
  }

  onReady(_fd: number, events: number): boolean {
    this.#turns++;
    if (this.#reactor.woke) this.#wakeups++;
    if (events & WRITABLE) this.#sender.flush();
    if (!(events & READABLE) || this.paused || !this.#closing.reads) return false;
    try {
      const more = this.#receiver.read();
      if (more !== "end") return more;
      this.#closing.end(this.#receiver.error);
    } catch (error) {
      if (error instanceof P.ProtocolViolation) this.#violated(error);
      else this.#fail(errorOf("reading what came", error), CLOSE_INTERNAL_ERROR, "");
    }
    return false;
  }

  /** Reads in a turn soon: bytes of TLS may wait inside libcurl, where no poll sees them. */
  readAgain(): void {
    if (!this.#closing.finished) this.#reactor.again(this, this.#transport.fd, READABLE);
  }

  #violated(violation: P.ProtocolViolation): void {
    const message = `${violation.message}; closed with ${violation.closeCode}`;
    const error = new CurlWebSocketError("ERR_PROTOCOL", message, { cause: violation });
    this.#fail(error, violation.closeCode, violation.violation);
  }

  /** This cannot go on: what comes is no longer looked at. */
  #fail(error: CurlWebSocketError, closeCode: number, reason: string): void {
    this.#receiver.discard();
    this.#closing.fail(error, closeCode, reason);
  }

  onFlushed(bytes: number, unblocked: boolean): void {
    if (unblocked) this.#heartbeat?.progressed();
    this.#closing.progress(bytes);
    this.#watch();
  }

  /** Nothing can be sent any more. What has come is read first: messages, and the close frame that may explain it. */
  onSendFailed(error: CurlWebSocketError): void {
    this.#receiver.endWhenDrained();
    this.#closing.failSending(error);
    this.#handler.onSendFailed(error);
    if (!this.paused) this.readAgain();
    this.#watch();
  }

  onMessageLost(cause: unknown): void {
    this.#fail(errorOf("compressing a message", cause), CLOSE_INTERNAL_ERROR, "");
  }

  #watch(): void {
    if (this.#closing.finished) return;
    const events = (this.paused || !this.#closing.reads ? 0 : READABLE) | (this.#sender.waiting ? WRITABLE : 0);
    this.#reactor.watch(this.#transport.fd, this, events);
  }

  finish(result: ConnectionEnd): void {
    this.#deadline.clear();
    this.#heartbeat?.stop();
    this.#receiver.dispose();
    this.#reactor.watch(this.#transport.fd, this, 0);
    this.#reactor.detach(this);
    this.#unacknowledged = this.#transport.unacknowledged;
    this.#transport.close();
    this.#sender.dispose();
    this.#handler.onEnd(result);
  }
}
