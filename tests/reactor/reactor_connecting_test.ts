/** What a reactor does with sources that connect: they wait behind the others, and share the time for connecting. */
import { assertEquals } from "@std/assert";
import { READABLE } from "../../src/reactor/readiness.ts";
import { test } from "../support/testing.ts";
import { Scripted } from "./scripted.ts";

test("steps of connecting come behind other turns, and have 3 ms of each turn of the event loop", () => {
  const scripted = new Scripted(), { waiter, clock, log, calls } = scripted;
  for (const [i, name] of ["a", "b", "c", "d", "e"].entries()) scripted.connecting(name, i + 1, 1.5);
  scripted.source("open", [6]);
  scripted.rest();
  waiter.end([1, 2, 3, 4, 5, 6]);
  assertEquals(log.splice(0), ["open 6", "a 1", "b 2"]);
  // Looked for, and not waited for: the others have their turns between, and nobody is woken.
  waiter.ready = new Map([3, 4, 5, 6].map((fd) => [fd, READABLE]));
  clock.turn();
  assertEquals(log.splice(0), ["open 6", "c 3", "d 4"]);
  waiter.ready = new Map();
  clock.turn();
  assertEquals([log, calls.splice(0)], [["e 5"], ["look", "look", "wait"]]);
});

test("a socket that waits for its step has one when its time comes, however often it was found ready", () => {
  const scripted = new Scripted(), { waiter, clock, log } = scripted;
  for (const [i, name] of ["a", "b", "c"].entries()) scripted.connecting(name, i + 1, 3);
  scripted.rest();
  waiter.end([1, 2, 3]);
  waiter.ready = new Map([[2, READABLE], [3, READABLE]]);
  clock.turn();
  waiter.ready = new Map();
  clock.settle();
  assertEquals(log, ["a 1", "b 2", "c 3"]);
});

test("messages that take all of a turn leave one step of connecting", () => {
  const scripted = new Scripted(), { waiter, clock, log } = scripted;
  for (const [i, name] of ["a", "b"].entries()) scripted.connecting(name, i + 1, 1);
  scripted.source("busy", [3], () => void (clock.time += 6));
  scripted.rest();
  waiter.ready = new Map([1, 2, 3].map((fd) => [fd, READABLE]));
  waiter.end([1, 2, 3]);
  assertEquals(log.splice(0), ["busy 3", "a 1"]);
  clock.turn();
  assertEquals(log, ["busy 3", "b 2"]);
});

test("without checkpoints each step has a task of its own", () => {
  const scripted = new Scripted(), { waiter, clock, log } = scripted;
  for (const [i, name] of ["a", "b"].entries()) scripted.connecting(name, i + 1, 0);
  scripted.rest();
  clock.hasCheckpoints = false;
  waiter.end([1, 2]);
  assertEquals(log.splice(0), ["a 1"]);
  clock.turn();
  assertEquals(log, ["b 2"]);
});

test("a source that is detached while its step waits has none; when the last one goes, nothing is left to do", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
  const sources = ["a", "b", "c"].map((name, i) => scripted.connecting(name, i + 1, 3));
  const detach = (at: number) => {
    reactor.watch(at + 1, sources[at]!, 0);
    reactor.detach(sources[at]!);
  };
  scripted.rest();
  waiter.end([1, 2, 3]);
  detach(1);
  clock.turn();
  assertEquals(log.splice(0), ["a 1", "c 3"]);
  reactor.watch(1, sources[0]!, READABLE);
  scripted.rest();
  waiter.end([1, 3]);
  detach(0);
  detach(2);
  log.length = 0;
  clock.settle();
  assertEquals([log, waiter.isOpen, reactor.connections], [[], false, 0]);
});

test("a step that throws is the end of its source alone", () => {
  const scripted = new Scripted(), { waiter, log } = scripted;
  const broken = scripted.connecting("broken", 1, 0);
  broken.act = () => {
    throw new Error("a fault");
  };
  scripted.connecting("other", 2, 0);
  scripted.rest();
  waiter.end([1, 2]);
  assertEquals(log, ["broken 1", "broken ERR_INTERNAL", "other 2"]);
});

test("of many sockets that waited to be closed, some are closed at a time; when the thread ends, all at once", () => {
  for (const ends of [false, true]) {
    const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
    scripted.source("open", [1]);
    scripted.rest();
    for (const name of ["a", "b", "c", "d"]) {
      reactor.whenUnpolled(() => {
        log.push(`close ${name}`);
        clock.time += 1.5;
      });
    }
    assertEquals(log, []);
    waiter.end();
    assertEquals(log.splice(0), ["close a", "close b"]);
    if (ends) reactor.end();
    else clock.turn();
    assertEquals(log.filter((line) => line.startsWith("close")), ["close c", "close d"]);
    clock.settle();
    assertEquals(log.filter((line) => line.startsWith("close")), ["close c", "close d"]);
  }
});
