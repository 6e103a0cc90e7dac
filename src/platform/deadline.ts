/** A timer that is set again and again, for the one thing that is waited for. */
import { runtime, type Timer } from "./runtime.ts";

/** The longest time a timer can hold. */
const LONGEST = 0x7fff_ffff;

/** One at a time: setting it ends what was set before. */
export class Deadline {
  #timer: Timer | null = null;
  #refed = true;

  /** Calls `onTime` after this many milliseconds. */
  set(milliseconds: number, onTime: () => void): void {
    this.clear();
    this.#timer = runtime().setTimer(() => {
      this.#timer = null;
      onTime();
    }, Math.min(milliseconds, LONGEST));
    if (!this.#refed) this.#timer.unref();
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
