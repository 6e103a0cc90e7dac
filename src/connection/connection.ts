/** The pump: the only place where a transport meets the protocol. */
import type { CompleteOptions } from "../options/options.ts";
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { READABLE, WRITABLE } from "../reactor/readiness.ts";
import { allocate } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import { type Curl, loadCurl } from "../curl/library.ts";
import { Reactor, type Source } from "../reactor/reactor.ts";
import { END, READ_SIZE, type Transport, WOULD_BLOCK } from "../curl/transport.ts";
import { CurlWebSocketError, errorOf, withUrl, wordsOf } from "../errors.ts";
import { Deadline } from "../platform/deadline.ts";
import { Heartbeat } from "./heartbeat.ts";
import * as P from "../protocol/constants.ts";
import { MessageInflater } from "../protocol/permessage_deflate.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { MessageReader } from "../protocol/message_reader.ts";
import { Dialer } from "./dialer.ts";
import { CompressionFailed, Outgoing } from "./outgoing.ts";
import { runtimeDecoder } from "./runtime_decoder.ts";
import type { SocketStats } from "../observe/statistics.ts";
import { ChannelPublisher } from "../observe/channels.ts";
import { debugLog } from "../observe/debug_log.ts";
import { type CloseResult, frameObserver, type Observer, observers } from "../observe/observer.ts";
import { shownUrl } from "../observe/redact.ts";
import { TracedParser, TracedQueue } from "../observe/frame_log.ts";
import { loadZlib } from "../platform/zlib.ts";
import { ZlibInflate } from "../platform/zlib_inflate.ts";

/** What a connection tells; each in a task of its own, or in the reactor's turn. */
export interface ConnectionHandler {
  /** Whose connection it is: what `node:diagnostics_channel` tells its subscribers of. */
  readonly owner: object;
  onOpen(agreement: Agreement): void;
  onMessage(data: string | ArrayBuffer): void;
  onPong(payload: Uint8Array<ArrayBuffer>): void;
  /** The closing handshake has begun. */
  onClosing(): void;
  /** Nothing can be sent any more; what has come is still told, unless reading is paused, and then `onClosed`. */
  onSendFailed(error: CurlWebSocketError): void;
  /** Always the last. */
  onClosed(result: CloseResult): void;
}

/** How much one connection may read in a turn before the others have theirs. */
const TURN_BYTES = 2 * 1024 * 1024;
/** What a task sends goes out when it is so much, not at its end. */
const EAGER_SIZE = 256 * 1024;
/**
 * How long a connection is kept that has nothing more to say, ms: after a failure it is still drained, so that the peer gets
 * our close frame and no reset; after both close frames the server may end TCP first (RFC 6455 section 7.1.1).
 */
const LINGER = 1_000;
/** So much of what was queued before the close frame has to leave in a closeTimeout, for another one to begin. */
const CLOSE_PROGRESS = 64 * 1024;
/** Our close code where this side fails: RFC 6455 section 7.4.1, as the IANA registry widens it to both sides. */
const CLOSE_INTERNAL_ERROR = 1011;

/** A TLS record has this many bytes at most. */
const TLS_RECORD = 16 * 1024;

/** One a thread: what is read is parsed before anything else is read. */
let readBuffer: Uint8Array<ArrayBuffer> | undefined;

