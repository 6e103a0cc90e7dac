/** The receiving side of an open connection: bytes from the transport to the protocol, a turn at a time. */
import type { DeflateParameters } from "../handshake/extensions.ts";
import { type CurlWebSocketError, errorOf } from "../errors.ts";
import { END, READ_SIZE, type Transport, WOULD_BLOCK } from "../curl/transport.ts";
import { allocate } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import { loadZlib } from "../platform/zlib.ts";
import { ZlibInflate } from "../platform/zlib_inflate.ts";
import type { ClosingHandshake } from "../protocol/closing_handshake.ts";
import type { FrameObserver } from "../protocol/frame_observer.ts";
import { MessageReader, type MessageReaderEvents } from "../protocol/message_reader.ts";
import { MessageInflater } from "../protocol/permessage_deflate.ts";
import type { Reactor } from "../reactor/reactor.ts";
import { runtimeDecoder } from "./runtime_decoder.ts";

/** Who receives what came, in the order in which it came. */
export interface ReceiverHost {
  /** Bytes came. */
  onBytes(): void;
  /**
   * Is passed on as it is, without its object: a call in between would be paid for each message. Returns whether microtasks
   * should run now, as behind an event, which is a task of its own. A message that waits for a loop to take it needs none:
   * {@linkcode Receiver} hands over several, and then lets the loop run.
   */
  readonly onMessage: (data: string | ArrayBuffer) => boolean;
  /** Returns as {@linkcode onPong}. */
  onPing(payload: Uint8Array<ArrayBuffer>): boolean;
  /** Returns whether the user got it, so that it was a task of its own. */
  onPong(payload: Uint8Array<ArrayBuffer>): boolean;
  onClose(code: number, reason: string): void;
}

/** Who learns of each read: for those who want what came together. */
export interface ReadObserver {
  /** Messages of bytes are to follow that libcurl handed over then, by the clock of `performance.now()`. */
  onRead(receivedAt: number): void;
  /** What there is to be delivered of them for now has been. Returns whether a loop is to run that was handed something. */
  onReadEnd(): boolean;
}

/** What a receiver is made with. */
export interface ReceiverOptions {
  readonly maxMessageSize: number;
  /** What was agreed on compression, or null. */
  readonly deflate: DeflateParameters | null;
  readonly observer: FrameObserver | null;
}

/** How much one connection may read in a turn before the others have theirs, bytes: four buffers full. */
const TURN_BYTES = 4 * READ_SIZE;
/** A TLS record has this many bytes at most. */
const TLS_RECORD = 16 * 1024;
/** The clock is looked at after this many messages at most, however fast they are handled. */
const MAX_UNCHECKED = 256;

/** One a thread: what is read is parsed before anything else is read. */
let readBuffer: Uint8Array<ArrayBuffer> | undefined;

const createInflate = (windowBits: number): ZlibInflate => new ZlibInflate(loadZlib()!, windowBits);

export class Receiver implements MessageReaderEvents {
  readonly #transport: Transport;
  readonly #reactor: Reactor;
  readonly #closing: ClosingHandshake;
  readonly #host: ReceiverHost;
  readonly #onMessage: ReceiverHost["onMessage"];
  /** Null without permessage-deflate. */
  readonly #inflater: MessageInflater | null;
  readonly #reader: MessageReader;
  /** Bytes that were read and not yet parsed: a handler said stop. */
  #held: Uint8Array | null = null;
  /** Whether the last reading took all there was. */
  #drained = false;
  /** What ended the reading, behind bytes that are still to be parsed. */
  #broken: CurlWebSocketError | null = null;
  /** Whether bytes are read and thrown away. */
  #discarding = false;
  /** Whether the end comes behind what is there. */
  #last = false;
  /** The event loop is to have its turn before the next message. */
  #yielded = false;
  /** Messages since the clock was looked at, after how many it is, and when it was. */
  #unchecked = 0;
  #checkEvery = 1;
  #checkedAt = 0;
  /** Whether messages were handed over to a loop that has not run since, and whether it can be made to run. */
  #unread = false;
  #canRun = false;
  /** Since the start: messages that were delivered, and bytes. */
  messages = 0;
  bytes = 0;

