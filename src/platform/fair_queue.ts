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

/** The thread's time and its event loop. */
export interface LoopTime {
  /** Milliseconds since some moment; it never goes back. */
  now(): number;
  /** Runs `fn` in a task of its own, after the event loop has had a turn. */
  defer(fn: () => void): void;
}

/** The time that is left for connecting in this turn of the event loop. All who connect in a thread share one. */
export class ConnectBudget {
  readonly #time: LoopTime;
  /** Until when there is time; null before the first step of a turn of the loop. */
  #end: number | null = null;

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
}

/** Steps that wait for their time, in their order. */
export class FairQueue {
  readonly #time: LoopTime;
  readonly #budget: ConnectBudget;
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(time: LoopTime, budget: ConnectBudget) {
    this.#time = time;
    this.#budget = budget;
  }

  /** Runs `step` in a task to come. What it throws is reported as an uncaught error, and stops nothing else. */
  add(step: () => void): void {
    this.#waiting.push(step);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#time.defer(this.#run);
  }

  readonly #run = (): void => {
    let done = 0;
    // One at least. The budget is asked all the same: this one counts too.
    while (done < this.#waiting.length && (this.#budget.allows() || done === 0)) {
      const step = this.#waiting[done++]!;
      try {
        step();
      } catch (error) {
        // Those behind it are other connections.
        reportLater(error);
      }
    }
    this.#waiting.splice(0, done);
    this.#scheduled = this.#waiting.length > 0;
    if (this.#scheduled) this.#time.defer(this.#run);
  };
}

const time: LoopTime = { now: () => performance.now(), defer: (fn) => runtime().defer(fn) };

/** This thread's. */
export const connectBudget: ConnectBudget = new ConnectBudget(time);
const queue = new FairQueue(time, connectBudget);

/** Runs a step of connecting in a task to come, in its order, as {@linkcode FairQueue.add}. */
export function paced(step: () => void): void {
  queue.add(step);
}
