/** What the loops over a socket's messages have in common: who waits for one, when reading is paused, and the end. */
import type { MessageData as Data } from "./binary_type.ts";
import { Fifo } from "./fifo.ts";

export type { MessageData as Data } from "./binary_type.ts";

/** What an iteration needs of its socket. */
export interface QueuedSocket {
  pause(): void;
  resume(): void;
  close(): void;
}

/** What a message that waits counts in addition to its content, in bytes: it limits a flood of empty messages too. */
export const MESSAGE_COST = 64;

/** What waits for a loop to take it; a subclass keeps it. */
export abstract class LoopQueue<Item> implements AsyncIterableIterator<Item> {
  readonly #socket: QueuedSocket;
  protected readonly highWaterMark: number;
  /** What the messages that wait count together. */
  protected size = 0;
  /** Whether this paused the socket: if the user did, the user resumes it. */
  #paused = false;
  /** As {@linkcode holdNothingUp} says. */
  #forgets = false;
  readonly #waiting: Fifo<PromiseWithResolvers<IteratorResult<Item>>> = new Fifo();
  #ended = false;
  #error: unknown = null;

  constructor(socket: QueuedSocket, highWaterMark: number) {
    this.#socket = socket;
    this.highWaterMark = highWaterMark;
  }

  /** Takes out what comes next, and counts it off; undefined if nothing waits. */
  protected abstract take(): Item | undefined;

  /** Forgets what waits. */
  protected abstract clear(): void;

  /** Gives an item to the first who waits for one. Returns whether there was one. */
  protected give(item: Item): boolean {
    const waiting = this.#waiting.shift();
    waiting?.resolve({ done: false, value: item });
    return waiting !== undefined;
  }

  /** Gives what waits to those who wait for it. Returns whether anyone did. */
  protected giveAll(): boolean {
    let given = false;
    while (this.#waiting.length > 0) {
      const item = this.take();
      if (item === undefined) break;
      given = this.give(item);
    }
    return given;
  }

  /** Counts what waits from now on. */
  protected add(cost: number): void {
    this.size += cost;
    if (this.size < this.highWaterMark) return;
    if (this.#forgets) return this.#forget();
    this.#paused = true;
    this.#socket.pause();
  }

  /** Counts what does not wait any more. */
  protected remove(cost: number): void {
    this.size -= cost;
    // Not for each message: resuming costs a turn of the reactor.
    if (!this.#paused || this.size > this.highWaterMark / 2) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** It is the end, behind what waits: the loop is over, or throws the error if it is not null. */
  end(error: unknown): void {
    this.#ended = true;
    this.#error = error;
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
      this.next().then(waiting.resolve, waiting.reject);
    }
  }

  next(): Promise<IteratorResult<Item>> {
    const item = this.take();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    if (!this.#ended) {
      const waiting = Promise.withResolvers<IteratorResult<Item>>();
      this.#waiting.push(waiting);
      return waiting.promise;
    }
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  /** As {@linkcode Receiving.giveUp}. */
  giveUp(promise: Promise<IteratorResult<Item>>, reason: unknown): boolean {
    const waiting = this.#waiting.remove((waiting) => waiting.promise === promise);
    waiting?.reject(reason);
    return waiting !== undefined;
  }

  /** From now on it pauses nothing: at the high-water mark it forgets what waits. Somebody else has got the messages too. */
  holdNothingUp(): void {
    this.#forgets = true;
    if (!this.#paused) return;
    this.#paused = false;
    this.#forget();
    this.#socket.resume();
  }

  #forget(): void {
    this.clear();
    this.size = 0;
  }

  return(): Promise<IteratorResult<Item>> {
    this.#forget();
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
export function costOf(data: Data): number {
  if (typeof data === "string") return data.length + MESSAGE_COST;
  return (data instanceof Blob ? data.size : data.byteLength) + MESSAGE_COST;
}
