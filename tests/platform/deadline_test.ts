import { assertEquals } from "@std/assert";
import "../../runtimes/mod.ts";
import { Deadline } from "../../src/platform/deadline.ts";
import { runtime, setRuntime, type Timer } from "../../src/platform/runtime.ts";
import { test } from "../support/testing.ts";

/** A timer that the test lets run out. */
class TestTimer implements Timer {
  readonly milliseconds: number;
  readonly #fn: () => void;
  refed = true;
  cleared = false;

  constructor(fn: () => void, milliseconds: number) {
    this.#fn = fn;
    this.milliseconds = milliseconds;
  }

  runOut(): void {
    if (!this.cleared) this.#fn();
  }
  clear(): void {
    this.cleared = true;
  }
  ref(): void {
    this.refed = true;
  }
  unref(): void {
    this.refed = false;
  }
}

/** Runs the body with a clock that it moves: `timers` are those that were set, in order. */
function withTimers(body: (deadline: Deadline, timers: TestTimer[]) => void): void {
  const real = runtime(), timers: TestTimer[] = [];
  setRuntime({
    ...real,
    setTimer(fn: () => void, milliseconds: number): Timer {
      const timer = new TestTimer(fn, milliseconds);
      timers.push(timer);
      return timer;
    },
  });
  try {
    body(new Deadline(), timers);
  } finally {
    setRuntime(real);
  }
}

test("it calls when the time is over, and can be set again from there", () =>
  withTimers((deadline, timers) => {
    const calls: string[] = [];
    deadline.set(50, () => {
      calls.push("first");
      deadline.set(70, () => calls.push("second"));
    });
    timers[0]!.runOut();
    assertEquals([calls, timers[1]!.cleared], [["first"], false]);
    timers[1]!.runOut();
    assertEquals([calls, timers.map(({ milliseconds }) => milliseconds)], [["first", "second"], [50, 70]]);
  }));

test("what is set ends what was set before; clear() ends it, any number of times", () =>
  withTimers((deadline, timers) => {
    const calls: string[] = [];
    deadline.clear();
    deadline.set(1, () => calls.push("first"));
    deadline.set(2, () => calls.push("second"));
    assertEquals(timers.map(({ cleared }) => cleared), [true, false]);
    deadline.clear();
    deadline.clear();
    for (const timer of timers) timer.runOut();
    assertEquals(calls, []);
  }));

test("limit(): 0 is no limit, and ends what was set", () =>
  withTimers((deadline, timers) => {
    deadline.limit(0, () => {});
    assertEquals(timers.length, 0);
    deadline.limit(5, () => {});
    deadline.limit(0, () => {});
    assertEquals(timers.map(({ milliseconds, cleared }) => [milliseconds, cleared]), [[5, true]]);
  }));

test("a time that no timer can hold is the longest one", () =>
  withTimers((deadline, timers) => {
    for (const milliseconds of [2 ** 31 - 1, 2 ** 31, 1e15, Infinity]) deadline.set(milliseconds, () => {});
    assertEquals(new Set(timers.map(({ milliseconds }) => milliseconds)), new Set([2 ** 31 - 1]));
  }));

test("setRef holds for the timer that runs, and for those to come", () =>
  withTimers((deadline, timers) => {
    deadline.set(1, () => {});
    deadline.setRef(false);
    deadline.set(2, () => {});
    assertEquals(timers.map(({ refed }) => refed), [false, false]);
    deadline.setRef(true);
    deadline.set(3, () => {});
    assertEquals(timers.map(({ refed }) => refed), [false, true, true]);
    deadline.clear();
    deadline.setRef(false);
    assertEquals(timers[2]!.refed, true);
  }));

test("what is done when time is up can be put off; until it is done, it can be cleared or set anew", () => {
  const steps: (() => void)[] = [];
  withTimers((_, timers) => {
    const deadline = new Deadline((step) => void steps.push(step)), done: string[] = [];
    const next = () => steps.shift()?.();
    deadline.set(10, () => done.push("first"));
    timers[0]!.runOut();
    assertEquals(done, []);
    next();
    assertEquals(done.splice(0), ["first"]);
    deadline.set(10, () => done.push("cleared"));
    timers[1]!.runOut();
    deadline.clear();
    next();
    deadline.set(10, () => done.push("replaced"));
    timers[2]!.runOut();
    deadline.set(20, () => done.push("second"));
    next();
    assertEquals([done, steps.length], [[], 0]);
    timers[3]!.runOut();
    next();
    assertEquals(done, ["second"]);
  });
});

/** Lets the time go on by which a deadline is due; it is not exact. */
const pass = () => {
  const from = performance.now();
  while (performance.now() - from < 0.05);
};

test("deadlines of one length share a timer; it runs out again for those that were set later", () =>
  withTimers((first, timers) => {
    const second = new Deadline(), third = new Deadline(), calls: string[] = [];
    first.set(50, () => calls.push("first"));
    pass();
    second.set(50, () => calls.push("second"));
    third.set(50, () => calls.push("third"));
    assertEquals(timers.length, 1);
    timers[0]!.runOut();
    assertEquals([calls, timers.length], [["first"], 2]);
    second.clear();
    assertEquals(timers[1]!.cleared, false);
    pass();
    timers[1]!.runOut();
    // The next one was set after the one that this timer was for.
    if (timers.length === 3) timers[2]!.runOut();
    assertEquals(calls, ["first", "third"]);
    first.set(50, () => calls.push("again"));
    first.clear();
    assertEquals(timers.at(-1)!.cleared, true);
  }));

test("a timer that is shared keeps the process alive as long as one of those does that wait for it", () =>
  withTimers((first, timers) => {
    const second = new Deadline();
    first.set(60, () => {});
    second.setRef(false);
    second.set(60, () => {});
    first.setRef(false);
    assertEquals(timers[0]!.refed, false);
    second.setRef(true);
    assertEquals(timers[0]!.refed, true);
    second.clear();
    assertEquals([timers[0]!.refed, timers[0]!.cleared], [false, false]);
    first.clear();
    assertEquals([timers.length, timers[0]!.cleared], [1, true]);
  }));

test("what one of them does may end and set the others; what it throws does not keep them from their time", async () => {
  const uncaught: unknown[] = [];
  const real = runtime();
  withTimers((first, timers) => {
    const calls: string[] = [];
    // All are due at one time.
    const now = performance.now;
    performance.now = () => 1_000;
    try {
      const [second, third, fourth] = [new Deadline(), new Deadline(), new Deadline()];
      setRuntime({
        ...runtime(),
        defer: (fn: () => void) => {
          try {
            fn();
          } catch (error) {
            uncaught.push(error);
          }
        },
      });
      first.set(70, () => {
        second.clear();
        third.set(80, () => calls.push("third"));
        throw new Error("its own");
      });
      second.set(70, () => calls.push("second"));
      third.set(70, () => calls.push("early"));
      fourth.set(70, () => calls.push("fourth"));
      timers[0]!.runOut();
      assertEquals([calls, timers.map(({ milliseconds }) => milliseconds)], [["fourth"], [70, 80]]);
      timers[1]!.runOut();
      assertEquals(calls, ["fourth", "third"]);
    } finally {
      performance.now = now;
    }
  });
  await Promise.resolve();
  assertEquals(uncaught.map((error) => (error as Error).message), ["its own"]);
  assertEquals(runtime() === real, true);
});
