/**
 * One turn at a time, of all reactors of a thread. Their sources read into one buffer, so no turn may begin inside
 * another: and a turn lets microtasks run, which may bring the end of another reactor's wait, and handlers may run an
 * event loop.
 */
import type { Clock } from "./clock.ts";

let turning = false;
/** What came meanwhile. */
const postponed: { readonly clock: Clock; readonly step: () => void }[] = [];

/** Whether a turn of any reactor of this thread is under way. */
export function isTurning(): boolean {
  return turning;
}

/** Runs `step` in a task after the turn that is under way; another turn may be under way then, so it has to ask again. */
export function postpone(clock: Clock, step: () => void): void {
  postponed.push({ clock, step });
}

/** A turn begins; none is under way. */
export function beginTurn(): void {
  turning = true;
}

/** The turn that is under way ends. */
export function endTurn(): void {
  turning = false;
  if (postponed.length === 0) return;
  for (const { clock, step } of postponed.splice(0)) clock.defer(step);
}
