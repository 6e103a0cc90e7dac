/** Who gets a turn when, by a scripted waiter and a scripted clock: each test is exact. */
import { assertEquals } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/reactor/readiness.ts";
import { test } from "../support/testing.ts";
import { Scripted, ScriptedClock, ScriptedSource } from "./scripted.ts";

// Waiting and waking

test("a source waits for its socket, and has a turn when that is ready", () => {
  const { reactor, waiter, calls, log, ...scripted } = new Scripted();
  assertEquals(calls, []);
  const source = new ScriptedSource("a", log);
  reactor.attach(source);
  assertEquals(calls, ["open", "wait"]);
  reactor.watch(1, source, READABLE);
  assertEquals(calls, ["open", "wait", "wake"]);
  waiter.end();
  assertEquals([calls.at(-1), waiter.fds, log], ["wait", [1], []]);
  waiter.end([1]);
  assertEquals([calls.slice(3), waiter.fds, log], [["wait", "wait"], [1], ["a 1"]]);
  assertEquals([reactor.polls, reactor.wakeups, reactor.turns, reactor.looks, reactor.timers], [3, 2, 2, 0, 0]);
  assertEquals([reactor.connections, reactor.sockets], [1, 1]);
  assertEquals(scripted.clock.tasks, []);
});

test("a wait is woken once, however much changes, and only by what changes it", () => {
  const scripted = new Scripted(), { reactor, waiter, calls } = scripted;
  const source = scripted.source("a", [1, 2]);
  scripted.rest();
  reactor.watch(1, source, READABLE);
  reactor.watch(9, source, 0);
  assertEquals(calls, []);
  reactor.watch(1, source, READABLE | WRITABLE);
  reactor.watch(2, source, 0);
  reactor.watch(3, source, WRITABLE);
  assertEquals(calls, ["wake"]);
  waiter.end();
  assertEquals([...waiter.out!.sockets], [[1, READABLE | WRITABLE], [3, WRITABLE]]);
});

test("what is watched during a turn wakes nothing, and is waited for afterwards", () => {
  const scripted = new Scripted(), { reactor, waiter, calls } = scripted;
  const source = scripted.source("a", [1]);
  source.act = () => reactor.watch(1, source, READABLE | WRITABLE);
  scripted.rest();
  waiter.end([1]);
  assertEquals(calls, ["wait"]);
  assertEquals([...waiter.out!.sockets], [[1, READABLE | WRITABLE]]);
});

test("a wait keeps the process alive while a source is that does", () => {
  const { reactor, waiter, log } = new Scripted();
  const one = new ScriptedSource("one", log), other = new ScriptedSource("other", log);
  reactor.attach(one);
  reactor.attach(other);
  assertEquals(waiter.refed, true);
  reactor.setRef(one, false);
  reactor.setRef(one, false);
  assertEquals(waiter.refed, true);
  reactor.setRef(other, false);
  assertEquals(waiter.refed, false);
  reactor.setRef(one, true);
  assertEquals(waiter.refed, true);
  reactor.detach(one);
  assertEquals(waiter.refed, false);
});

// The order of turns

test("ready sockets have their turns in their order, and then those that want another one", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
  const [a] = ["a", "b", "c"].map((name, i) => scripted.source(name, [i + 1]));
  scripted.rest();
  reactor.again(a!, 1, READABLE);
  waiter.end();
  assertEquals(log, []);
  waiter.ready = new Map([[3, READABLE], [2, READABLE]]);
  clock.turn();
  assertEquals(log, ["c 3", "b 2", "a 1"]);
});

test("a socket that is ready and wants another turn has one, for both", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
  const events: number[] = [];
  const a = scripted.source("a", [1], (_fd, found) => void events.push(found));
  scripted.source("b", [2]);
  scripted.rest();
  reactor.again(a, 1, READABLE);
  waiter.end();
  waiter.ready = new Map([[1, WRITABLE]]);
  clock.turn();
  assertEquals([log, events], [["a 1"], [READABLE | WRITABLE]]);
});

