/**
 * Wall clock with a fraction of a millisecond that two processes on one machine agree on: `performance.now()` is lined
 * up with the ticks of `Date.now()` once, because runtimes round `performance.timeOrigin` differently.
 */
function calibrate(): number {
  let best = -Infinity;
  for (let i = 0; i < 8; i++) {
    const before = Date.now();
    let tick = before;
    while (tick === before) tick = Date.now();
    best = Math.max(best, tick - performance.now());
  }
  return best;
}

const offset = calibrate();

/** Epoch milliseconds with a fraction. */
export function epochNow(): number {
  return performance.now() + offset;
}
