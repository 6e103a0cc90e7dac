/** A clock and a waiter that a test moves by hand, with a kernel, and sources that write down what they were told. */
import { assert } from "@std/assert";
import type { CurlWebSocketError } from "../../src/errors.ts";
import { ConnectBudget } from "../../src/platform/fair_queue.ts";
import type { Timer } from "../../src/platform/runtime.ts";
import type { Clock } from "../../src/reactor/clock.ts";
import { Reactor } from "../../src/reactor/reactor.ts";
import { READABLE } from "../../src/reactor/readiness.ts";
import type { Source } from "../../src/reactor/source.ts";
import type { Gate, Interests, WaitDone, Waiter } from "../../src/reactor/waiter.ts";
import { must } from "./must.ts";
import { ScriptedGate, ScriptedKernel } from "./scripted_kernel.ts";

interface ScriptedTimer extends Timer {
  readonly at: number;
  readonly fn: () => void;
  refed: boolean;
}

/** Time stands still, and no task runs, unless the test says so. */
export class ScriptedClock implements Clock {
  time = 1_000;
  readonly tasks: (() => void)[] = [];
  /** Microtasks that a reactor has asked for. */
  readonly jobs: (() => void)[] = [];
  timers: ScriptedTimer[] = [];
  /** What was thrown in a task. */
  readonly uncaught: unknown[] = [];
  /** What the microtasks do that a checkpoint runs; and whether there are checkpoints. */
  microtasks: (() => void)[] = [];
  hasCheckpoints = true;

  now(): number {
    return this.time;
  }

  setTimer(fn: () => void, milliseconds: number): Timer {
    const timer: ScriptedTimer = {
      at: this.time + milliseconds,
      fn,
      refed: true,
      clear: () => this.timers = this.timers.filter((other) => other !== timer),
      ref: () => timer.refed = true,
      unref: () => timer.refed = false,
    };
    this.timers.push(timer);
    return timer;
  }

  defer(fn: () => void): void {
    this.tasks.push(fn);
  }

  checkpoint(): boolean {
    if (this.hasCheckpoints) { for (const microtask of this.microtasks.splice(0)) microtask(); }
    return this.hasCheckpoints;
  }

  /** It comes when the script goes on: before the next task or timer. */
  microtask(fn: () => void): void {
    this.jobs.push(fn);
  }

  #runJobs(): void {
    for (const job of this.jobs.splice(0)) job();
  }

  /** One turn of the event loop: runs the tasks that wait now. Returns how many those were. */
  turn(): number {
    this.#runJobs();
    const tasks = this.tasks.splice(0);
    for (const task of tasks) {
      try {
        task();
      } catch (error) {
        this.uncaught.push(error);
      }
    }
    return tasks.length;
  }

  /** Turns of the event loop until no task waits: 100 at most. */
  settle(): void {
    for (let turns = 0; this.turn() > 0 || this.jobs.length > 0; turns++) assert(turns < 100, "the tasks have no end");
  }

  /** Lets time pass; timers that are due fire, then tasks run. */
  pass(milliseconds: number): void {
    this.#runJobs();
    this.time += milliseconds;
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    for (const { fn } of due.sort((a, b) => a.at - b.at)) fn();
  }

  /** In how many milliseconds which timers fire. */
  get timersIn(): number[] {
    return this.timers.map(({ at }) => at - this.time);
  }
}

/** A waiter whose waits the test ends. Whatever is called when it may not be fails the test. */
export class ScriptedWaiter implements Waiter {
  readonly log: string[];
  readonly hasThread: boolean = true;
  canStand = false;
  /** Where its thread stands. */
  standing: Gate | null = null;
  isOpen = false;
  refed = false;
  /** The wait that is out: the sockets as they were when it began. */
  out:
    | {
      /** What it was given, one of them. */
      readonly interests: Interests | null;
      readonly gate: ScriptedGate | null;
      /** At a gate: as they are now. */
      readonly sockets: ReadonlyMap<number, number>;
      readonly done: WaitDone;
    }
    | null = null;
  /** What the next look finds. */
  ready: ReadonlyMap<number, number> = new Map();
  /** What the next call of each of these methods throws. */
  readonly throws: Partial<Record<"open" | "wait" | "look" | "wake", CurlWebSocketError>> = {};
  #woken = false;
  #found: ReadonlyMap<number, number> = new Map();

  constructor(log: string[] = []) {
    this.log = log;
  }

  open(): void {
    this.#call("open");
    this.isOpen = true;
  }

  wait(interests: Interests, done: WaitDone): void {
    must(this.isOpen && this.out === null, "a wait began while it may not");
    this.#call("wait");
    must(this.standing === null, "a poll began while the thread stands");
    this.#woken = false;
    const sockets = new Map([...interests].map(([fd, { events }]) => [fd, events]));
    this.out = { interests, gate: null, sockets, done };
  }

  waitAt(gate: Gate, done: WaitDone): boolean {
    must(this.canStand && this.isOpen && this.out === null, "a wait began at a gate while it may not");
    must(gate instanceof ScriptedGate, "not one of the kernel's gates");
    must(this.standing === null || this.standing === gate, "the thread stands at another gate");
    this.#call("wait");
    this.standing = gate;
    if (!gate.open()) return false;
    this.#woken = false;
    this.out = { interests: null, gate: gate as ScriptedGate, sockets: (gate as ScriptedGate).members, done };
    return true;
  }

