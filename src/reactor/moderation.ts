/**
 * When the next turn comes: at once, from a timer, or when a socket is ready. As network cards moderate their interrupts:
 * to sleep on another thread and to be woken costs 10 to 60 us of CPU, more than many messages take.
 */

/**
 * How many wake-ups within `maxReceiveDelay`, on average, make a timer worth it: 2,500 a second by the default of 1 ms. By CPU
 * alone it would be one: a wake-up costs 40 us, a timer's turn 30 (Bun) or 65 (Deno). But below that it is latency that a
 * program gets for its CPU.
 */
const WAKEUPS_A_DELAY = 2.5;
/** For how long they have to come so densely, ms: longer than a burst. At least 8 delays, or a few messages would decide. */
const SUSTAINED = 50;
const LEAST_DELAYS = 8;
/**
 * A moderated stream causes no wake-ups to be counted. So messages are delivered at once now and then, until half as many have
 * come as made it moderated, or the time is over in which they should. How often, ms, and in delays: it is less than a
 * hundredth of the time with the default.
 */
const PROBE_EVERY = 1_000;
const PROBE_EVERY_DELAYS = 100;
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
  /** Whether turns come from timers. */
  #moderated = false;
  /** Whether a stream that was moderated is delivered at once, to find out how many wake-ups it causes. */
  #probing = false;
  /** When the next time for that is, while it is moderated. */
  #probeAt = 0;
  /** Wake-ups, and when the first of them came. */
  #wakeups = 0;
  #countedFrom = -Infinity;
  /** How many wake-ups in which time make a stream moderated, and keep it so. */
  #window = 0;
  #enough = Infinity;
  #probeWindow = 0;
  #probeEnough = Infinity;
  /** How often timers took over, since the start. */
  moderations = 0;
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
  /** Whether anything was sent since the last turn began, and whether what was sent before that may still be answered. */
  #sent = false;
  #answerDue = false;
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
    if (before > 0 && count > 0) return;
    const held = this.#maxDelay;
    this.#maxDelay = Math.min(Infinity, ...this.#delays.keys());
    if (this.#maxDelay !== held) this.#setDelay();
  }

  /** Another delay holds: what was counted by the last one says nothing. */
  #setDelay(): void {
    this.#moderated = this.#probing = false;
    this.#countedFrom = -Infinity;
    // Nothing may wait, or nothing comes.
    if (this.#maxDelay === 0 || this.#maxDelay === Infinity) {
      this.#enough = this.#probeEnough = Infinity;
      return;
    }
    // No timer is shorter than a millisecond.
    const delay = Math.max(1, this.#maxDelay);
    this.#probeWindow = LEAST_DELAYS * delay;
    this.#probeEnough = LEAST_DELAYS * WAKEUPS_A_DELAY / 2;
    this.#window = Math.max(SUSTAINED, this.#probeWindow);
    this.#enough = Math.ceil(this.#window / delay * WAKEUPS_A_DELAY);
  }

  /** A message was sent: its answer is not to wait for any timer. */
  messageSent(): void {
    this.#sent = true;
    if (this.#passed < this.#patience) this.#passed++;
    else this.#nearUntil = this.#now() + NEAR;
  }

  /** A turn begins. */
  turnBegins(): void {
    if (this.#sent) this.#answerDue = true;
    this.#sent = false;
    this.#nearAtStart = this.#nearUntil;
  }

  /** A turn is over that began at `began`, by the clock, and read `bytes`; `woke` if a wake-up brought it. */
  turnEnds(began: number, bytes: number, woke: boolean): void {
    if (bytes === 0) {
      // Two delays without a message: the next one is delivered at once.
      if (this.#moderated && began - this.#lastTurn >= 2 * this.#maxDelay) this.#probe(began);
      return;
    }
    this.#lastTurn = began;
    if (this.#moderated) {
      if (began >= this.#probeAt) this.#probe(began);
    } else if (woke && !this.#sent && !this.#answerDue) this.#count(began);
    // What came may be the answer.
    this.#answerDue = false;
    if (this.#nearAtStart !== 0) {
      // The peer is near.
      this.#patience = this.#passed = 0;
      if (this.#nearUntil === this.#nearAtStart) this.#nearUntil = 0;
    }
    if (bytes >= FLOOD) this.#lookAgain = true;
  }

  /** Counts a wake-up for messages that answer nothing. */
  #count(now: number): void {
    if (now - this.#countedFrom > (this.#probing ? this.#probeWindow : this.#window)) {
      this.#probing = false;
      this.#countedFrom = now;
      this.#wakeups = 0;
    }
    if (++this.#wakeups < (this.#probing ? this.#probeEnough : this.#enough)) return;
    if (!this.#probing) this.moderations++;
    this.#moderated = true;
    this.#probeAt = now + Math.max(PROBE_EVERY, PROBE_EVERY_DELAYS * this.#maxDelay);
  }

  /** From now on messages are delivered at once, and wake-ups counted. */
  #probe(now: number): void {
    this.#moderated = false;
    this.#probing = true;
    this.#countedFrom = now;
    this.#wakeups = 0;
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

  /** Whether the last wait found something, or was woken. */
  get isTrusted(): boolean {
    return this.#emptyWaits === 0;
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
    return this.#moderated && !this.#sent && !this.#answerDue ? this.#maxDelay : Infinity;
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
