/** The async iterator over a socket's messages, with backpressure. */
import type { CurlWebSocketError } from "../errors.ts";
import { Fifo } from "./fifo.ts";

type Data = string | Blob | ArrayBuffer;

/** What an iteration needs of its socket. */
export interface QueuedSocket {
  pause(): void;
  resume(): void;
  close(): void;
}

/** What a message that waits counts in addition to its content, in bytes: it limits a flood of empty messages too. */
export const MESSAGE_COST = 64;

/** The messages that wait for a loop to take them. */
export class MessageQueue implements AsyncIterableIterator<Data> {
  readonly #socket: QueuedSocket;
  readonly #highWaterMark: number;
  readonly #messages: Fifo<Data> = new Fifo();
  /** What the messages count together. */
  #size = 0;
  /** Whether this paused the socket: if the user did, the user resumes it. */
  #paused = false;
  readonly #waiting: Fifo<PromiseWithResolvers<IteratorResult<Data>>> = new Fifo();
  #ended = false;
  #error: CurlWebSocketError | null = null;

  constructor(socket: QueuedSocket, highWaterMark: number) {
    this.#socket = socket;
    this.#highWaterMark = highWaterMark;
  }

  /**
   * Returns whether a loop that has not yet run should do so now, as half of the high-water mark waits: one that keeps up
   * is never the reason to pause.
   */
  push(data: Data): boolean {
    const cost = costOf(data), size = this.#size + cost;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: data });
    } else {
      this.#messages.push(data);
      this.#size = size;
      if (size >= this.#highWaterMark) {
        this.#paused = true;
        this.#socket.pause();
      }
    }
    return size * 2 >= this.#highWaterMark;
  }

  end(error: CurlWebSocketError | null): void {
    this.#ended = true;
    this.#error = error;
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
      this.next().then(waiting.resolve, waiting.reject);
    }
  }

  next(): Promise<IteratorResult<Data>> {
    const data = this.#messages.shift();
    if (data !== undefined) {
      this.#size -= costOf(data);
      // Not for each message: resuming costs a turn of the reactor.
      if (this.#paused && this.#size <= this.#highWaterMark / 2) {
        this.#paused = false;
        this.#socket.resume();
      }
      return Promise.resolve({ done: false, value: data });
    }
    if (!this.#ended) {
      const waiting = Promise.withResolvers<IteratorResult<Data>>();
      this.#waiting.push(waiting);
      return waiting.promise;
    }
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  return(): Promise<IteratorResult<Data>> {
    this.#messages.clear();
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

/** What a message counts that waits: its content, and {@linkcode MESSAGE_COST}. */
export function costOf(data: Data | Uint8Array): number {
  if (typeof data === "string") return data.length + MESSAGE_COST;
  return (data instanceof Blob ? data.size : data.byteLength) + MESSAGE_COST;
}
