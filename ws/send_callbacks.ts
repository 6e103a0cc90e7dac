/** Calls back when what was sent has been taken by the kernel, or cannot be sent any more. */

/** What has been queued and sent of a connection, as a stream of bytes. */
export interface SentBytes {
  /** Bytes that the kernel took. */
  readonly sentBytes: number;
  /** Bytes that wait for it. */
  readonly queuedBytes: number;
  /** Calls back once no more than `limit` bytes wait, or nothing can be sent any more; releases the one before. */
  whenQueued(limit: number, onTime: () => void): void;
}

/** A callback of `send()`, `ping()` and `pong()`. */
export type SendCallback = (error?: Error) => void;

/** Those of one connection, in the order of what was sent. */
export class SendCallbacks {
  readonly #connection: SentBytes;
  #waiting: { readonly end: number; readonly callback: SendCallback }[] = [];
  /** Whether {@linkcode SentBytes.whenQueued} is being called, which may call back before it returns. */
  #asking = false;
  #ended: Error | null = null;

  constructor(connection: SentBytes) {
    this.#connection = connection;
  }

  /**
   * Something was queued. Calls back, after the caller has returned, when it has been sent. It is to be told of what has no
   * callback too: those before it would else wait for that.
   */
  queued(callback: SendCallback | undefined): void {
    if (callback === undefined) return this.#settle();
    if (this.#ended !== null) return call(callback, this.#ended);
    this.#waiting.push({ end: this.#connection.sentBytes + this.#connection.queuedBytes, callback });
    this.#settle();
  }

  /** The connection has ended: what still waits is not sent. */
  end(error: Error): void {
    this.#release();
    this.#ended = error;
    for (const { callback } of this.#waiting.splice(0)) call(callback, error);
  }

  #settle(): void {
    if (this.#asking) return;
    this.#release();
    const [head] = this.#waiting;
    if (head === undefined) return;
    const { sentBytes, queuedBytes } = this.#connection;
    this.#asking = true;
    // What is queued behind the first one may wait on.
    this.#connection.whenQueued(sentBytes + queuedBytes - head.end, () => this.#settle());
    this.#asking = false;
  }

  /** Calls those back whose bytes have been sent. */
  #release(): void {
    const { sentBytes } = this.#connection;
    let count = 0;
    while (count < this.#waiting.length && this.#waiting[count]!.end <= sentBytes) count++;
    for (const { callback } of this.#waiting.splice(0, count)) call(callback);
  }
}

/** Never inside `send()`; what it throws is an uncaught error. */
function call(callback: SendCallback, error?: Error): void {
  queueMicrotask(() => error === undefined ? callback() : callback(error));
}
