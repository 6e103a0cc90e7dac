/** The look that is to come without a wait before it: in a task of its own, or from a timer. */
import type { Timer } from "../platform/runtime.ts";
import type { Clock } from "./clock.ts";
import { isTurning, postpone } from "./turn_guard.ts";

/** It is planned by a reactor that does not wait; a look inside a turn of any reactor is postponed. */
export class PlannedLook {
  readonly #clock: Clock;
  readonly #look: (timed: boolean) => void;
  #timer: Timer | null = null;
  #deferred = false;

  /** `look` is called when it is due and no turn is under way: `timed` if a timer brought it. */
  constructor(clock: Clock, look: (timed: boolean) => void) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Whether one is to come. Only one may be planned. */
  get isPlanned(): boolean {
    return this.#deferred || this.#timer !== null;
  }

  /** Plans one for a task to come, after the event loop has had its turn. */
  soon(): void {
    this.#deferred = true;
    this.#clock.defer(this.#onTask);
  }

  /** Plans one for so many milliseconds from now; until then it keeps the process alive if `refed`. */
  after(milliseconds: number, refed: boolean): void {
    this.#timer = this.#clock.setTimer(this.#onTimer, milliseconds);
    if (!refed) this.#timer.unref();
  }

  /** Whether a timer keeps the process alive. */
  setRef(refed: boolean): void {
    this.#timer?.[refed ? "ref" : "unref"]();
  }

  /** Gives up the one that is to come from a timer. Returns whether there was one. */
  cancelTimer(): boolean {
    if (this.#timer === null) return false;
    this.#timer.clear();
    this.#timer = null;
    return true;
  }

  readonly #onTask = (): void => {
    if (isTurning()) return postpone(this.#clock, this.#onTask);
    this.#deferred = false;
    this.#look(false);
  };

  readonly #onTimer = (): void => {
    const timer = this.#timer;
    // By then it may have been given up, and another one be set.
    if (isTurning()) return postpone(this.#clock, () => timer === this.#timer && this.#onTimer());
    this.#timer = null;
    this.#look(true);
  };
}