export class Connection implements Source {
  readonly #options: CompleteOptions;
  readonly #handler: ConnectionHandler;
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #url: URL;
  readonly #observer: Observer | null;
  readonly #out: Outgoing;
  readonly #heartbeat: Heartbeat;
  /** Null before the handshake is done. */
  #reader: MessageReader | null = null;
  /** Null without permessage-deflate. */
  #inflater: MessageInflater | null = null;
  /** Null when the connection is open, or closed. */
  #dialer: Dialer | null = null;
  /** Null before the handshake is done. */
  #info: ConnectionInfo | null = null;
  #transport: Transport | null = null;
  /** Bytes that were read and not yet parsed: a handler said stop. */
  #held: Uint8Array | null = null;
  /** Whether the last reading took all there was. */
  #drained = false;
  /** What ended the reading, behind bytes that are still to be told. */
  #broken: CurlWebSocketError | null = null;
  readonly #deadline: Deadline = new Deadline();
  #refed = true;
  #paused = false;
  /** The event loop is to have its turn before the next message. */
  #yielded = false;
  /** Messages since the clock was looked at, after how many it is, and when it was. */
  #unchecked = 0;
  #checkEvery = 1;
  #checkedAt = 0;
  #flushing = false;
  /** Whether the kernel took less than all: it says when it takes more. */
  #blocked = false;
  /** Bytes of messages that went out in this task: WHATWG's `bufferedAmount` does not fall while one runs. */
  #early = 0;
  /** Who waits until no more than this many bytes are queued. */
  #waiter: { limit: number; onTime: () => void } | null = null;
  /** Whether what is queued may have an answer. */
  #asked = false;
  #closeReceived: { code: number; reason: string } | null = null;
  /** Whether {@linkcode close} was called, or will be. */
  #closeCalled = false;
  /** What went out of that which was queued before the close frame, since the closeTimeout began. */
  #closeProgress = 0;
  /** Whether both close frames went their way, and only the end of TCP is missing. */
  #handshaken = false;
  /** Set when the peer broke the protocol, or this side cannot go on: what will be told when our close frame is out. */
  #failure: CurlWebSocketError | null = null;
  /** What ended the sending. What has come is still read, since it may hold a close frame; then it is the end. */
  #sendError: CurlWebSocketError | null = null;
  /** The server ended TCP behind its close frame: nothing is read any more, but ours may still have to go out. */
  #ended = false;
  #closed = false;
  #stopListening: () => void = () => {};
  #messagesReceived = 0;
  #bytesReceived = 0;
  #wakeups = 0;
  #turns = 0;

