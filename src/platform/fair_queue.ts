/** Many connections that a program opens at once: each costs libcurl a fraction of a millisecond, the event loop goes on between. */
import { reportLater, runtime } from "./runtime.ts";

/** How long one turn of the event loop may be kept, ms. */
const BUDGET = 3;

const waiting: (() => void)[] = [];
let scheduled = false;

function run(): void {
  const end = performance.now() + BUDGET;
  let done = 0;
  while (done < waiting.length && (done === 0 || performance.now() < end)) {
    const start = waiting[done++]!;
    try {
      start();
    } catch (error) {
      // Those behind it are other connections.
      reportLater(error);
    }
  }
  waiting.splice(0, done);
  scheduled = waiting.length > 0;
  if (scheduled) runtime().defer(run);
}

/** Runs `start` in a task to come, in its order. What it throws is reported as an uncaught error, and stops nothing else. */
export function paced(start: () => void): void {
  waiting.push(start);
  if (scheduled) return;
  scheduled = true;
  runtime().defer(run);
}
