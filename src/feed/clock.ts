/** What a feed takes of the world: the time and chance. Handed in, so that tests are exact. */
import { runtime, type Timer } from "../platform/runtime.ts";

export interface FeedClock {
  /** Monotonic, ms. */
  now(): number;
  /** The time of day, epoch ms. */
  date(): number;
  /** From 0 to 1, without 1. */
  random(): number;
  setTimer(fn: () => void, milliseconds: number): Timer;
  /** Runs `fn` in a task of its own. */
  defer(fn: () => void): void;
}

export const systemClock: FeedClock = {
  now: () => performance.now(),
  date: () => Date.now(),
  random: () => Math.random(),
  setTimer: (fn, milliseconds) => runtime().setTimer(fn, milliseconds),
  defer: (fn) => runtime().defer(fn),
};
