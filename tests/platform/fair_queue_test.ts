import { assertEquals } from "@std/assert";
import "../../runtimes/mod.ts";
import { ConnectBudget, FairQueue, type LoopTime, paced } from "../../src/platform/fair_queue.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

/** An event loop that the test turns, and whose time the steps let pass. */
class ScriptedLoop implements LoopTime {
  time = 1_000;
  #tasks: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  defer(fn: () => void): void {
    this.#tasks.push(fn);
  }

  readonly timers: (() => void)[] = [];

  setTimer(fn: () => void): void {
    this.timers.push(fn);
  }

  /** Runs the tasks that wait now. */
  turn(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
  }

  get isIdle(): boolean {
    return this.#tasks.length === 0;
  }
}

/** A queue whose steps take some milliseconds each, and the log that they write. */
function scripted(): {
  loop: ScriptedLoop;
  budget: ConnectBudget;
  queue: FairQueue;
  add: (name: string, takes: number) => void;
  log: string[];
} {
  const loop = new ScriptedLoop(), budget = new ConnectBudget(loop), queue = new FairQueue(loop, budget);
  const log: string[] = [];
  const add = (name: string, takes: number) =>
    queue.add(() => {
      log.push(name);
      loop.time += takes;
    });
  return { loop, budget, queue, add, log };
}

test("what is paced runs in a later task, in order, with what it adds behind", async () => {
  const order: string[] = [];
  const done = Promise.withResolvers<void>();
  paced(() => {
    order.push("first");
    paced(() => {
      order.push("added");
      done.resolve();
    });
  });
  paced(() => void order.push("second"));
  order.push("the caller");
  queueMicrotask(() => order.push("a microtask"));
  await done.promise;
  assertEquals(order, ["the caller", "a microtask", "first", "second", "added"]);
});

test("steps have 3 ms of a turn of the event loop: the last one may take longer", () => {
  const { loop, add, log } = scripted();
  for (const [name, takes] of [["a", 1], ["b", 1.5], ["c", 9], ["d", 3], ["e", 1]] as const) add(name, takes);
  assertEquals(log, []);
  loop.turn();
  assertEquals(log.splice(0), ["a", "b", "c"]);
  loop.turn();
  assertEquals(log.splice(0), ["d"]);
  loop.turn();
  assertEquals(log, ["e"]);
  loop.turn();
  assertEquals(loop.isIdle, true);
});

test("whoever has taken the time before leaves one step a turn to the queue, and all of the next turn", () => {
  const { loop, budget, add, log } = scripted();
  assertEquals(budget.allows(), true);
  loop.time += 2;
  assertEquals(budget.allows(), true);
  loop.time += 1;
  assertEquals(budget.allows(), false);
  for (const name of ["a", "b", "c"]) add(name, 1);
  // The budget is new from the task on that it has put off to this turn, which comes before the queue's.
  loop.turn();
  assertEquals(log.splice(0), ["a", "b", "c"]);
  add("d", 3);
  add("e", 1);
  loop.turn();
  assertEquals([log.splice(0), budget.allows()], [["d"], false]);
  loop.turn();
  assertEquals(log, ["e"]);
});

test("a step is taken in each turn, even if somebody else always takes the time first", () => {
  const { loop, budget, add, log } = scripted();
  for (const name of ["a", "b", "c"]) add(name, 1);
  for (const expected of [["a"], ["a", "b"], ["a", "b", "c"]]) {
    budget.allows();
    loop.time += 5;
    const time = loop.time;
    loop.turn();
    assertEquals([log, loop.time - time], [expected, 1]);
  }
});

test("what throws is reported as uncaught, and those behind it go on", async () => {
  const pacer = new URL("../../src/platform/fair_queue.ts", import.meta.url).href;
  const output = await runScript(
    "",
    `const { paced } = await import(${JSON.stringify(pacer)});
    const { default: process } = await import("node:process");
    const lines = [];
    process.on("uncaughtException", (error) => lines.push("caught " + error.message));
    const done = new Promise((resolve) => {
      paced(() => { lines.push("first"); throw new Error("a fault"); });
      paced(() => lines.push("second"));
      setTimeout(() => paced(() => { lines.push("later"); resolve(); }), 10);
    });
    await done;
    console.log(lines.sort().join(", "));`,
  );
  assertEquals(output, "caught a fault, first, later, second");
});

test("attempts that have begun go first; in one turn or the next another is started all the same", () => {
  const { loop, budget, queue, add, log } = scripted();
  const start = (name: string, steps: number) =>
    queue.addStart(() => {
      log.push(`start ${name}`);
      for (let i = 1; i <= steps; i++) add(`${name} ${i}`, 1.5);
    });
  for (const name of ["a", "b", "c"]) start(name, 1);
  loop.turn();
  assertEquals(log.splice(0), ["start a", "a 1", "start b", "b 1"]);
  loop.turn();
  assertEquals(log.splice(0), ["start c", "c 1"]);
  // A reactor has steps that wait for time.
  const reactor = {};
  budget.setWaiting(reactor, true);
  for (const name of ["d", "e", "f"]) start(name, 0);
  loop.turn();
  assertEquals(log.splice(0), ["start d"]);
  // One that takes long is alone in its turn, and a start comes in the next one at the latest.
  for (const name of ["d 1", "d 2"]) add(name, 5);
  loop.turn();
  assertEquals(log.splice(0), ["d 1"]);
  loop.turn();
  assertEquals(log.splice(0), ["start e", "d 2"]);
  budget.setWaiting(reactor, false);
  for (let name = 1; name <= 5; name++) start(`g${name}`, 0);
  loop.turn();
  assertEquals(log, ["start f", "start g1", "start g2", "start g3", "start g4", "start g5"]);
});

test("while many are under way others begin one a timer, steps go on, and then all begin", () => {
  const { loop, budget, queue, add, log } = scripted();
  budget.underway = 320;
  for (const name of ["a", "b", "c", "d"]) queue.addStart(() => void log.push(name));
  for (let turn = 0; turn < 5; turn++) loop.turn();
  assertEquals([log, loop.timers.length, loop.isIdle], [[], 1, true]);
  loop.timers.shift()!();
  add("step", 1);
  for (let turn = 0; turn < 5; turn++) loop.turn();
  assertEquals([log.splice(0).sort(), loop.timers.length, loop.isIdle], [["a", "step"], 1, true]);
  add("another", 1);
  for (let turn = 0; turn < 5; turn++) loop.turn();
  assertEquals([log.splice(0), loop.timers.length], [["another"], 1]);
  budget.underway = 319;
  loop.timers.shift()!();
  for (let turn = 0; turn < 5; turn++) loop.turn();
  assertEquals([log, loop.timers.length, loop.isIdle], [["b", "c", "d"], 0, true]);
});
