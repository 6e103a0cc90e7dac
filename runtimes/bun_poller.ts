/** The off-thread poll on Bun. */
import type { Pointer, PollDone, Poller, StandingPoll, TakeFunction } from "../src/platform/ffi.ts";
import { type PollThreadStart, startPollWorker } from "./bun_poll_worker.ts";

/** The words that the main thread and the poll's Worker share; `bun_poll_worker.ts` says what they are. */
const ARMED = 0, EVENTS = 1, PARKED = 2, CODE = 3, STOP = 4, WORDS = 5;
/** As many doubles as a poll has arguments, a word whether it stands, and the most that a `TakeFunction` has, kevent's 6. */
const ARGUMENTS = 5 + 6;

/**
 * How long a Worker that polls nothing is kept, ms. To start one takes 4 ms, ten times what the rest of a connection to a
 * near server takes: a program that reconnects is not to pay that each time. Deno's own pool keeps a thread as long.
 */
const KEPT = 10_000;

/** How long {@linkcode BunPoller.stop} waits for an answer, ms: 30 times as long as a thread that is ready waits for a CPU. */
const ANSWERS_WITHIN = 100;

/** Blocks a Worker in `curl_multi_poll`; words in shared memory say what it is to do, and what it has done. */
export class BunPoller implements Poller, StandingPoll {
  readonly standing: StandingPoll = this;
  readonly #libraryPath: string;
  readonly #take: TakeFunction | null;
  #words: Int32Array = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  #call: Float64Array = new Float64Array(new SharedArrayBuffer(8 * ARGUMENTS));
  /** Held: Bun collects a Worker, and its thread with it, that nothing references. Null while none is needed. */
  #worker: Worker | null = null;
  #started = false;
  #refed = true;
  /** The number by which the Worker was armed last; it is armed when it has started. */
  #turn = 0;
  #isPending = false;
  /** Whether it was armed to stand. */
  #stands = false;
  /** Who waits for an event; and how many there had been before it began to. */
  #done: PollDone | null = null;
  #seen = 0;
  /** Whether a change of `EVENTS` is awaited: by one promise at a time, which may outlast the wait that it was made for. */
  #isAwaiting = false;
  /** Ends the Worker, unless it is needed before. */
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(libraryPath: string, take: TakeFunction | null) {
    this.#libraryPath = libraryPath;
    this.#take = take;
  }

  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void {
    this.#arm([multi, fds, count, milliseconds, 0]);
    this.next(done);
  }

  start(multi: Pointer, fds: Pointer, milliseconds: number, take: readonly number[]): void {
    this.#arm([multi, fds, 1, milliseconds, 1, ...take]);
  }

  isStanding(): boolean {
    return this.#stands && !this.#isParked();
  }

  /** Whether the Worker does nothing, and is to do nothing. */
  #isParked(): boolean {
    return !this.#isPending && Atomics.load(this.#words, PARKED) === this.#turn;
  }

  #arm(call: readonly (Pointer | number)[]): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#worker === null) this.#start();
    this.#call.set(call.map(Number));
    this.#stands = call[4] === 1;
    this.#isPending = true;
    if (this.#started) this.#armNow();
  }

  #armNow(): void {
    this.#isPending = false;
    Atomics.store(this.#words, STOP, 0);
    Atomics.store(this.#words, ARMED, ++this.#turn);
    Atomics.notify(this.#words, ARMED);
  }

  #start(): void {
    const worker = this.#worker = startPollWorker();
    if (!this.#refed) this.unref();
    // A new one may not see what an old one still writes.
    const words = this.#words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
    const call = this.#call = new Float64Array(new SharedArrayBuffer(8 * ARGUMENTS));
    this.#turn = 0;
    this.#isAwaiting = false;
    worker.onmessage = () => {
      if (worker !== this.#worker) return;
      this.#started = true;
      if (this.#isPending) this.#armNow();
    };
    const failed = (why: string) => worker === this.#worker && this.#fail(new Error(`the poll's Worker ${why}`));
    worker.onerror = ({ message }) => failed(`failed: ${message}`);
    worker.addEventListener("close", () => failed("ended"));
    worker.postMessage({ libraryPath: this.#libraryPath, take: this.#take, words, call } satisfies PollThreadStart);
  }

  next(done: PollDone): void {
    this.#done = done;
    this.#seen = Atomics.load(this.#words, EVENTS);
    this.#await();
  }

  /** Waits for an event. */
  #await(): void {
    if (this.#isAwaiting) return;
    this.#isAwaiting = true;
    // First the count, then the look: the Worker parks first, then counts.
    const events = Atomics.load(this.#words, EVENTS);
    const change = this.#isOver(events) ? null : Atomics.waitAsync(this.#words, EVENTS, events);
    if (change?.async) change.value.then(this.#look);
    // It came just now. If every poll ended so quickly, microtasks would never let the event loop have its turn.
    else setImmediate(this.#look);
  }

  /** Whether what is waited for has come. A single poll may find its end before that is counted: then the count is late. */
  #isOver(events: number): boolean {
    return (this.#stands && events !== this.#seen) || this.#isParked();
  }

  /**
   * What the words say counts, and not that they have changed: a late notify of the last event can wake the next wait.
   * Taking the wake-up for the event left the counters apart, and the event loop in a busy loop.
   */
  readonly #look = (): void => {
    this.#isAwaiting = false;
    const done = this.#done;
    if (done === null) return;
    if (!this.#isOver(Atomics.load(this.#words, EVENTS))) return this.#await();
    this.#done = null;
    done(this.#isParked() ? Atomics.load(this.#words, CODE) : 0);
  };

  cancel(): void {
    const done = this.#done;
    this.#done = null;
    if (done !== null) setImmediate(() => done(0));
  }

  #fail(error: Error): void {
    const done = this.#done;
    this.#done = null;
    this.#end();
    done?.(-1, error);
  }

  stop(wake: () => void): boolean {
    const words = this.#words, turn = this.#turn;
    this.#done = null;
    // It has not been armed yet.
    this.#isPending = false;
    if (this.#worker === null || Atomics.load(words, PARKED) === turn) return true;
    // Who was asked before and gave no answer is not waited for again.
    const wasAsked = Atomics.exchange(words, STOP, 1) === 1;
    wake();
    const end = performance.now() + (wasAsked ? 0 : ANSWERS_WITHIN);
    for (;;) {
      const parked = Atomics.load(words, PARKED), left = end - performance.now();
      if (parked === turn) return true;
      if (left <= 0) return false;
      Atomics.wait(words, PARKED, parked, left);
    }
  }

  #end(): void {
    this.#timer = null;
    const worker = this.#worker;
    this.#worker = null;
    this.#started = this.#isPending = this.#stands = false;
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
    this.#timer = setTimeout(() => this.#end(), KEPT);
    this.#timer.unref();
  }
}
