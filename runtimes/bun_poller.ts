/** The off-thread poll on Bun. */
import type { Pointer, PollDone, Poller } from "../src/platform/ffi.ts";
import { startPollWorker } from "./bun_poll_worker.ts";

/** The words that the main thread and the poll's Worker share. */
const ARMED = 0, RETURNED = 1, CODE = 2;

/**
 * How long a Worker that polls nothing is kept, ms. To start one takes 4 ms, ten times what the rest of a connection to a
 * near server takes: a program that reconnects is not to pay that each time. Deno's own pool keeps a thread as long.
 */
const KEPT = 10_000;

/** Blocks a Worker in `curl_multi_poll`; two counters in shared memory count its calls and their returns. */
export class BunPoller implements Poller {
  readonly #libraryPath: string;
  #words: Int32Array = new Int32Array(new SharedArrayBuffer(12));
  /** The arguments of the call: multi, fds, count, milliseconds. Addresses have 48 bits, so a double holds one. */
  #call: Float64Array = new Float64Array(new SharedArrayBuffer(32));
  /** Held: Bun collects a Worker, and its thread with it, that nothing references. Null while none is needed. */
  #worker: Worker | null = null;
  #started = false;
  #refed = true;
  #turn = 0;
  /** Who waits for the call that is out. */
  #done: PollDone | null = null;
  /** Ends the Worker, unless it is needed before. */
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(libraryPath: string) {
    this.#libraryPath = libraryPath;
  }

  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#worker === null) this.#start();
    this.#call[0] = Number(multi);
    this.#call[1] = Number(fds);
    this.#call[2] = count;
    this.#call[3] = milliseconds;
    this.#done = done;
    if (this.#started) this.#arm();
  }

  #start(): void {
    const worker = this.#worker = startPollWorker();
    if (!this.#refed) this.unref();
    // A new one may not see what an old one still writes.
    this.#words = new Int32Array(new SharedArrayBuffer(12));
    this.#call = new Float64Array(new SharedArrayBuffer(32));
    this.#turn = 0;
    worker.onmessage = () => {
      if (worker !== this.#worker) return;
      this.#started = true;
      if (this.#done !== null) this.#arm();
    };
    const failed = (why: string) => worker === this.#worker && this.#fail(new Error(`the poll's Worker ${why}`));
    worker.onerror = ({ message }) => failed(`failed: ${message}`);
    worker.addEventListener("close", () => failed("ended"));
    worker.postMessage({ libraryPath: this.#libraryPath, words: this.#words, call: this.#call });
  }

  #arm(): void {
    Atomics.store(this.#words, ARMED, ++this.#turn);
    Atomics.notify(this.#words, ARMED);
    this.#await();
  }

  /** Waits for the call to return. */
  #await(): void {
    const returned = Atomics.load(this.#words, RETURNED);
    const change = returned === this.#turn ? null : Atomics.waitAsync(this.#words, RETURNED, returned);
    if (change?.async) change.value.then(this.#look);
    // It came just now. If every call returned so quickly, microtasks would never let the event loop have its turn.
    else setImmediate(this.#look);
  }

  /**
   * The Worker stores that the call has returned before it notifies, so a late notify of the last turn can wake this one:
   * only the number counts. Taking the wake-up for the return left the counters apart, and the event loop in a busy loop.
   */
  readonly #look = (): void => {
    const done = this.#done;
    if (done === null) return;
    if (Atomics.load(this.#words, RETURNED) !== this.#turn) return this.#await();
    this.#done = null;
    done(Atomics.load(this.#words, CODE));
  };

  #fail(error: Error): void {
    const done = this.#done;
    this.#done = null;
    this.#stop();
    done?.(-1, error);
  }

  #stop(): void {
    this.#timer = null;
    const worker = this.#worker;
    this.#worker = null;
    this.#started = false;
    worker?.terminate();
  }

  ref(): void {
    this.#refed = true;
    (this.#worker as unknown as { ref(): void } | null)?.ref();
  }

  unref(): void {
    this.#refed = false;
    (this.#worker as unknown as { unref(): void } | null)?.unref();
  }

  close(): void {
    if (this.#worker === null || this.#timer !== null) return;
    this.#timer = setTimeout(() => this.#stop(), KEPT);
    this.#timer.unref();
  }
}
