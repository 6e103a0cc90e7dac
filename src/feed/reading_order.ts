/** What happens between two messages of a feed, and is to reach a loop between them, also if the loop lags behind. Pure. */
import type { MessageData } from "../web/binary_type.ts";
import type { Receiving } from "../web/socket_promises.ts";

type Messages = AsyncIterableIterator<MessageData> & Receiving<MessageData>;

export class ReadingOrder {
  /** The loop, or who receives one by one, once there is one; since then, how many messages came, and how many were asked for. */
  #reader: Messages | null = null;
  #came = 0;
  #asked = 0;
  /** What is to be told when the loop asks for the message behind this many. */
  #waiting: { readonly behind: number; readonly tell: () => void }[] = [];

  /** Returns the loop's iterator over the feed's messages, of which there is one. */
  of(messages: Messages): Messages {
    return this.#reader ??= {
      next: () => {
        this.#ask();
        return messages.next();
      },
      return: () => {
        this.#waiting = [];
        return messages.return!();
      },
      giveUp: (promise, reason) => {
        const isGivenUp = messages.giveUp(promise, reason);
        if (isGivenUp) this.#asked--;
        return isGivenUp;
      },
      [Symbol.asyncIterator]: () => this.of(messages),
    };
  }

  /** A message came. */
  came(): void {
    if (this.#reader !== null) this.#came++;
  }

  /** Calls `tell` when the loop is done with all messages that came: now, if it waits for the next one, or if there is none. */
  between(tell: () => void): void {
    // One that was handed over and not yet looked at has not been followed by a question either.
    if (this.#reader === null || this.#asked > this.#came) tell();
    else this.#waiting.push({ behind: this.#came, tell });
  }

  /** The loop asks for the next message. */
  #ask(): void {
    this.#asked++;
    while (this.#waiting.length > 0 && this.#waiting[0]!.behind < this.#asked) this.#waiting.shift()!.tell();
  }
}
