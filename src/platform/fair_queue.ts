/**
 * Many connections that a program opens at once: each of their steps, above all those of TLS, takes a fraction of a
 * millisecond to some milliseconds. Together they get a small part of each turn of the event loop.
 */
import { reportLater, runtime } from "./runtime.ts";

/**
 * How much of one turn of the event loop steps of connecting may take, ms. A turn of the loop costs some 30 us by itself: a
 * hundredth of this.
 */
const BUDGET = 3;
/**
 * How many attempts with TLS are under way before others begin one a millisecond only. Each has some 30 KiB more memory
 * than when it stands, and a server takes its time for each: with a thousand at once, a third more CPU and a quarter more
 * memory was taken than with this many. No attempt waits for another's end, which may be a time-out.
 */
const CROWDED = 320;
/** Ms: no timer is shorter. */
const CROWDED_PACE = 1;

/** The thread's time and its event loop. */
export interface LoopTime {
  /** Milliseconds since some moment; it never goes back. */
  now(): number;
  /** Runs `fn` in a task of its own, after the event loop has had a turn. */
  defer(fn: () => void): void;
  /** Runs `fn` in so many milliseconds. */
  setTimer(fn: () => void, milliseconds: number): void;
}

/** The time that is left for connecting in this turn of the event loop. All who connect in a thread share one. */
export class ConnectBudget {
  readonly #time: LoopTime;
  /** Until when there is time; null before the first step of a turn of the loop. */
  #end: number | null = null;
  /** Who has steps that wait for time. */
  readonly #waiting: Set<object> = new Set();
  /** Attempts with TLS that are under way. */
  underway = 0;

  constructor(time: LoopTime) {
    this.#time = time;
  }

  /**
   * Whether there is time for another step. The first one always has, and whoever takes steps may take one in each of its
   * tasks even if there is none left: so that everybody goes on.
   */
  allows(): boolean {
    const now = this.#time.now();
    if (this.#end !== null) return now < this.#end;
    this.#end = now + BUDGET;
    this.#time.defer(() => this.#end = null);
    return true;
  }

  /** Whether attempts that have begun have steps that wait for time. */
  get isWanted(): boolean {
    return this.#waiting.size > 0;
  }

  /** Whether so many attempts are under way that others should take their time. */
  get isCrowded(): boolean {
    return this.underway >= CROWDED;
  }

  /** Says whether `who` has such steps. */
  setWaiting(who: object, waits: boolean): void {
    if (waits) this.#waiting.add(who);
    else this.#waiting.delete(who);
  }
}

/**
 * Steps that wait for their time: those of attempts that have begun, in their order, and then the starts of others. So a
 * thousand attempts are not all under way at once, each with memory of its own, and with a server that waits for it.
 */
export class FairQueue {
  readonly #time: LoopTime;
  readonly #budget: ConnectBudget;
  readonly #steps: Line = new Line();
  readonly #starts: Line = new Line();
  #scheduled = false;
  /** Whether a timer is to allow a start, though it is crowded; and whether it has. */
  #isTimed = false;
  #isAllowed = false;
  /** Whether the next turn begins with a start, since the last one had time for none. */
  #startsNext = false;

  constructor(time: LoopTime, budget: ConnectBudget) {
    this.#time = time;
    this.#budget = budget;
  }

  /** Runs `step` in a task to come. What it throws is reported as an uncaught error, and stops nothing else. */
  add(step: () => void): void {
    this.#steps.push(step);
    this.#schedule();
  }

  /** The same for the first step of an attempt. */
  addStart(start: () => void): void {
    this.#starts.push(start);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    if (this.#steps.length === 0 && !this.#hasRoom) return this.#startLater();
    this.#scheduled = true;
    this.#time.defer(this.#run);
  }

  get #hasRoom(): boolean {
    return !this.#budget.isCrowded || this.#isAllowed;
  }

  #startLater(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#time.setTimer(() => {
      this.#isTimed = false;
      this.#isAllowed = true;
      if (this.#starts.length > 0) this.#schedule();
    }, CROWDED_PACE);
  }

  /** One at least, and others as long as there is time. */
  readonly #run = (): void => {
    let taken = 0, started = 0;
    while (this.#budget.allows() || taken === 0) {
      const mayStart = this.#starts.length > 0 && this.#hasRoom && (started === 0 || !this.#budget.isWanted);
      if (mayStart && (this.#steps.length === 0 || (taken === 0 && this.#startsNext))) {
        started++;
        this.#isAllowed = false;
        attempt(this.#starts.shift());
      } else if (this.#steps.length > 0) attempt(this.#steps.shift());
      else break;
      taken++;
    }
    this.#startsNext = started === 0;
    this.#scheduled = false;
    if (this.#starts.length > 0 && !this.#hasRoom) this.#startLater();
    if (this.#steps.length > 0 || this.#starts.length > 0) this.#schedule();
  };
}

/** Functions in a row. Arrays move all that is behind the first one when that is taken out. */
class Line {
  #waiting: (() => void)[] = [];
  #taken = 0;

  get length(): number {
    return this.#waiting.length - this.#taken;
  }

  push(fn: () => void): void {
    this.#waiting.push(fn);
  }

  /** Takes out the first; there has to be one. */
  shift(): () => void {
    const fn = this.#waiting[this.#taken++]!;
    // Half of them are gone: so what moves is never more than what was taken.
    if (this.#taken * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    return fn;
  }
}

/** Runs a step. Those behind it are other connections: what it throws is reported. */
function attempt(step: () => void): void {
  try {
    step();
  } catch (error) {
    reportLater(error);
  }
}

const time: LoopTime = {
  now: () => performance.now(),
  defer: (fn) => runtime().defer(fn),
  setTimer: (fn, milliseconds) => void runtime().setTimer(fn, milliseconds),
};

/** This thread's. */
export const connectBudget: ConnectBudget = new ConnectBudget(time);
const queue = new FairQueue(time, connectBudget);

/** Runs a step of connecting in a task to come, in its order, as {@linkcode FairQueue.add}. */
export function paced(step: () => void): void {
  queue.add(step);
}

/** The same for the first step of an attempt, as {@linkcode FairQueue.addStart}. */
export function pacedStart(start: () => void): void {
  queue.addStart(start);
}
