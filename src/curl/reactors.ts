/** The reactors of a thread: one a libcurl, since the thread that waits calls into that libcurl. */
import type { ReactorStats } from "../observe/statistics.ts";
import { connectBudget } from "../platform/fair_queue.ts";
import { PollBell } from "../platform/poll_bell.ts";
import { runtime } from "../platform/runtime.ts";
import type { Clock } from "../reactor/clock.ts";
import { gateTake, systemKernel } from "../reactor/kernel.ts";
import { Reactor } from "../reactor/reactor.ts";
import { RingWaiter } from "../reactor/ring_waiter.ts";
import type { Curl } from "./library.ts";
import { MultiWaiter } from "./multi_waiter.ts";

/** The thread's own: the runtime's timers and tasks. */
const clock: Clock = {
  now: () => performance.now(),
  setTimer: (fn, milliseconds) => runtime().setTimer(fn, milliseconds),
  defer: (fn) => runtime().defer(fn),
  checkpoint: () => runtime().checkpoint(),
  microtask: (fn) => queueMicrotask(fn),
};

const reactors = new Map<Curl, Reactor>();

/** Returns this thread's reactor for a library, which the first call makes. A reactor that was lost is replaced. */
export function reactorOf(curl: Curl): Reactor {
  let reactor = reactors.get(curl);
  if (reactor === undefined) {
    const onLost = () => reactors.delete(curl);
    const waiter = new RingWaiter(new MultiWaiter(curl, gateTake()), PollBell.open, clock.defer);
    const made = reactor = new Reactor(waiter, clock, systemKernel, connectBudget, onLost);
    reactors.set(curl, made);
    runtime().onThreadEnd(() => made.end());
  }
  return reactor;
}

/** This thread's reactors. */
export function allReactors(): Iterable<Reactor> {
  return reactors.values();
}

/**
 * How this thread waits, for all of its connections together. A process that is idle has no more wake-ups and turns from
 * one call to the next.
 *
 * ```ts
 * import { reactorStats } from "@curlws/curlws";
 *
 * const { connections, wakeups, turns } = reactorStats();
 * console.log(`${connections} connections, ${wakeups} wake-ups, ${turns} turns`);
 * ```
 */
export function reactorStats(): ReactorStats {
  const sum = { sockets: 0, connections: 0, polls: 0, wakeups: 0, looks: 0, turns: 0, timers: 0, moderations: 0 };
  let hasThread = false;
  for (const reactor of allReactors()) {
    sum.sockets += reactor.sockets;
    sum.connections += reactor.connections;
    sum.polls += reactor.polls;
    sum.wakeups += reactor.wakeups;
    sum.looks += reactor.looks;
    sum.turns += reactor.turns;
    sum.timers += reactor.timers;
    sum.moderations += reactor.moderations;
    hasThread ||= reactor.hasThread;
  }
  return Object.freeze({ ...sum, hasThread });
}
