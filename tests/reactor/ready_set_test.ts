/** When the sockets go into a kernel queue, and back into the array: by a scripted waiter and a scripted kernel. */
import { assertEquals } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/reactor/readiness.ts";
import { queued, Scripted, ScriptedSource, standing } from "./scripted.ts";
import { test } from "../support/testing.ts";

test("the ninth socket wakes the wait that has eight, for a queue of all nine", () => {
  const scripted = new Scripted(), { reactor, waiter, kernel, calls } = scripted;
  kernel.hasQueues = true;
  const source = scripted.source("a", [1, 2, 3, 4, 5, 6, 7, 8]);
  scripted.rest();
  reactor.watch(9, source, WRITABLE);
  assertEquals(calls, ["wake"]);
  waiter.end();
  assertEquals([waiter.fds, kernel.queue.members.size], [[...kernel.queue.interests.keys()], 9]);
});

test("more than eight sockets go into a kernel queue: then no change wakes a wait", () => {
  const { reactor, waiter, kernel, calls, log } = queued();
  assertEquals([...waiter.out!.interests!], [...kernel.queue.interests]);
  const source = new ScriptedSource("b", log);
  reactor.attach(source);
  reactor.watch(10, source, READABLE);
  reactor.watch(10, source, WRITABLE);
  reactor.watch(11, source, READABLE);
  reactor.watch(11, source, 0);
  assertEquals([calls, kernel.queue.members.size, kernel.queue.members.get(10)], [[], 10, WRITABLE]);
  kernel.queue.ready = new Map([[10, WRITABLE], [3, READABLE]]);
  waiter.end();
  assertEquals([log, calls], [["b 10", "a 3"], ["wait"]]);
});

test("a queue that takes no more gives way to the array, and is closed when no wait has it", () => {
  const { reactor, waiter, kernel, calls, log } = queued();
  kernel.refused.add(10);
  const source = new ScriptedSource("b", log);
  reactor.attach(source);
  reactor.watch(10, source, READABLE);
  assertEquals(calls, ["wake"]);
  waiter.end();
  assertEquals([calls, waiter.fds.length], [["wake", "close queue", "wait"], 10]);
  waiter.end([10, 1]);
  assertEquals(log, ["b 10", "a 1"]);
  // It is tried again for twice as many sockets.
  kernel.refused.clear();
  for (let fd = 11; fd < 20; fd++) reactor.watch(fd, source, READABLE);
  assertEquals(kernel.queues.length, 1);
  reactor.watch(20, source, READABLE);
  waiter.end();
  assertEquals([kernel.queues.length, waiter.fds], [2, [...kernel.queue.interests.keys()]]);
  assertEquals(kernel.queue.members.size, 20);
});

test("a queue that is always ready and tells nothing gives way to the array", () => {
  const { waiter, kernel, clock, calls } = queued();
  for (let wait = 0; wait < 100; wait++) waiter.end();
  assertEquals([kernel.queue.isClosed, clock.timersIn], [true, [20]]);
  calls.length = 0;
  waiter.ready = new Map([[4, READABLE]]);
  clock.pass(20);
  assertEquals([calls, waiter.fds.length], [["look", "wait"], 9]);
});

test("without queues, or if one refuses what is there, the array serves", () => {
  const scripted = new Scripted(), { waiter, kernel, log } = scripted;
  const source = scripted.source("a", Array.from({ length: 9 }, (_, i) => i + 1));
  kernel.hasQueues = true;
  kernel.refused.add(5);
  for (let fd = 10; fd < 30; fd++) scripted.reactor.watch(fd, source, READABLE);
  scripted.rest();
  assertEquals([kernel.queues.length, kernel.queues.every(({ isClosed }) => isClosed)], [1, true]);
  assertEquals(waiter.fds.length, 29);
  waiter.end([5]);
  assertEquals(log, ["a 5"]);
});

test("before a gate a queue serves from the first socket on, and no change wakes a wait", () => {
  const scripted = standing([1]), { reactor, waiter, kernel, calls, log } = scripted;
  assertEquals([waiter.out!.gate === kernel.queue.gate, [...kernel.queue.members]], [true, [[1, READABLE]]]);
  const source = scripted.source("b", [2]);
  reactor.watch(2, source, READABLE | WRITABLE);
  reactor.watch(2, source, 0);
  reactor.watch(3, source, READABLE);
  assertEquals([calls, [...kernel.queue.members.keys()]], [[], [1, 3]]);
  kernel.queue.ready = new Map([[3, READABLE]]);
  waiter.end();
  assertEquals([log, calls, waiter.out!.gate!.isOpen], [["b 3"], ["wait"], true]);
});

