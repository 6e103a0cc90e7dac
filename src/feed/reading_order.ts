/** What happens between two messages of a feed, and is to reach a loop between them, also if the loop lags behind. Pure. */

export class ReadingOrder {
  /** Whether a loop has begun; and since then, how many messages came, and how many it has asked for. */
  #hasBegun = false;
  #came = 0;
  #asked = 0;
  /** What is to be told when the loop asks for the message behind this many. */
  #waiting: { readonly behind: number; readonly tell: () => void }[] = [];

  /** Returns the loop's iterator over these messages. */
  of<Data>(messages: AsyncIterableIterator<Data>): AsyncIterableIterator<Data> {
    this.#hasBegun = true;
    const reader: AsyncIterableIterator<Data> = {
      next: () => {
        this.#ask();
        return messages.next();
      },
      return: () => {
        this.#waiting = [];
        return messages.return!();
      },
      [Symbol.asyncIterator]: () => reader,
    };
    return reader;
  }

  /** A message came. */
  came(): void {
    if (this.#hasBegun) this.#came++;
  }

  /** Calls `tell` when the loop is done with all messages that came: now, if it waits for the next one, or if there is none. */
  between(tell: () => void): void {
    // One that was handed over and not yet looked at has not been followed by a question either.
    if (!this.#hasBegun || this.#asked > this.#came) tell();
    else this.#waiting.push({ behind: this.#came, tell });
  }

  /** The loop asks for the next message. */
  #ask(): void {
    this.#asked++;
    while (this.#waiting.length > 0 && this.#waiting[0]!.behind < this.#asked) this.#waiting.shift()!.tell();
  }
}
