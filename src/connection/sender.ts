/** The sending side of an open connection: what a task queues goes out at its end, as far as the kernel takes it. */
import { type CurlWebSocketError, errorOf } from "../errors.ts";
import type { Transport } from "../curl/transport.ts";
import type { ClosingHandshake } from "../protocol/closing_handshake.ts";
import { OPCODE_PONG } from "../protocol/constants.ts";
import type { FrameObserver } from "../protocol/frame_observer.ts";
import { CompressionFailed, MessageWriter } from "../protocol/message_writer.ts";
import type { Reactor } from "../reactor/reactor.ts";
import { SendQueue } from "./send_queue.ts";

/** What a sender calls its connection for. */
export interface SenderHost {
  /** Some was tried to be sent: `bytes` went out, for the first time since the kernel took less than all if `unblocked`. */
  onFlushed(bytes: number, unblocked: boolean): void;
  /** Nothing can be sent any more; the queue is freed, and stays counted. */
  onSendFailed(error: CurlWebSocketError): void;
  /** A message is lost to the compression: no other may follow. */
  onMessageLost(cause: unknown): void;
}

/** What a task sends goes out at once when it is this much, bytes, instead of at its end: memory that is used again is cheaper. */
const EAGER_SIZE = 256 * 1024;
/** Up to this many pings that wait for their pongs are each answered: one packet seldom holds more. */
const MAX_PONGS = 64;

export class Sender {
  readonly #queue: SendQueue = new SendQueue();
  readonly #writer: MessageWriter;
  readonly #reactor: Reactor;
  readonly #closing: ClosingHandshake;
  readonly #host: SenderHost;
  /** Null when nothing can be sent any more. */
  #transport: Transport | null;
  #closed = false;
  /** Whether the end of this task sends. */
  #flushing = false;
  /** Whether the kernel took less than all: the reactor says when it takes more. */
  #blocked = false;
  /** Bytes of messages that went out in this task: WHATWG's `bufferedAmount` does not fall while one runs. */
  #early = 0;
  /** Who waits for bytes to leave. */
  #look: ((isOver: boolean) => boolean) | null = null;
  /** Whether the server may reply to what is queued. */
  #asked = false;
  /** Pongs since the last time that none waited to go out, and the payload of the last ping that has none among them. */
  #pongs = 0;
  #lastPing: Uint8Array | null = null;
  /** Where the last pong ends, in the stream of what is queued. */
  #pongsEnd = 0;

  constructor(
    transport: Transport,
    reactor: Reactor,
    closing: ClosingHandshake,
    observer: FrameObserver | null,
    host: SenderHost,
  ) {
    this.#transport = transport;
    this.#reactor = reactor;
    this.#closing = closing;
    this.#writer = new MessageWriter(this.#queue, { observer });
    this.#host = host;
  }

  /** For its counters, and to be given a compression. */
  get writer(): MessageWriter {
    return this.#writer;
  }

  /** Payload bytes of messages that the kernel has not taken, as WHATWG counts them. */
  get bufferedAmount(): number {
    return this.#queue.bufferedAmount + this.#early;
  }

  /** Bytes that wait for the kernel, frames and all. */
  get size(): number {
    return this.#queue.size;
  }

  /** Whether the kernel has to take something: the reactor is to say when it can. */
  get waiting(): boolean {
    return !this.#queue.empty;
  }

  /** Bytes that the kernel took, since the start. */
  get sent(): number {
    return this.#queue.sent;
  }

  /** Bytes of the messages that were queued, before compression, since the start. */
  get payload(): number {
    return this.#queue.counted;
  }

