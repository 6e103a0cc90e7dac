/** The loops that get what came a read at a time, instead of message by message. */
import type { ReadObserver } from "../connection/receiver.ts";
import type { Data } from "./loop_queue.ts";

/** One of them. */
export interface ReadQueue {
  /** A message came. Returns whether a loop should run now, as half of the high-water mark waits. */
  push(data: Data, receivedAt: number): boolean;
  /** All messages of a read are there. Returns whether a loop is to run that has waited for them. */
  flush(): boolean;
  /** As {@linkcode LoopQueue.end}. */
  end(error: unknown): void;
  /** As {@linkcode LoopQueue.holdNothingUp}. */
  holdNothingUp(): void;
}

export class ReadQueues implements ReadObserver {
  readonly #queues: ReadQueue[] = [];
  #receivedAt = 0;
  /** Whether {@linkcode onReadEnd} will come. */
  #isReading = false;

  add(queue: ReadQueue): void {
    this.#queues.push(queue);
  }

  onRead(receivedAt: number): void {
    this.#receivedAt = receivedAt;
    this.#isReading = true;
  }

  onReadEnd(): boolean {
    this.#isReading = false;
    let isTaken = false;
    for (const queue of this.#queues) if (queue.flush()) isTaken = true;
    return isTaken;
  }

  /** Returns as {@linkcode MessageQueue.push}. */
  push(data: Data): boolean {
    // A message that was held, or the rest of a read in which the first loop began.
    if (!this.#isReading) this.#receivedAt = performance.now();
    let isFull = false;
    for (const queue of this.#queues) if (queue.push(data, this.#receivedAt)) isFull = true;
    return this.#isReading ? isFull : this.onReadEnd() || isFull;
  }

  holdNothingUp(): void {
    for (const queue of this.#queues) queue.holdNothingUp();
  }

  end(error: unknown): void {
    for (const queue of this.#queues) queue.end(error);
  }
}