test("a gated queue that takes no socket gives way to the array, and is tried again for twice as many sockets", () => {
  const scripted = standing([]), { reactor, waiter, kernel, calls } = scripted;
  kernel.refused.add(1);
  const source = scripted.source("b", [1]);
  assertEquals(calls, ["wake"]);
  waiter.end();
  assertEquals([calls, waiter.fds, waiter.standing], [["wake", "close queue", "wait"], [1], null]);
  kernel.refused.clear();
  for (let fd = 2; fd <= 18; fd++) reactor.watch(fd, source, READABLE);
  waiter.end();
  assertEquals([waiter.out!.gate === kernel.queue.gate, kernel.queue.members.size], [true, 18]);
});

test("without queues a waiter that could stand waits for the sockets one by one", () => {
  const scripted = new Scripted();
  scripted.waiter.canStand = true;
  scripted.source("a", [1, 2]);
  scripted.rest();
  assertEquals([scripted.waiter.fds, scripted.waiter.standing], [[1, 2], null]);
});

test("when the last source has gone, the thread is stopped and all is freed, and the next one finds it anew", () => {
  const scripted = new Scripted(), { reactor, waiter, kernel, clock, calls } = scripted;
  kernel.hasQueues = waiter.canStand = true;
  for (let round = 0; round < 2; round++) {
    const source = scripted.source("a", [1]);
    scripted.rest();
    reactor.watch(1, source, 0);
    reactor.detach(source);
    waiter.end();
    clock.settle();
    assertEquals([calls, waiter.standing], [["wake", "close queue", "close"], null]);
  }
});

/** Notes the calls of a queue, as `set fd` and `delete fd`. */
function notedQueue({ kernel: { queue } }: Scripted): string[] {
  const calls: string[] = [], set = queue.set.bind(queue), remove = queue.delete.bind(queue);
  queue.set = (fd, events) => {
    calls.push(`set ${fd}`);
    return set(fd, events);
  };
  queue.delete = (fd) => {
    calls.push(`delete ${fd}`);
    remove(fd);
  };
  return calls;
}

test("in a turn, a socket that changes hands stays in the queue, and one that is left goes before the next wait", () => {
  const scripted = queued(), { reactor, waiter, kernel, log } = scripted, calls = notedQueue(scripted);
  const next = new ScriptedSource("b", log),
    source = new ScriptedSource("c", log, (fd) => {
      // Its number is another's at once: that one is added, or changed.
      reactor.watch(fd, source, 0);
      reactor.watch(fd, next, WRITABLE);
      reactor.watch(1, next, READABLE);
      reactor.watch(2, source, 0);
    });
  reactor.attach(source);
  reactor.attach(next);
  reactor.watch(10, source, READABLE);
  calls.length = 0;
  kernel.queue.ready = new Map([[10, READABLE]]);
  waiter.end();
  assertEquals([calls, log], [["set 10", "delete 2"], ["c 10"]]);
  assertEquals([kernel.queue.members.get(10), kernel.queue.members.has(2)], [WRITABLE, false]);
  kernel.queue.ready = new Map([[1, READABLE]]);
  waiter.end();
  assertEquals(log, ["c 10", "b 1"]);
});

test("while a wait is out, a socket leaves the queue at once", () => {
  const scripted = queued(), { reactor, kernel } = scripted, calls = notedQueue(scripted);
  const source = new ScriptedSource("b", []);
  reactor.attach(source);
  reactor.watch(10, source, READABLE);
  reactor.watch(10, source, 0);
  assertEquals([calls, kernel.queue.members.has(10)], [["set 10", "delete 10"], false]);
});

test("in the array, a socket that changes hands wakes no wait", () => {
  const scripted = new Scripted(), { reactor, waiter, calls, log } = scripted;
  scripted.source("a", [1, 2]);
  scripted.rest();
  const next = new ScriptedSource("b", log);
  reactor.attach(next);
  reactor.watch(2, next, READABLE);
  assertEquals(calls, []);
  waiter.end([2]);
  assertEquals(log, ["b 2"]);
});
