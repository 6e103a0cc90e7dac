/** Time, and tasks to come, as a reactor needs them. Handed in, so that tests are exact. */
import type { Timer } from "../platform/runtime.ts";

/** The thread's time and its event loop. */
export interface Clock {
  /** Milliseconds since some moment; it never goes back. */
  now(): number;
  /** Calls `fn` once, `milliseconds` from now or somewhat later. */
  setTimer(fn: () => void, milliseconds: number): Timer;
  /** Runs `fn` in a task of its own, after the event loop has had a turn. What it throws is an uncaught error. */
  defer(fn: () => void): void;
  /**
   * Runs all microtasks that wait, as a runtime does between two tasks. Returns false if it cannot: then the caller has
   * to {@linkcode defer} what follows.
   */
  checkpoint(): boolean;
  /** Runs `fn` in a microtask, behind those that wait; as a checkpoint would, where there is none. */
  microtask(fn: () => void): void;
}

/** Runs a step that others do not depend on: what it throws is an uncaught error, in a task of its own, and they go on. */
export function apart(clock: Clock, step: () => void): void {
  try {
    step();
  } catch (error) {
    clock.defer(() => {
      throw error;
    });
  }
}