  /**
   * Queues a message; its bytes are copied. Returns false, and queues nothing, if it is too late.
   *
   * @throws {RangeError} if memory runs out; then nothing is queued
   */
  message(opcode: number, message: Uint8Array): boolean {
    if (!this.#closing.maySend) return false;
    try {
      this.#writer.message(opcode, message);
    } catch (error) {
      return this.#notQueued(error);
    }
    this.#asked = true;
    this.flushSoon();
    return true;
  }

  /** As {@linkcode message}, for text. */
  text(text: string): boolean {
    if (!this.#closing.maySend) return false;
    try {
      this.#writer.text(text);
    } catch (error) {
      return this.#notQueued(error);
    }
    this.#asked = true;
    this.flushSoon();
    return true;
  }

  #notQueued(error: unknown): false {
    if (!(error instanceof CompressionFailed)) throw error;
    this.#host.onMessageLost(error.cause);
    return false;
  }

  /** Queues a control frame, unless it is too late; the reply to one that `asks` is looked for at once. */
  control(opcode: number, payload: Uint8Array, asks = false): void {
    if (!this.#closing.maySend) return;
    this.#writer.control(opcode, payload);
    this.#asked ||= asks;
    this.flushSoon();
  }

  /** Queues the close frame, to be sent by {@linkcode flushSoon}; a code of 0 gives it no payload. */
  close(code: number, reason: Uint8Array): void {
    this.#writer.close(code, reason);
    this.#lastPing = null;
  }

  /**
   * Queues the pong for a ping. Beyond {@linkcode MAX_PONGS} that wait to go out, one more is kept, for the latest ping:
   * RFC 6455 section 5.5.3 wants no more, and a server that sends pings and reads nothing takes no memory.
   */
  pong(payload: Uint8Array): void {
    if (!this.#closing.maySend) return;
    if (this.#pongs === MAX_PONGS) {
      this.#lastPing = payload;
      return;
    }
    this.#queuePong(payload);
    this.flushSoon();
  }

  #queuePong(payload: Uint8Array): void {
    this.#writer.control(OPCODE_PONG, payload);
    this.#pongs++;
    this.#pongsEnd = this.#queue.sent + this.#queue.size;
  }

  /** Some of what was queued went out. Returns whether that made room for a pong, which is now queued. */
  #hasLastPong(): boolean {
    // Not only when nothing is queued any more: a sender of much may keep it from that for hours, and its server waits for
    // pongs as well.
    if (this.#pongs === 0 || this.#queue.sent < this.#pongsEnd) return false;
    this.#pongs = 0;
    const payload = this.#lastPing;
    if (payload === null) return false;
    this.#lastPing = null;
    this.#queuePong(payload);
    return true;
  }

  /** Sends all that this task queues with one call, or with few if it is much. */
  flushSoon(): void {
    if (this.#transport === null) return;
    if (this.#queue.size >= EAGER_SIZE && !this.#blocked) {
      // What is counted is never less than what waits, also while it goes.
      this.#early += this.#queue.bufferedAmount;
      this.flush();
      this.#early -= this.#queue.bufferedAmount;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#early = 0;
      if (!this.#blocked) this.flush();
      else this.#release();
    });
  }

  /** Sends what is queued, as far as the kernel takes it. */
  flush(): void {
    const transport = this.#transport;
    if (transport === null) return;
    let bytes: number;
    try {
      const send = (bytes: Uint8Array) => transport.send(bytes);
      bytes = this.#queue.flush(send);
      const { empty } = this.#queue;
      if (this.#hasLastPong() && empty) bytes += this.#queue.flush(send);
    } catch (error) {
      this.#free();
      this.#host.onSendFailed(errorOf("sending", error));
      return this.#release();
    }
    const unblocked = bytes > 0 && this.#blocked;
    this.#blocked = !this.#queue.empty;
    if (this.#look !== null) this.#release();
    if (bytes > 0 && this.#asked) {
      this.#asked = false;
      this.#reactor.expectAnswer();
    }
    this.#host.onFlushed(bytes, unblocked);
  }

  /**
   * Calls `onTime` once no more than `limit` bytes are queued, or nothing can be sent any more. There is one who waits:
   * another call releases the one before.
   */
  whenQueued(limit: number, onTime: () => void): void {
    this.onProgress((isOver) => {
      if (this.#queue.size > limit && !isOver) return false;
      onTime();
      return true;
    });
  }

  /**
   * Calls `look` now and each time that bytes have left, until it returns true. `isOver` says that it is the last time, as
   * nothing can be sent any more, or another one looks from now on: there is one.
   */
  onProgress(look: (isOver: boolean) => boolean): void {
    const before = this.#look;
    this.#look = null;
    before?.(true);
    this.#look = look;
    this.#release();
  }

  #release(): void {
    const look = this.#look;
    if (look === null) return;
    this.#look = null;
    if (!look(this.#closed)) this.#look ??= look;
  }

  /** Frees what it holds; what is queued stays counted. Who waits is released. Idempotent. */
  dispose(): void {
    this.#free();
    this.#release();
  }

  #free(): void {
    this.#closed = true;
    this.#transport = null;
    this.#writer.dispose();
    this.#queue.close();
  }
}
