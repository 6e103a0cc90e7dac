/** A timer that is set again and again, for the one thing that is waited for. */
import { reportLater, runtime, type Timer } from "./runtime.ts";

/** The longest time a timer can hold. */
const LONGEST = 0x7fff_ffff;

const atOnce = (step: () => void): void => step();

/**
 * Deadlines of one length, which share one of the runtime's timers: they are due in the order in which they were set. A
 * thousand connections that open at once set thousands of them, and nearly all are cleared in time: a timer of the
 * runtime's own takes several us each.
 */
class Lane {
  readonly #milliseconds: number;
  /** When each is due. */
  readonly #waiting: Map<Deadline, number> = new Map();
  /** How many of them keep the process alive. */
  #refs = 0;
  #timer: Timer | null = null;
  #isTimerRefed = true;
  /** What is due by then is due when the timer runs out. */
  #timerAt = 0;
  #isRunning = false;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  add(deadline: Deadline, refed: boolean): void {
    const at = performance.now() + this.#milliseconds;
    this.#waiting.set(deadline, at);
    if (this.#timer === null && !this.#isRunning) this.#arm(at, this.#milliseconds);
    this.count(refed ? 1 : 0);
  }

  delete(deadline: Deadline, refed: boolean): void {
    this.#waiting.delete(deadline);
    if (this.#waiting.size === 0) this.#end();
    else this.count(refed ? -1 : 0);
  }

  /** This many more keep the process alive. */
  count(refs: number): void {
    this.#refs += refs;
    const refed = this.#refs > 0;
    if (refed === this.#isTimerRefed) return;
    this.#isTimerRefed = refed;
    this.#timer?.[refed ? "ref" : "unref"]();
  }

  #arm(at: number, milliseconds: number): void {
    this.#timerAt = at;
    this.#timer = runtime().setTimer(this.#onTimer, milliseconds);
    if (!this.#isTimerRefed) this.#timer.unref();
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    this.#isRunning = true;
    for (const [deadline, at] of this.#waiting) {
      // What was set meanwhile is behind all others.
      if (at > this.#timerAt) break;
      try {
        deadline.runOut();
      } catch (error) {
        reportLater(error);
      }
    }
    this.#isRunning = false;
    for (const at of this.#waiting.values()) return this.#arm(at, Math.max(1, at - performance.now()));
    this.#end();
  };

  #end(): void {
    this.#timer?.clear();
    this.#timer = null;
    if (lanes.get(this.#milliseconds) === this) lanes.delete(this.#milliseconds);
  }
}

/** By their length, ms. */
const lanes = new Map<number, Lane>();

/** One at a time: setting it ends what was set before. */
export class Deadline {
  readonly #run: (step: () => void) => void;
  /** Null unless it waits. */
  #lane: Lane | null = null;
  /** Null if it is not set, and when it has been done. */
  #onTime: (() => void) | null = null;
  #sets = 0;
  #refed = true;

  /** `run` runs what is done when time is up: at once, by default, or later, in a task of its own. */
  constructor(run: (step: () => void) => void = atOnce) {
    this.#run = run;
  }

  /** Calls `onTime` after this many milliseconds. */
  set(milliseconds: number, onTime: () => void): void {
    this.clear();
    this.#sets++;
    this.#onTime = onTime;
    const length = Math.min(Math.max(1, Math.ceil(milliseconds)), LONGEST);
    let lane = lanes.get(length);
    if (lane === undefined) lanes.set(length, lane = new Lane(length));
    this.#lane = lane;
    lane.add(this, this.#refed);
  }

  /** As {@linkcode set}; 0 stands for no limit. */
  limit(milliseconds: number, onTime: () => void): void {
    if (milliseconds === 0) this.clear();
    else this.set(milliseconds, onTime);
  }

  clear(): void {
    this.#onTime = null;
    this.#leave();
  }

  /** Whether it keeps the process alive; it does by default. */
  setRef(refed: boolean): void {
    if (this.#refed === refed) return;
    this.#refed = refed;
    this.#lane?.count(refed ? 1 : -1);
  }

  /** Time is up: its lane calls this. */
  runOut(): void {
    this.#leave();
    const set = this.#sets;
    this.#run(() => {
      // It may have been set anew, or cleared, by the time it is run.
      if (set !== this.#sets) return;
      const onTime = this.#onTime;
      this.#onTime = null;
      onTime?.();
    });
  }

  #leave(): void {
    const lane = this.#lane;
    this.#lane = null;
    lane?.delete(this, this.#refed);
  }
}
