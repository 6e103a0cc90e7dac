/** The async iterator over a socket's messages, with backpressure. */
import type { CurlWebSocketError } from "../errors.ts";

type Data = string | Blob | ArrayBuffer;

/** What an iteration needs of the socket it reads from. */
export interface Iterated {
  readonly isPaused: boolean;
  pause(): void;
  resume(): void;
  close(): void;
}

/** The messages that wait for the loop that takes them. */
export class Iteration implements AsyncIterableIterator<Data> {
  readonly #socket: Iterated;
  readonly #highWaterMark: number;
  #messages: { data: Data; size: number }[] = [];
  #size = 0;
  #waiting: PromiseWithResolvers<IteratorResult<Data>>[] = [];
  #ended = false;
  #error: CurlWebSocketError | null = null;

  constructor(socket: Iterated, highWaterMark: number) {
    this.#socket = socket;
    this.#highWaterMark = highWaterMark;
  }

  push(data: Data, size: number): void {
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

  next(): Promise<IteratorResult<Data>> {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#size -= message.size;
      if (this.#socket.isPaused && this.#size < this.#highWaterMark) this.#socket.resume();
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