  /** Whether nothing is read, and nothing delivered, for now. */
  paused = false;
  /** Null for nobody. */
  reads: ReadObserver | null = null;
  /** When the bytes were read that are parsed or held; 0 if nobody wanted to know then. */
  #readAt = 0;

  constructor(
    transport: Transport,
    reactor: Reactor,
    closing: ClosingHandshake,
    { maxMessageSize, deflate, observer }: ReceiverOptions,
    host: ReceiverHost,
  ) {
    this.#transport = transport;
    this.#reactor = reactor;
    this.#closing = closing;
    this.#host = host;
    this.#onMessage = host.onMessage;
    const inflater = this.#inflater = deflate === null ? null : new MessageInflater(deflate, createInflate);
    this.#reader = new MessageReader({ maxMessageSize, inflater, observer, decoder: runtimeDecoder }, this);
  }

  onMessage(data: string | ArrayBuffer): boolean {
    const size = typeof data === "string" ? data.length : data.byteLength;
    if (!this.#closing.mayDeliver) return this.#goOnSilently(size);
    this.messages++;
    const onMessage = this.#onMessage;
    return onMessage(data) ? this.#goOn(size) : this.#goOnQueued(size);
  }

  onPing(payload: Uint8Array<ArrayBuffer>): boolean {
    this.#runLoops();
    return this.#host.onPing(payload) ? this.#goOn(0) : this.#goOnSilently(0);
  }

  onPong(payload: Uint8Array<ArrayBuffer>): boolean {
    this.#runLoops();
    return this.#host.onPong(payload) ? this.#goOn(0) : this.#goOnSilently(0);
  }

  onFragment(size: number): boolean {
    return this.#goOnSilently(size);
  }

  onClose(code: number, reason: string): void {
    if (this.reads !== null) this.#endRead(false);
    this.#runLoops();
    this.#host.onClose(code, reason);
  }

  /** The protocol's side, for its counters. */
  get reader(): MessageReader {
    return this.#reader;
  }

  /** What ended the reading; null if the server ended TCP. */
  get error(): CurlWebSocketError | null {
    return this.#broken;
  }

  get #stopped(): boolean {
    return this.paused || this.#closing.finished;
  }

  /** Whether there are bytes that were read, and not looked at: no wait finds them. */
  get holdsBytes(): boolean {
    return this.#held !== null;
  }

  /** Takes over bytes that came behind the handshake: they are read first. */
  begin(rest: Uint8Array): void {
    this.bytes += rest.length;
    if (rest.length > 0) this.#held = rest;
  }

  /** From now on what comes is read, so that the peer gets no reset, and thrown away. */
  discard(): void {
    this.#discarding = true;
  }

  /** Nothing more is waited for: when what is there has been read, it is the end. */
  endWhenDrained(): void {
    this.#last = true;
  }

