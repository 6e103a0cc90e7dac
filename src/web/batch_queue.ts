/** The async iterator over batches of a socket's messages, with backpressure. */
import type { MessageData } from "./binary_type.ts";
import { Fifo } from "./fifo.ts";
import { costOf, type Data, LoopQueue, type QueuedSocket } from "./loop_queue.ts";
import type { ReadQueue } from "./read_queues.ts";

/** Messages that came together, in order: an array, with the time at which they came. */
export interface MessageBatch extends Array<MessageData> {
  /**
   * When libcurl handed over the bytes of the last frame of the first message, ms, by the clock of `performance.now()`: it
   * is monotonic and begins with the process. `Date.now() - (performance.now() - batch.receivedAt)` is the time of day.
   */
  readonly receivedAt: number;
}

/** What a batch contains. */
export interface BatchOptions {
  /** At most this many messages, an integer from 1 on; default without a limit. What is left is the next batch. */
  maxMessages?: number;
  /**
   * Whether all that waits is one batch, also if it came at several times: a loop that takes long then takes more at once, and
   * so catches up. `receivedAt` is that of the first. Default false.
   */
  merge?: boolean;
}

export class BatchQueue extends LoopQueue<MessageBatch> implements ReadQueue {
  readonly #maxMessages: number;
  readonly #merge: boolean;
  readonly #batches: Fifo<MessageBatch> = new Fifo();
  /** What each of them counts. */
  readonly #costs: Fifo<number> = new Fifo();
  /** The batch that still grows, and what it counts. */
  #open: MessageBatch | null = null;
  #openCost = 0;

  /**
   * @throws {TypeError} if an option is of a wrong type
   * @throws {RangeError} if `maxMessages` is no integer from 1 on
   */
  constructor(socket: QueuedSocket, highWaterMark: number, options: BatchOptions = {}) {
    super(socket, highWaterMark);
    const { maxMessages = Infinity, merge = false } = options;
    if (typeof maxMessages !== "number") throw new TypeError(`maxMessages must be a number, not ${typeof maxMessages}`);
    if (maxMessages !== Infinity && !(Number.isInteger(maxMessages) && maxMessages > 0)) {
      throw new RangeError(`maxMessages must be an integer from 1 on, not ${maxMessages}`);
    }
    if (typeof merge !== "boolean") throw new TypeError(`merge must be a boolean, not ${typeof merge}`);
    this.#maxMessages = maxMessages;
    this.#merge = merge;
  }

  push(data: Data, receivedAt: number): boolean {
    const batch = this.#open ??= Object.assign([], { receivedAt }), cost = costOf(data);
    batch.push(data);
    this.#openCost += cost;
    this.add(cost);
    const isFull = this.#openCost * 2 >= this.highWaterMark;
    if (isFull || batch.length === this.#maxMessages) {
      this.#close();
      this.giveAll();
    }
    return isFull || this.size * 2 >= this.highWaterMark;
  }

  flush(): boolean {
    if (!this.#merge) this.#close();
    return this.giveAll();
  }

  /** The batch grows no more. */
  #close(): void {
    if (this.#open === null) return;
    this.#batches.push(this.#open);
    this.#costs.push(this.#openCost);
    this.#open = null;
    this.#openCost = 0;
  }

  override end(error: unknown): void {
    this.#close();
    super.end(error);
  }

  protected override take(): MessageBatch | undefined {
    if (this.#merge && this.#batches.length === 0) this.#close();
    const batch = this.#batches.shift();
    if (batch !== undefined) this.remove(this.#costs.shift()!);
    return batch;
  }

  protected override clear(): void {
    this.#batches.clear();
    this.#costs.clear();
    this.#open = null;
    this.#openCost = 0;
  }
}