  look(interests: Interests): void {
    must(this.isOpen && this.out === null, "looked while it may not");
    this.#call("look");
    this.#found = new Map([...this.ready].filter(([fd]) => interests.has(fd)));
  }

  collect(ready: (fd: number, events: number) => void): void {
    const found = this.#found;
    this.#found = new Map();
    for (const [fd, events] of found) ready(fd, events);
  }

  wake(): void {
    must(this.isOpen && !this.#woken, "woken though it is closed, or twice");
    this.#call("wake");
    this.#woken = true;
  }

  ref(): void {
    this.refed = true;
  }

  unref(): void {
    this.refed = false;
  }

  stop(): boolean {
    if (this.out !== null && this.out.gate === null) return false;
    this.out = this.standing = null;
    return true;
  }

  close(): void {
    must(this.isOpen && this.out === null && this.standing === null, "closed while it may not be");
    this.log.push("close");
    this.isOpen = false;
  }

  #call(method: "open" | "wait" | "look" | "wake"): void {
    this.log.push(method);
    const error = this.throws[method];
    delete this.throws[method];
    if (error !== undefined) throw error;
  }

  get isWoken(): boolean {
    return this.out !== null && this.#woken;
  }

  /** The numbers that the wait that is out was given. */
  get fds(): number[] {
    return [...this.out!.sockets.keys()];
  }

  /** The wait returns: these sockets are ready, to be read if they are numbers alone; or it has failed. */
  end(
    ready: readonly (number | readonly [fd: number, events: number])[] = [],
    error: CurlWebSocketError | null = null,
  ) {
    const { done, sockets, gate } = this.out!;
    this.out = null;
    if (gate !== null && !this.#woken) gate.isOpen = false;
    const found = ready.map((entry) => typeof entry === "number" ? [entry, READABLE] as const : entry);
    this.#found = new Map(found.filter(([fd]) => sockets.has(fd)));
    done(error);
  }
}

/** A source that writes its turns into a log, as `name fd`, and its end as `name code`. */
export class ScriptedSource implements Source {
  readonly name: string;
  readonly log: string[];
  isConnecting = false;
  /** What it does in a turn; returns whether it wants another one. */
  act: (fd: number, events: number) => boolean | void;

  constructor(name: string, log: string[], act: (fd: number, events: number) => boolean | void = () => {}) {
    this.name = name;
    this.log = log;
    this.act = act;
  }

  onReady(fd: number, events: number): boolean {
    this.log.push(`${this.name} ${fd}`);
    return this.act(fd, events) ?? false;
  }

  onReactorError({ code }: CurlWebSocketError): void {
    this.log.push(`${this.name} ${code}`);
  }
}

/** A reactor, and all that it was given. */
export class Scripted {
  readonly clock: ScriptedClock;
  /** Calls of the waiter, and what was closed of the kernel. */
  readonly calls: string[] = [];
  readonly waiter: ScriptedWaiter = new ScriptedWaiter(this.calls);
  readonly kernel: ScriptedKernel = new ScriptedKernel(this.waiter, this.calls);
  /** What the sources were told. */
  readonly log: string[];
  lost = 0;
  readonly reactor: Reactor;

  constructor(clock: ScriptedClock = new ScriptedClock(), log: string[] = []) {
    this.clock = clock;
    this.log = log;
    this.reactor = new Reactor(this.waiter, clock, this.kernel, new ConnectBudget(clock), () => this.lost++);
  }

  /** Attaches a source, with these sockets to be read. */
  source(
    name: string,
    fds: readonly number[],
    act?: (fd: number, events: number) => boolean | void,
    maxDelay?: number,
  ): ScriptedSource {
    const source = new ScriptedSource(name, this.log, act);
    this.reactor.attach(source, maxDelay);
    for (const fd of fds) this.reactor.watch(fd, source, READABLE);
    return source;
  }

  /** Attaches a source that connects, whose steps take so long, ms. */
  connecting(name: string, fd: number, takes: number): ScriptedSource {
    const source = this.source(name, [fd], () => void (this.clock.time += takes));
    source.isConnecting = true;
    return source;
  }

  /** The wait is woken and goes on with the sockets that are watched now. */
  rest(): void {
    this.clock.settle();
    while (this.waiter.isWoken) {
      this.waiter.end();
      this.clock.settle();
    }
    this.calls.length = this.log.length = 0;
  }
}

/** A reactor that stands at a gate, whose source `a` watches these sockets. */
export function standing(fds: readonly number[]): Scripted {
  const scripted = new Scripted();
  scripted.kernel.hasQueues = scripted.waiter.canStand = true;
  scripted.source("a", fds);
  scripted.rest();
  return scripted;
}

/** A reactor whose source `a` watches nine sockets, which a kernel queue takes. */
export function queued(): Scripted {
  const scripted = new Scripted();
  scripted.kernel.hasQueues = true;
  scripted.source("a", Array.from({ length: 9 }, (_, i) => i + 1));
  scripted.rest();
  return scripted;
}