test("a source that has more to do looks first what else is ready, in a task to come", () => {
  const scripted = new Scripted(), { waiter, clock, log, calls } = scripted;
  let more = 2;
  scripted.source("greedy", [1], () => more-- > 0);
  scripted.source("other", [2]);
  scripted.rest();
  waiter.end([1]);
  assertEquals([log, calls], [["greedy 1"], []]);
  waiter.ready = new Map([[2, READABLE]]);
  clock.turn();
  assertEquals([log.splice(0), calls], [["greedy 1", "other 2", "greedy 1"], ["look"]]);
  waiter.ready = new Map();
  clock.turn();
  assertEquals([log, calls], [["greedy 1"], ["look", "look", "wait"]]);
});

test("a turn ends after 5 ms: those that are left come before those that want more", () => {
  const scripted = new Scripted(), { waiter, clock, log } = scripted;
  const slow = () => {
    clock.time += 3;
    return true;
  };
  for (const [i, name] of ["a", "b", "c", "d"].entries()) scripted.source(name, [i + 1], slow);
  scripted.rest();
  waiter.end([1, 2, 3, 4]);
  assertEquals(log.splice(0), ["a 1", "b 2"]);
  clock.turn();
  assertEquals(log.splice(0), ["c 3", "d 4"]);
  clock.turn();
  assertEquals(log, ["a 1", "b 2"]);
});

test("without checkpoints each source has a task of its own", () => {
  const scripted = new Scripted(), { waiter, clock, log } = scripted;
  clock.hasCheckpoints = false;
  for (const [i, name] of ["a", "b", "c"].entries()) scripted.source(name, [i + 1]);
  scripted.rest();
  waiter.end([1, 2, 3]);
  assertEquals(log.splice(0), ["a 1"]);
  clock.turn();
  assertEquals(log.splice(0), ["b 2"]);
  clock.turn();
  assertEquals(log, ["c 3"]);
});

test("the one socket there is is read without a look, if it only waits to be read", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log, calls } = scripted;
  const source = scripted.source("a", [1]);
  scripted.rest();
  reactor.again(source, 1, READABLE);
  waiter.end();
  clock.turn();
  assertEquals([log.splice(0), calls.splice(0)], [["a 1"], ["wake", "wait"]]);
  reactor.watch(1, source, READABLE | WRITABLE);
  waiter.end();
  calls.length = 0;
  reactor.again(source, 1, READABLE);
  waiter.end();
  clock.turn();
  assertEquals([log, calls], [["a 1"], ["wake", "look", "wait"]]);
});

test("of the one socket there is nothing is asked after a wait, until one has found nothing", () => {
  const scripted = new Scripted(), { reactor, waiter, log } = scripted;
  let collected = 0, bytes = 100;
  const collect = waiter.collect.bind(waiter);
  waiter.collect = (ready) => {
    collected++;
    collect(ready);
  };
  const source = scripted.source("a", [1], () => void (reactor.turnBytes += bytes));
  scripted.rest();
  collected = 0;
  waiter.end([1]);
  waiter.end([1]);
  assertEquals([log.length, collected], [2, 0]);
  bytes = 0;
  waiter.end();
  assertEquals([log.length, collected], [3, 0]);
  waiter.end();
  assertEquals([log.length, collected], [3, 1]);
  waiter.end([1]);
  assertEquals([log.length, collected], [4, 2]);
  waiter.end([1]);
  assertEquals([log.length, collected], [5, 2]);
  // A wait that was woken says nothing of the socket.
  reactor.watch(1, source, READABLE | WRITABLE);
  reactor.watch(1, source, READABLE);
  waiter.end();
  assertEquals([log.length, collected], [5, 3]);
});

