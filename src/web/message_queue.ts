/** The async iterator over a socket's messages, with backpressure. */
import type { CurlWebSocketError } from "../errors.ts";

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
  #messages: { data: Data; size: number }[] = [];
  #size = 0;
  /** Whether this paused the socket: if the user did, the user resumes it. */
  #paused = false;
  #waiting: PromiseWithResolvers<IteratorResult<Data>>[] = [];
  #ended = false;
  #error: CurlWebSocketError | null = null;

  constructor(socket: QueuedSocket, highWaterMark: number) {
    this.#socket = socket;
    this.#highWaterMark = highWaterMark;
  }

  push(data: Data, size: number): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: data });
    this.#messages.push({ data, size: size + MESSAGE_COST });
    this.#size += size + MESSAGE_COST;
    if (this.#size < this.#highWaterMark) return;
    this.#paused = true;
    this.#socket.pause();
  }

  end(error: CurlWebSocketError | null): void {
    this.#ended = true;
    this.#error = error;
    for (const waiting of this.#waiting.splice(0)) this.next().then(waiting.resolve, waiting.reject);
  }

  next(): Promise<IteratorResult<Data>> {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#size -= message.size;
      // Not for each message: resuming costs a turn of the reactor.
      if (this.#paused && this.#size <= this.#highWaterMark / 2) {
        this.#paused = false;
        this.#socket.resume();
      }
      return Promise.resolve({ done: false, value: message.data });
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
