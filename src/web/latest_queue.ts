/** The async iterator over the newest message of each key, with backpressure. */
import type { MessageData } from "./binary_type.ts";
import { Fifo } from "./fifo.ts";
import { costOf, type Data, LoopQueue, type QueuedSocket } from "./loop_queue.ts";
import type { ReadQueue } from "./read_queues.ts";

/** The newest message of a key. */
export interface LatestMessage<Key> {
  /** What the function returned; undefined for a message without a key, which none supersedes. */
  readonly key: Key | undefined;
  /** Its content, as an event has it. */
  readonly data: MessageData;
  /** As {@linkcode MessageBatch.receivedAt}, of this message. */
  readonly receivedAt: number;
  /** How many older messages of the key were dropped since the loop took one of it. */
  readonly dropped: number;
}

type Waiting<Key> = { -readonly [Name in keyof LatestMessage<Key>]: LatestMessage<Key>[Name] };

export class LatestQueue<Key> extends LoopQueue<LatestMessage<Key>> implements ReadQueue {
  readonly #socket: QueuedSocket;
  readonly #keyOf: (data: Data) => Key | undefined;
  /** One a key, in the order in which the keys began to wait: a key whose messages come fast keeps its place. */
  readonly #entries: Fifo<Waiting<Key>> = new Fifo();
  readonly #byKey: Map<Key, Waiting<Key>> = new Map();
  /** Whether the function has thrown. */
  #failed = false;

  /** @throws {TypeError} if `keyOf` is not a function */
  constructor(socket: QueuedSocket, highWaterMark: number, keyOf: (data: Data) => Key | undefined) {
    super(socket, highWaterMark);
    if (typeof keyOf !== "function") {
      throw new TypeError(`latest() needs a function that returns the key, not ${typeof keyOf}`);
    }
    this.#socket = socket;
    this.#keyOf = keyOf;
  }

  push(data: Data, receivedAt: number): boolean {
    if (this.#failed) return false;
    let key: Key | undefined;
    try {
      key = this.#keyOf(data);
    } catch (error) {
      this.#fail(error);
      return true;
    }
    const waiting = key === undefined ? undefined : this.#byKey.get(key);
    if (waiting === undefined) {
      const entry = { key, data, receivedAt, dropped: 0 };
      this.#entries.push(entry);
      if (key !== undefined) this.#byKey.set(key, entry);
      this.add(costOf(data));
    } else {
      const more = costOf(data) - costOf(waiting.data);
      waiting.data = data;
      waiting.receivedAt = receivedAt;
      waiting.dropped++;
      if (more > 0) this.add(more);
      else this.remove(-more);
    }
    const isFull = this.size * 2 >= this.highWaterMark;
    if (isFull) this.giveAll();
    return isFull;
  }

  flush(): boolean {
    return this.giveAll();
  }

  /** The function's error is the loop's, and the loop is left by it: that closes the connection. */
  #fail(error: unknown): void {
    super.end(error);
    this.#failed = true;
    this.#socket.resume();
    this.#socket.close();
  }

  override end(error: unknown): void {
    if (!this.#failed) super.end(error);
  }

  protected override take(): LatestMessage<Key> | undefined {
    const entry = this.#entries.shift();
    if (entry === undefined) return undefined;
    if (entry.key !== undefined) this.#byKey.delete(entry.key);
    this.remove(costOf(entry.data));
    return entry;
  }

  protected override clear(): void {
    this.#entries.clear();
    this.#byKey.clear();
  }
}
