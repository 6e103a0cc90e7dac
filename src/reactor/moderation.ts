/**
 * When the next turn comes: at once, from a timer, or when a socket is ready. As network cards moderate their interrupts:
 * to sleep on another thread and to be woken costs 10 to 60 us of CPU, more than many messages take.
 */

/** A turn that read this many bytes, two TLS records of full length, was part of a flood: the next one looks again before any sleep. */
const FLOOD = 32 * 1024;
/**
 * How long after a message was sent its answer is looked for without going to sleep, ms: no longer than going to sleep
 * and waking up takes. A peer further away than that makes it rare.
 */
const NEAR = 0.1;
/** How many sends pass at most without looking for their answer that way: looking in vain then costs 0.4 us a send. */
const MAX_PATIENCE = 256;
/**
 * Waits in a row that may end with nothing ready, though nobody woke them. Some do: what was ready may be gone, and a
 * signal ends a wait. More than these are a busy loop, which has taken a few milliseconds by then.
 */
const MAX_EMPTY_WAITS = 100;
/** How long to stay away then, ms: a look takes microseconds, so a hundredth of a core at most goes into them. */
const EMPTY_DELAY = 20;

/** What a reactor knows of its past turns, and what it makes of it. Pure: it sets no timer and makes no call. */
export class Moderation {
  readonly #now: () => number;
  /** How many sources have which `maxReceiveDelay`, and the least of them. */
  readonly #delays: Map<number, number> = new Map();
  #maxDelay = Infinity;
  /** Messages come so close to each other that one turn, later, can take many. */
  #dense = false;
  /** When the last turn that read anything began. */
  #lastTurn = -Infinity;
  #lookAgain = false;
  /** Until when the answer to what was sent is looked for; 0 if none is. */
  #nearUntil = 0;
  /** The same, as it was when the turn that is under way began. */
  #nearAtStart = 0;
  /** Sends to pass before that is tried again, and how many have passed. */
  #patience = 0;
  #passed = 0;
  /** Whether anything was sent in this turn. */
  #sent = false;
  /** Waits in a row that found nothing, and that nobody woke. */
  #emptyWaits = 0;

  /** `now` returns milliseconds, as {@linkcode Clock.now}. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A source that receives messages comes: they may wait for this many milliseconds, if they come densely. */
  addDelay(delay: number): void {
    this.#countDelay(delay, 1);
  }

  /** One of these sources goes. */
  removeDelay(delay: number): void {
    this.#countDelay(delay, -1);
  }

  #countDelay(delay: number, change: 1 | -1): void {
    // A source that receives none.
    if (delay === Infinity) return;
    const before = this.#delays.get(delay) ?? 0, count = before + change;
    if (count > 0) this.#delays.set(delay, count);
    else this.#delays.delete(delay);
    if (before === 0 || count === 0) this.#maxDelay = Math.min(Infinity, ...this.#delays.keys());
  }

  /** A message was sent: its answer is not to wait for any timer. */
  messageSent(): void {
    this.#dense = false;
    this.#sent = true;
    if (this.#passed < this.#patience) this.#passed++;
    else this.#nearUntil = this.#now() + NEAR;
  }

  /** A turn begins. */
  turnBegins(): void {
    this.#sent = false;
    this.#nearAtStart = this.#nearUntil;
  }

  /** A turn is over that began at `began`, by the clock, and read `bytes`; `timed` if a timer brought it. */
  turnEnds(began: number, bytes: number, timed: boolean): void {
    // A timer costs a fraction of a wake-up. Messages that are up to two delays apart are worth one.
    const close = !this.#sent && began - this.#lastTurn < 2 * this.#maxDelay;
    if (bytes === 0) {
      this.#dense &&= close;
      return;
    }
    // The runtime's timers are late, by more than that on Deno: what one of them found came in its time.
    this.#dense = close || (timed && !this.#sent);
    if (this.#nearAtStart !== 0) {
      // What came may be the answer: the peer is near.
      this.#patience = this.#passed = 0;
      if (this.#nearUntil === this.#nearAtStart) this.#nearUntil = 0;
    }
    this.#lastTurn = began;
    if (bytes >= FLOOD) this.#lookAgain = true;
  }

  /** A wait has returned with this many sockets ready; `woken` if it was ended on purpose. */
  waitEnds(found: number, woken: boolean): void {
    if (found > 0 || woken) this.#emptyWaits = 0;
    else this.#emptyWaits++;
  }

  /** A look has found this many sockets ready. */
  lookEnds(found: number): void {
    if (found > 0) this.#emptyWaits = 0;
  }

  /** Whether waits return at once and find nothing, over and over. */
  get isStuck(): boolean {
    return this.#emptyWaits === MAX_EMPTY_WAITS;
  }

  /**
   * How long until the next turn, ms: 0 is at once, after a turn of the event loop; Infinity is when a socket is ready.
   * `more` if a source wants a turn anyway.
   */
  untilNextTurn(more: boolean): number {
    if (more || this.#lookAgain || this.#isNear()) {
      this.#lookAgain = false;
      return 0;
    }
    if (this.#emptyWaits >= MAX_EMPTY_WAITS) return EMPTY_DELAY;
    return this.#dense ? this.#maxDelay : Infinity;
  }

  /** Whether an answer may come sooner than a thread could be put to sleep and woken. */
  #isNear(): boolean {
    if (this.#nearUntil === 0) return false;
    if (this.#now() < this.#nearUntil) return true;
    this.#nearUntil = this.#passed = 0;
    this.#patience = Math.min(MAX_PATIENCE, this.#patience * 2 + 1);
    return false;
  }

  /** All sources were ended: nothing is to be looked for. */
  reset(): void {
    this.#lookAgain = false;
    this.#emptyWaits = 0;
  }
}
