/** A timer that is set again and again, for the one thing that is waited for. */
import { runtime, type Timer } from "./runtime.ts";

/** The longest time a timer can hold. */
const LONGEST = 0x7fff_ffff;

const atOnce = (step: () => void): void => step();

/** One at a time: setting it ends what was set before. */
export class Deadline {
  readonly #run: (step: () => void) => void;
  #timer: Timer | null = null;
  #refed = true;

  /** `run` runs what is done when time is up: at once, by default, or later, in a task of its own. */
  constructor(run: (step: () => void) => void = atOnce) {
    this.#run = run;
  }

  /** Calls `onTime` after this many milliseconds. */
  set(milliseconds: number, onTime: () => void): void {
    this.clear();
    const onTimer = () => {
      // It may have been set anew, or cleared, by the time it is run.
      if (this.#timer !== timer) return;
      this.#timer = null;
      onTime();
    };
    const timer = runtime().setTimer(() => this.#run(onTimer), Math.min(milliseconds, LONGEST));
    this.#timer = timer;
    if (!this.#refed) timer.unref();
  }

  /** As {@linkcode set}; 0 stands for no limit. */
  limit(milliseconds: number, onTime: () => void): void {
    if (milliseconds === 0) this.clear();
    else this.set(milliseconds, onTime);
  }

  clear(): void {
    this.#timer?.clear();
    this.#timer = null;
  }

  /** Whether it keeps the process alive; it does by default. */
  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#timer?.[refed ? "ref" : "unref"]();
  }
}