  /**
   * One turn of reading. Returns whether there may be more at once, or that the end was read.
   *
   * @throws {ProtocolViolation} at the first thing the peer does wrong
   */
  read(): boolean | "end" {
    // Each turn finds out: inside a microtask it cannot.
    this.#canRun = false;
    if (this.#held !== null) {
      const held = this.#held;
      this.#held = null;
      this.#host.onBytes();
      if (!this.#take(held, held.length, true)) return !this.#stopped;
    }
    const buffer = readBuffer ??= allocate(READ_SIZE);
    for (let total = 0; total < TURN_BYTES;) {
      const count = this.#fill(buffer);
      if (count === WOULD_BLOCK) return this.#last ? "end" : false;
      if (count === END) return "end";
      this.#host.onBytes();
      total += count;
      this.bytes += count;
      this.#reactor.turnBytes += count;
      const goesOn = this.#take(buffer, count, false);
      // Nothing is left: also where the event loop was to have its turn first.
      if (this.#drained && this.#held === null && !this.#last) return false;
      if (!goesOn) return !this.#stopped;
      if (performance.now() > this.#reactor.turnEnd) return true;
    }
    return true;
  }

  /** Reads what there is, or a buffer full; returns as {@linkcode Transport.recv}. */
  #fill(buffer: Uint8Array): number {
    let filled = this.#recv(buffer);
    // A plain socket that gave less than asked for is drained.
    this.#drained = filled < buffer.length;
    if (!this.#transport.readsAhead || filled <= 0) return filled;
    // libcurl gives one TLS record at a time, and may hold more. A message that is here as a whole costs less than one in
    // pieces.
    while (filled <= buffer.length - TLS_RECORD) {
      const count = this.#recv(buffer.subarray(filled));
      this.#drained = count === WOULD_BLOCK;
      if (count <= 0) return filled;
      filled += count;
    }
    this.#drained = false;
    return filled;
  }

  /** As {@linkcode Transport.recv}, but an error is an end, told when what came before has been. */
  #recv(buffer: Uint8Array): number {
    if (this.#broken !== null) return END;
    try {
      return this.#transport.recv(buffer);
    } catch (error) {
      this.#broken = errorOf("receiving", error);
      return END;
    }
  }

  /**
   * Parses the first `end` of bytes that were read. Returns false, and keeps the rest, if the event loop is to have its turn first. Bytes that
   * are not `owned` are in the thread's buffer.
   */
  #take(bytes: Uint8Array, end: number, owned: boolean): boolean {
    if (this.#discarding) return !this.#stopped;
    this.#yielded = false;
    if (this.reads !== null) this.#beginRead(owned);
    let at = end;
    try {
      at = this.#reader.receive(bytes, 0, end);
    } finally {
      if (this.reads !== null) this.#endRead(at < end);
      // Before what ends the connection: what a loop sends in reply still goes out.
      this.#runLoops();
    }
    if (at === end) return !this.#yielded && !this.#stopped;
    if (!this.#discarding) this.#held = owned ? bytes.subarray(at, end) : bytes.slice(at, end);
    return false;
  }

  #beginRead(isHeld: boolean): void {
    if (!isHeld || this.#readAt === 0) this.#readAt = performance.now();
    this.reads!.onRead(this.#readAt);
  }

  /**
   * A read that is cut goes on in the next turn: the time was over, or microtasks cannot run, so that only the first message was
   * delivered. To deliver all of it then, for batches alone, saves a turn (a tenth of the CPU of bursts on Deno), but a close frame
   * among it would be answered before the loop has run.
   */
  #endRead(isCut: boolean): void {
    if (isCut && !this.#stopped) return;
    if (this.reads!.onReadEnd()) this.#unread = true;
  }

  /**
   * An event of `size` bytes was delivered, which is a task of its own. Returns whether another may follow in this turn of the
   * event loop.
   */
  #goOn(size: number): boolean {
    this.#canRun = runtime().checkpoint();
    this.#unread = false;
    this.#yielded = !this.#canRun || this.#late(size);
    return !this.#yielded && !this.#stopped;
  }

  /**
   * As {@linkcode #goOn} for a message that was queued for a loop. The loop runs when the clock would be looked at, so
   * that a slow one takes them one by one: each run of microtasks costs more than the rest of a small message.
   */
  #goOnQueued(size: number): boolean {
    const unchecked = this.#unchecked + 1 + (size >>> 10);
    if (!this.#canRun || unchecked >= this.#checkEvery) return this.#goOn(size);
    this.#unchecked = unchecked;
    this.#unread = true;
    return !this.#stopped;
  }

  /** Lets loops take what was queued for them, before anything else happens. */
  #runLoops(): void {
    if (!this.#unread) return;
    this.#unread = false;
    this.#canRun = runtime().checkpoint();
  }

  /** As {@linkcode #goOn} for what delivers nothing, of which there may be a flood as well. */
  #goOnSilently(size: number): boolean {
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
    // A millisecond is a fifth of a turn: four times as often, so that the next look does not come after its end.
    if (took > 1) this.#checkEvery = Math.max(1, this.#checkEvery >> 2);
    else if (took < 0.25) this.#checkEvery = Math.min(MAX_UNCHECKED, this.#checkEvery * 2);
    return now > this.#reactor.turnEnd;
  }

  /** Frees what it holds: no event follows. */
  dispose(): void {
    this.#held = null;
    this.#discarding = true;
    this.#inflater?.close();
  }
}