  constructor(url: URL, protocols: readonly string[], options: CompleteOptions, handler: ConnectionHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#url = url;
    this.#observer = observers([debugLog(), new ChannelPublisher(handler.owner, url), options.observer]);
    const frames = frameObserver(this.#observer);
    this.#out = new Outgoing(frames === null ? undefined : new TracedQueue(frames));
    this.#curl = loadCurl(options.library, { impersonating: options.impersonate !== null });
    this.#reactor = Reactor.of(this.#curl);
    this.#heartbeat = new Heartbeat({
      ping: (payload) => this.#control(P.OPCODE_PING, payload),
      look: () => this.#transport !== null && this.#reactor.again(this, this.#transport.fd, READABLE),
      fail: (error) => this.#finish(P.CLOSE_ABNORMAL, "", false, error),
    }, options);
    this.#dialer = new Dialer(this.#curl, this.#reactor, url, protocols, options, {
      onOpened: (transport, agreement, rest, info) => this.#onOpened(transport, agreement, rest, info),
      onFailed: (error) => this.#finish(P.CLOSE_ABNORMAL, "", false, error),
      observer: this.#observer,
    });
    // Whatever comes of it is told in a later task, when the constructor's caller has added its listeners.
    this.#start();
  }

  get bufferedAmount(): number {
    return this.#out.queue.bufferedAmount + this.#early;
  }

  /** Bytes that wait for the kernel, frames and all. */
  get queuedBytes(): number {
    return this.#out.queue.size;
  }

  /**
   * Calls `onTime` once no more than `limit` bytes are queued, or the connection has ended. There is one who waits: another
   * call releases the one before.
   */
  whenQueued(limit: number, onTime: () => void): void {
    this.#waiter?.onTime();
    this.#waiter = { limit, onTime };
    this.#release();
  }

  #release(): void {
    const waiter = this.#waiter;
    if (waiter === null || (this.#out.queue.size > waiter.limit && !this.#closed && this.#sendError === null)) return;
    this.#waiter = null;
    waiter.onTime();
  }

  /** What the connection goes over; null before it stands. */
  get info(): ConnectionInfo | null {
    return this.#info;
  }

  /** Counters, as they are now. */
  get stats(): SocketStats {
    const reader = this.#reader, out = this.#out;
    return Object.freeze({
      messagesReceived: this.#messagesReceived,
      messagesSent: out.messages,
      framesReceived: reader?.frames ?? 0,
      framesSent: out.messages + out.controls,
      bytesReceived: this.#bytesReceived,
      bytesSent: out.queue.sent,
      payloadBytesReceived: reader === null ? 0 : reader.payload + reader.inflated,
      payloadBytesSent: out.queue.counted,
      compressionRatioReceived: reader?.inflated ? reader.compressed / reader.inflated : null,
      compressionRatioSent: out.inflated > 0 ? out.compressed / out.inflated : null,
      wakeups: this.#wakeups,
      turns: this.#turns,
      roundTripTime: this.roundTripTime,
    });
  }

  get paused(): boolean {
    return this.#paused;
  }

  get roundTripTime(): number | null {
    return this.#heartbeat.roundTripTime;
  }

  get #stopped(): boolean {
    return this.#paused || this.#closed;
  }

  /**
   * An event was told, of `size` bytes, which is a task of its own. Returns whether another may follow in this turn of the
   * event loop.
   */
  #goOn(size: number): boolean {
    this.#yielded = !runtime().checkpoint() || this.#late(size);
    return !this.#yielded && !this.#stopped;
  }

  /** As {@linkcode #goOn} for what tells nothing, of which there may be a flood as well. */
  #goOnUntold(size: number): boolean {
    this.#yielded = this.#late(size);
    return !this.#yielded;
  }

  /**
   * Whether the turn is over. The clock is looked at after some messages, more seldom the faster they are handled; a
   * large one counts for many, since a packet may hold hundreds that inflate to a mebibyte each.
   */
  #late(size: number): boolean {
    this.#unchecked += 1 + (size >>> 10);
    if (this.#unchecked < this.#checkEvery) return false;
    const now = performance.now(), took = now - this.#checkedAt;
    this.#checkedAt = now;
    this.#unchecked = 0;
    if (took > 1) this.#checkEvery = Math.max(1, this.#checkEvery >> 2);
    else if (took < 0.25) this.#checkEvery = Math.min(256, this.#checkEvery * 2);
    return now > this.#reactor.turnEnd;
  }

  #start(): void {
    const { signal } = this.#options;
    const onAbort = () => {
      const cause: unknown = signal!.reason;
      const message = `connecting was aborted: ${wordsOf(cause)}`;
      this.#finish(P.CLOSE_ABNORMAL, "", false, new CurlWebSocketError("ERR_ABORTED", message, { cause }));
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#stopListening = () => signal?.removeEventListener("abort", onAbort);
    this.#dialer!.start();
  }

  /** The handshake is done. `rest` came behind it. */
  #onOpened(transport: Transport, agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void {
    this.#dialer = null;
    this.#transport = transport;
    this.#info = info;
    this.#stopListening();
    this.#reactor.attach(this, this.#options.maxReceiveDelay);
    this.#reactor.setRef(this, this.#refed);
    if (rest.length > 0) this.#held = rest;
    this.#bytesReceived = rest.length;
    this.#begin(agreement);
    this.#heartbeat.start();
    this.#observer?.opened?.(agreement, info);
    if (this.#closed) return;
    this.#handler.onOpen(agreement);
    if (this.#closed) return;
    // TLS bytes may wait inside libcurl, where no poll sees them: read first.
    if (!this.#paused) this.#reactor.again(this, transport.fd, READABLE);
    this.#watch();
  }

  /** Whether what is queued now can go out. */
  get #sendable(): boolean {
    return !this.#out.closeSent && !this.#closed && this.#sendError === null;
  }

  /** Queues a message; its bytes are copied. Returns false, and queues nothing, if it is too late. */
  send(opcode: number, message: Uint8Array): boolean {
    if (!this.#sendable) return false;
    try {
      this.#out.message(opcode, message);
    } catch (error) {
      return this.#notQueued(error);
    }
    this.#sent();
    return true;
  }

  /** As {@linkcode send}, for text. */
  sendText(text: string): boolean {
    if (!this.#sendable) return false;
    try {
      this.#out.text(text);
    } catch (error) {
      return this.#notQueued(error);
    }
    this.#sent();
    return true;
  }

  /** A message is not queued, for want of memory: the caller's to try again, unless the compression has lost it. */
  #notQueued(error: unknown): false {
    if (!(error instanceof CompressionFailed)) throw error;
    this.#fail(errorOf("compressing a message", error.cause), CLOSE_INTERNAL_ERROR, "");
    return false;
  }

  #sent(): void {
    this.#asked = true;
    this.#flushSoon();
  }

  ping(payload: Uint8Array): void {
    this.#asked = true;
    this.#heartbeat.pinged(payload);
    this.#control(P.OPCODE_PING, payload);
  }

  /** Sends a pong that answers no ping: a heartbeat of one side, RFC 6455 section 5.5.3. */
  pong(payload: Uint8Array): void {
    this.#control(P.OPCODE_PONG, payload);
  }

  /** A ping came. */
  #pong(payload: Uint8Array): void {
    if (!this.#sendable) return;
    this.#out.pong(payload);
    this.#flushSoon();
  }

  /** {@linkcode close} will be called when what is sent before it is there: an end of TCP is no surprise from now on. */
  willClose(): void {
    this.#closeCalled = true;
  }

  /** Begins the closing handshake, after all that is queued. */
  close(code: number, reason: Uint8Array): void {
    this.willClose();
    this.#sendClose(code, reason);
    this.resume();
    // A failure has its own bound, and is what will be told.
    if (this.#closeReceived === null && this.#failure === null) this.#awaitPeer();
  }

  /** Ends at once, without a closing handshake. */
  abort(error: CurlWebSocketError | null): void {
    this.#finish(P.CLOSE_ABNORMAL, "", false, this.#failure ?? error);
  }

  /** Stops reading, after the message being handled: TCP makes the sender wait. */
  pause(): void {
    if (this.#paused || this.#out.closeSent || this.#closed) return;
    this.#paused = true;
    this.#heartbeat.pause();
    this.#watch();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#transport !== null && !this.#out.closeSent && !this.#closed) this.#heartbeat.start();
    // TLS bytes may wait inside libcurl, where no poll sees them: read first.
    if (this.#transport !== null) this.#reactor.again(this, this.#transport.fd, READABLE);
    this.#watch();
  }

  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#dialer?.setRef(refed);
    this.#reactor.setRef(this, refed);
    this.#deadline.setRef(refed);
  }

  onReactorError(error: CurlWebSocketError): void {
    this.#finish(P.CLOSE_ABNORMAL, "", false, error);
  }

  onReady(_fd: number, events: number): boolean {
    this.#turns++;
    if (this.#reactor.woke) this.#wakeups++;
    if (events & WRITABLE) this.#flush();
    if (this.#closed || this.#paused || this.#ended || !(events & READABLE)) return false;
    try {
      return this.#read();
    } catch (error) {
      if (error instanceof P.ProtocolViolation) this.#violated(error);
      else this.#fail(errorOf("reading what came", error), CLOSE_INTERNAL_ERROR, "");
      return false;
    }
  }

  /** One turn of reading. Returns whether there may be more at once. */
  #read(): boolean {
    const transport = this.#transport!;
    if (this.#held !== null) {
      const held = this.#held;
      this.#held = null;
      this.#heartbeat.heard();
      if (!this.#take(held, true)) return !this.#stopped;
    }
    const buffer = readBuffer ??= allocate(READ_SIZE);
    for (let total = 0; total < TURN_BYTES;) {
      const count = this.#fill(transport, buffer);
      if (count === WOULD_BLOCK) {
        // All that came before the sending failed has been read.
        if (this.#sendError !== null) this.#onEnd();
        return false;
      }
      if (count === END) {
        this.#onEnd();
        return false;
      }
      this.#heartbeat.heard();
      total += count;
      this.#bytesReceived += count;
      this.#reactor.turnBytes += count;
      if (!this.#take(buffer.subarray(0, count))) return !this.#stopped;
      if (this.#drained && this.#sendError === null) return false;
      if (performance.now() > this.#reactor.turnEnd) return true;
    }
    return true;
  }

  /** Reads what there is, or a buffer full; returns as {@linkcode Transport.recv}. */
  #fill(transport: Transport, buffer: Uint8Array): number {
    let filled = this.#recv(transport, buffer);
    // A plain socket that gave less than asked for is drained.
    this.#drained = filled < buffer.length;
    if (!transport.readsAhead || filled <= 0) return filled;
    // libcurl gives one TLS record at a time, and may hold more. A message that is here as a whole costs less than one in
    // pieces.
    while (filled <= buffer.length - TLS_RECORD) {
      const count = this.#recv(transport, buffer.subarray(filled));
      this.#drained = count === WOULD_BLOCK;
      if (count <= 0) return filled;
      filled += count;
    }
    this.#drained = false;
    return filled;
  }

  /** As {@linkcode Transport.recv}, but an error is an end, told when what came before has been. */
  #recv(transport: Transport, buffer: Uint8Array): number {
    if (this.#broken !== null) return END;
    try {
      return transport.recv(buffer);
    } catch (error) {
      this.#broken = errorOf("receiving", error);
      return END;
    }
  }

  /**
   * Parses bytes that were read. Returns false, and keeps the rest, where the event loop is to have its turn first. Bytes
   * that are not `owned` are in the thread's buffer.
   */
  #take(bytes: Uint8Array, owned = false): boolean {
    if (this.#failure !== null || this.#closed) return !this.#closed;
    this.#yielded = false;
    const at = this.#reader!.receive(bytes, 0);
    if (at === bytes.length) return !this.#stopped && !this.#yielded;
    if (this.#closed) return false;
    this.#held = owned ? bytes.subarray(at) : bytes.slice(at);
    return false;
  }

  /** The handshake is done: from now on there are frames. */
  #begin({ deflate }: Agreement): void {
    const { maxMessageSize } = this.#options;
    if (deflate !== null) {
      const zlib = loadZlib()!;
      this.#inflater = new MessageInflater(deflate, (bits) => new ZlibInflate(zlib, bits));
      this.#out.compress(zlib, deflate, this.#options.deflate!);
    }
    const frames = frameObserver(this.#observer);
    const parser = frames === null ? undefined : new TracedParser(frames, deflate !== null);
    this.#reader = new MessageReader({ maxMessageSize, inflater: this.#inflater, parser, decoder: runtimeDecoder }, {
      onMessage: (data) => {
        const size = typeof data === "string" ? data.length : data.byteLength;
        if (this.#out.closeSent || this.#failure !== null) return this.#goOnUntold(size);
        this.#messagesReceived++;
        this.#handler.onMessage(data);
        return this.#goOn(size);
      },
      onPing: (payload) => {
        this.#pong(payload);
        return this.#goOnUntold(0);
      },
      onPong: (payload) => {
        if (this.#heartbeat.ponged(payload)) return this.#goOnUntold(0);
        this.#handler.onPong(payload);
        return this.#goOn(0);
      },
      onFragment: (size) => this.#goOnUntold(size),
      onClose: (code, reason) => this.#onCloseFrame(code, reason),
    });
  }

  /** Nothing more comes: the server ended TCP, or it broke. */
  #onEnd(): void {
    if (this.#failure !== null) return this.#finish(P.CLOSE_ABNORMAL, "", false, this.#failure);
    const broken = this.#sendError ?? this.#broken;
    if (this.#closeReceived === null) {
      const error = broken ??
        new CurlWebSocketError("ERR_CONNECTION_LOST", "the server closed the connection without a close frame");
      // As browsers have it: who called close() hears that it was not clean, but of no error.
      return this.#finish(P.CLOSE_ABNORMAL, "", false, this.#closeCalled ? null : error);
    }
    if (broken !== null || this.#ended || this.#closeLeft) return this.#conclude();
    this.#ended = true;
    this.#flush();
  }

  /** Ends with what the server's close frame said. RFC 6455 section 7.1.4: it is clean when both frames went their way. */
  #conclude(): void {
    const { code, reason } = this.#closeReceived!;
    this.#finish(code, reason, this.#closeLeft, null);
  }

  /** A second, or a shorter closeTimeout; one of 0 sets no limit, and this is none of its business. */
  get #linger(): number {
    return Math.min(this.#options.closeTimeout || LINGER, LINGER);
  }

  /** Whether our close frame, and so all before it, has left. */
  get #closeLeft(): boolean {
    return this.#out.closeSent && this.#out.queue.size === 0;
  }

  #onCloseFrame(code: number, reason: string): void {
    this.#closeReceived = { code, reason };
    this.#observer?.closeReceived?.(code, reason);
    if (this.#closed) return;
    this.#handler.onClosing();
    // RFC 6455 section 5.5.1: the answer typically echoes the code.
    this.#sendClose(code === P.CLOSE_NO_STATUS ? 0 : code, new Uint8Array(0));
    if (this.#closeLeft) this.#onHandshaken();
    else this.#awaitPeer();
  }

  /** Both close frames went their way: this side ends at once, and gives the server a moment to do so. */
  #onHandshaken(): void {
    if (this.#handshaken) return;
    this.#handshaken = true;
    if (this.#ended) return this.#conclude();
    this.#transport!.endSending();
    this.#limit(this.#linger, () => this.#conclude());
  }

  #violated(violation: P.ProtocolViolation): void {
    const message = `${violation.message}; closed with ${violation.closeCode}`;
    const error = new CurlWebSocketError("ERR_PROTOCOL", message, { cause: violation });
    this.#fail(error, violation.closeCode, violation.violation);
  }

  /** This cannot go on: a close frame says so to the server, and `error` to the user. */
  #fail(error: CurlWebSocketError, closeCode: number, reason: string): void {
    if (this.#closed) return;
    // Again: nothing can be read any more, so that nothing more can be waited for.
    if (this.#failure !== null) return this.#onEnd();
    this.#failure = error;
    this.#handler.onClosing();
    this.#sendClose(closeCode, new TextEncoder().encode(reason));
    this.#limit(this.#linger, () => this.#onEnd());
  }

  #control(opcode: number, payload: Uint8Array): void {
    if (!this.#sendable) return;
    this.#out.control(opcode, payload);
    this.#flushSoon();
  }

  #sendClose(code: number, reason: Uint8Array): void {
    if (!this.#sendable) return;
    try {
      this.#out.closeFrame(code, reason);
    } catch (error) {
      // Nobody would end it any more.
      const why = this.#failure ?? errorOf("queueing the close frame", error);
      return this.#finish(P.CLOSE_ABNORMAL, "", false, why);
    }
    this.#observer?.closeSent?.(code, new TextDecoder().decode(reason));
    if (this.#closed) return;
    this.#heartbeat.stop();
    this.#flushSoon();
  }

  /** Bounds the wait for the peer's close frame, or for the peer to take ours. */
  #awaitPeer(): void {
    this.#closeProgress = 0;
    this.#limit(this.#options.closeTimeout, () => {
      if (this.#closeReceived !== null) this.#conclude();
      else this.#finish(P.CLOSE_ABNORMAL, "", false, null);
    });
  }

  /** Some went out of what is queued up to the close frame. */
  #onCloseProgress(sent: number): void {
    if (this.#closeLeft && this.#closeReceived !== null) return this.#onHandshaken();
    // A peer that still takes what was queued before the close frame is given more time; one that takes a byte now and
    // then is not.
    this.#closeProgress += sent;
    if (this.#closeLeft ? sent > 0 : this.#closeProgress >= CLOSE_PROGRESS) this.#awaitPeer();
  }

  /** Sends all that this task queues with one call, or with few where it is much: memory that is used again is cheaper. */
  #flushSoon(): void {
    if (this.#transport === null) return;
    if (this.#out.queue.size >= EAGER_SIZE && !this.#blocked) {
      const before = this.#out.queue.bufferedAmount;
      this.#flush();
      this.#early += before - this.#out.queue.bufferedAmount;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#early = 0;
      if (!this.#blocked) this.#flush();
    });
  }

  #flush(): void {
    const transport = this.#transport, { queue } = this.#out;
    if (transport === null || this.#closed || this.#sendError !== null) return;
    let sent: number;
    try {
      const send = (bytes: Uint8Array) => transport.send(bytes);
      sent = queue.flush(send);
      const { empty } = queue;
      if (this.#out.pongsLeft() && empty) sent += queue.flush(send);
    } catch (error) {
      return this.#onSendError(errorOf("sending", error));
    }
    if (sent > 0 && this.#blocked) this.#heartbeat.progressed();
    this.#blocked = !queue.empty;
    if (this.#waiter !== null) this.#release();
    if (this.#out.closeSent && this.#failure === null) this.#onCloseProgress(sent);
    if (sent > 0 && this.#asked) {
      this.#asked = false;
      this.#reactor.expectAnswer();
    }
    this.#watch();
  }

  /** Nothing can be sent any more. What has come is read first: messages, and the close frame that may explain it. */
  #onSendError(error: CurlWebSocketError): void {
    this.#sendError = error;
    this.#out.close();
    this.#handler.onSendFailed(error);
    this.#release();
    if (this.#failure !== null || this.#ended) return this.#onEnd();
    if (!this.#paused) this.#reactor.again(this, this.#transport!.fd, READABLE);
    this.#watch();
  }

  #watch(): void {
    if (this.#transport === null || this.#closed) return;
    const events = (this.#paused || this.#ended ? 0 : READABLE) | (this.#out.queue.empty ? 0 : WRITABLE);
    this.#reactor.watch(this.#transport.fd, this, events);
  }

  #limit(milliseconds: number, onTime: () => void): void {
    if (!this.#closed) this.#deadline.limit(milliseconds, onTime);
  }

  /** The one way out: frees everything, and tells the handler in a task of its own. */
  #finish(code: number, reason: string, wasClean: boolean, error: CurlWebSocketError | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline.clear();
    this.#heartbeat.stop();
    this.#stopListening();
    this.#held = null;
    this.#inflater?.close();
    this.#out.close();
    this.#dialer?.close();
    if (this.#transport !== null) {
      this.#reactor.watch(this.#transport.fd, this, 0);
      this.#reactor.detach(this);
      this.#transport.close();
    }
    this.#release();
    runtime().defer(() => {
      const located = error === null ? null : withUrl(error, shownUrl(this.#url));
      const result: CloseResult = { code, reason, wasClean, error: located };
      this.#observer?.ended?.(result, this.stats);
      this.#handler.onClosed(result);
    });
  }
}