test("a source that is detached in a turn has none any more, nor has what it wanted", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
  const b = scripted.source("b", [2]);
  scripted.source("a", [1], () => {
    reactor.again(b, 2, READABLE);
    reactor.watch(2, b, 0);
    reactor.detach(b);
  });
  reactor.watch(2, b, 0);
  reactor.watch(2, b, READABLE);
  scripted.rest();
  waiter.end([1, 2]);
  clock.settle();
  assertEquals(log, ["a 1"]);
  assertEquals([reactor.connections, reactor.sockets, waiter.fds], [1, 1, [1]]);
});

test("again() during a turn is a turn in a task to come, one for all calls", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
  const events: number[] = [];
  const b = scripted.source("b", [2], (_fd, found) => void events.push(found));
  scripted.source("a", [1], () => {
    reactor.again(b, 2, READABLE);
    reactor.again(b, 2, WRITABLE);
  });
  scripted.rest();
  waiter.end([1]);
  assertEquals(log, ["a 1"]);
  clock.turn();
  assertEquals([log, events], [["a 1", "b 2"], [READABLE | WRITABLE]]);
  assertEquals(clock.tasks, []);
});

test("a socket that nobody watches any more has no turn", () => {
  const scripted = new Scripted(), { reactor, waiter, log } = scripted;
  const source = scripted.source("a", [1, 2]);
  scripted.rest();
  reactor.watch(1, source, 0);
  waiter.end([1, 2]);
  assertEquals(log, ["a 2"]);
});

test("sources see the bytes that were read in their turn alone, and whether a wait brought it", () => {
  const scripted = new Scripted(), { reactor, waiter, clock } = scripted;
  const seen: unknown[] = [];
  scripted.source("a", [1], () => {
    seen.push([reactor.turnBytes, reactor.woke, reactor.turnEnd - clock.time]);
    reactor.turnBytes += 7;
    return seen.length < 2;
  });
  scripted.rest();
  waiter.end([1]);
  clock.turn();
  assertEquals(seen, [[0, true, 5], [0, false, 5]]);
  assertEquals(reactor.woke, false);
});

// Several reactors

test("no turn begins inside the turn of another reactor: it comes in a task after it", () => {
  const clock = new ScriptedClock(), log: string[] = [];
  const one = new Scripted(clock, log), other = new Scripted(clock, log);
  one.source("one", [1], () => void clock.microtasks.push(() => (other.waiter.end([2]), log.push("microtask"))));
  one.source("next", [3]);
  other.source("other", [2]);
  one.rest();
  other.rest();
  one.waiter.end([1, 3]);
  assertEquals(log, ["one 1", "microtask", "next 3"]);
  // Its wait counts as one that is out: nothing of it may be closed.
  let closed = 0;
  other.reactor.whenUnpolled(() => closed++);
  assertEquals(closed, 0);
  clock.turn();
  assertEquals([log, closed], [["one 1", "microtask", "next 3", "other 2"], 1]);
});

test("a timer that comes inside a turn is postponed, and brings none if it was given up by then", () => {
  const clock = new ScriptedClock(), log: string[] = [];
  const one = new Scripted(clock, log), other = new Scripted(clock, log);
  const source = other.source("other", [2], () => void (other.reactor.turnBytes += 10), 10);
  one.source("one", [1]);
  other.rest();
  one.rest();
  makeDense(other, 2);
  assertEquals(clock.timersIn, [10]);
  log.length = 0;
  // A handler that runs the event loop: the timer fires, and then a message is sent.
  one.waiter.log.length = 0;
  one.source("nested", [3], () => {
    clock.pass(10);
    other.reactor.again(source, 2, READABLE);
    log.push("nested ends");
  });
  one.waiter.end();
  one.waiter.end([3]);
  assertEquals(log, ["nested 3", "nested ends"]);
  clock.settle();
  assertEquals(log, ["nested 3", "nested ends", "other 2"]);
  assertEquals(other.reactor.timers, 0);
});

// Moderation

