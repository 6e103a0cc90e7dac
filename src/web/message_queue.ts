/** The async iterator over a socket's messages, with backpressure. */
import { Fifo } from "./fifo.ts";
import { costOf, type Data, LoopQueue } from "./loop_queue.ts";

/** The messages that wait for a loop to take them one by one. */
export class MessageQueue extends LoopQueue<Data> {
  readonly #messages: Fifo<Data> = new Fifo();

  /**
   * Returns whether a loop that has not yet run should do so now, as half of the high-water mark waits: one that keeps up
   * is never the reason to pause.
   */
  push(data: Data): boolean {
    const cost = costOf(data), size = this.size + cost;
    if (!this.give(data)) {
      this.#messages.push(data);
      this.add(cost);
    }
    return size * 2 >= this.highWaterMark;
  }

  protected override take(): Data | undefined {
    const data = this.#messages.shift();
    if (data !== undefined) this.remove(costOf(data));
    return data;
  }

  protected override clear(): void {
    this.#messages.clear();
  }
}
