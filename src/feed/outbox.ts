/** Messages that wait for a connection: as many bytes as the option `buffer` says, in order. */
import { bytesOf, isBuffer, type Sendable } from "../web/webidl.ts";

const encoder = new TextEncoder();

interface Waiting {
  readonly data: Sendable;
  readonly size: number;
}

export class Outbox {
  readonly #limit: number;
  #messages: Waiting[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of the messages that wait. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /**
   * Keeps a message; bytes are copied.
   *
   * @throws {DOMException} `InvalidStateError` if nothing is to be kept, `QuotaExceededError` if there is no room for it
   */
  push(data: Sendable): void {
    if (this.#limit === 0) {
      const why = "no connection is open: wait for the open event, or give the option buffer";
      throw new DOMException(`send() while ${why}`, "InvalidStateError");
    }
    const kept = data instanceof Blob ? data : isBuffer(data) ? bytesOf(data).slice() : `${data}`;
    const size = typeof kept === "string"
      ? encoder.encode(kept).length
      : kept instanceof Blob
      ? kept.size
      : kept.length;
    if (this.#size + size > this.#limit) {
      const message = `send() while no connection is open: ${size} bytes more than the ${this.#size} that wait are ` +
        `beyond the option buffer, ${this.#limit} bytes; nothing was queued`;
      throw new DOMException(message, "QuotaExceededError");
    }
    this.#messages.push({ data: kept, size });
    this.#size += size;
  }

  /** Passes messages on, in order, until `send` returns false: that one and those behind it stay. */
  flush(send: (data: Sendable) => boolean): void {
    let sent = 0;
    try {
      for (const { data, size } of this.#messages) {
        if (!send(data)) break;
        this.#size -= size;
        sent++;
      }
    } finally {
      this.#messages.splice(0, sent);
    }
  }
}