/** Wake-ups without time between them, until a timer takes over. */
function makeDense({ waiter, clock }: Scripted, fd: number): void {
  for (let wakeup = 0; wakeup < 200 && clock.timers.length === 0; wakeup++) waiter.end([fd]);
}

test("a dense stream is taken by timers, and sleeps when it has ended", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log, calls } = scripted;
  const source = scripted.source("a", [1], () => void (reactor.turnBytes += 100), 4);
  scripted.rest();
  for (let wakeup = 1; wakeup < 32; wakeup++) waiter.end([1]);
  assertEquals([clock.timersIn, reactor.moderations], [[], 0]);
  waiter.end([1]);
  assertEquals([clock.timersIn, waiter.out, reactor.moderations], [[4], null, 1]);
  const { turns } = reactor;
  log.length = 0;
  clock.pass(4);
  assertEquals([clock.timersIn, log.length, calls.at(-1)], [[4], 1, "wait"]);
  reactor.setRef(source, false);
  assertEquals(clock.timers.map(({ refed }) => refed), [false]);
  source.act = () => {};
  clock.pass(4);
  assertEquals([clock.timersIn, waiter.out], [[4], null]);
  clock.pass(4);
  assertEquals([clock.timersIn, waiter.fds], [[], [1]]);
  assertEquals([reactor.timers, reactor.looks, reactor.turns - turns, log.length], [3, 3, 3, 3]);
});

test("a message that is sent ends the timer of a dense stream: its answer is looked for 0.1 ms long", () => {
  const scripted = new Scripted(), { reactor, clock, calls } = scripted;
  scripted.source("a", [1, 2], () => void (reactor.turnBytes += 100), 4);
  scripted.rest();
  makeDense(scripted, 1);
  assertEquals(clock.timersIn, [4]);
  calls.length = 0;
  reactor.expectAnswer();
  assertEquals(clock.timersIn, []);
  clock.turn();
  clock.turn();
  assertEquals(calls, ["look", "look"]);
  clock.time += 0.2;
  clock.turn();
  assertEquals(calls, ["look", "look", "look", "wait"]);
});

test("a flood is looked after once more before any wait", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, calls } = scripted;
  scripted.source("a", [1, 2], () => void (reactor.turnBytes += 32 * 1024));
  scripted.rest();
  waiter.end([1]);
  assertEquals(calls, []);
  clock.turn();
  assertEquals(calls, ["look", "wait"]);
});

test("waits that find nothing, over and over, are spaced, and a socket that somebody else closed is told", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, kernel, log, calls } = scripted;
  scripted.source("gone", [1]);
  scripted.source("there", [2]);
  scripted.rest();
  kernel.closed.add(1);
  for (let wait = 0; wait < 99; wait++) waiter.end();
  assertEquals([log, clock.timersIn, waiter.fds], [[], [], [1, 2]]);
  waiter.end();
  assertEquals([log, clock.timersIn, waiter.out], [["gone ERR_CONNECTION_LOST"], [20], null]);
  assertEquals([reactor.connections, reactor.sockets], [1, 1]);
  calls.length = 0;
  reactor.watch(2, scripted.source("more", []), WRITABLE);
  clock.pass(20);
  assertEquals([clock.timersIn, calls], [[20], ["look"]]);
  waiter.ready = new Map([[2, WRITABLE]]);
  clock.pass(20);
  assertEquals([log.at(-1), clock.timersIn, waiter.fds], ["more 2", [], [2]]);
});

test("a wait that was woken is not one of those", () => {
  const scripted = new Scripted(), { reactor, waiter, clock } = scripted;
  const source = scripted.source("a", [1]);
  scripted.rest();
  for (let wait = 0; wait < 99; wait++) waiter.end();
  reactor.watch(1, source, READABLE | WRITABLE);
  waiter.end();
  for (let wait = 0; wait < 99; wait++) waiter.end();
  assertEquals([clock.timersIn, waiter.fds], [[], [1]]);
});
