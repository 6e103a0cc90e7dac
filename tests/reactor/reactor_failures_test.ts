/** What a reactor closes, and when, and what it does when something fails: a source, a wait, a wake-up. */
import { assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { READABLE } from "../../src/reactor/readiness.ts";
import { queued, Scripted, ScriptedSource } from "./scripted.ts";
import { test } from "../support/testing.ts";

const fault = () => new CurlWebSocketError("ERR_LIBCURL", "scripted");

test("a socket is closed when no wait can hold its number", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, calls } = scripted;
  scripted.source("a", [1]);
  scripted.rest();
  const close = (name: string) => () => void calls.push(name);
  reactor.whenUnpolled(close("first"));
  reactor.whenUnpolled(() => {
    throw new Error("closing");
  });
  reactor.whenUnpolled(close("second"));
  assertEquals(calls, ["wake"]);
  waiter.end();
  assertEquals(calls, ["wake", "first", "second", "wait"]);
  clock.settle();
  assertEquals(clock.uncaught, [new Error("closing")]);
  reactor.again(scripted.source("b", []), 2, READABLE);
  waiter.end();
  calls.length = 0;
  reactor.whenUnpolled(close("at once"));
  assertEquals(calls, ["at once"]);
});

test("what waits is freed when the last source has gone, and made anew for the next one", () => {
  const scripted = new Scripted(), { reactor, waiter, kernel, clock, calls } = scripted;
  kernel.hasQueues = true;
  const fds = Array.from({ length: 9 }, (_, i) => i + 1);
  const source = scripted.source("a", fds);
  scripted.rest();
  for (const fd of fds) reactor.watch(fd, source, 0);
  reactor.detach(source);
  assertEquals(calls, ["wake"]);
  waiter.end();
  assertEquals(calls, ["wake"]);
  clock.turn();
  assertEquals([calls, waiter.isOpen, kernel.queue.isClosed], [["wake", "close queue", "close"], false, true]);
  const next = scripted.source("b", [1]);
  waiter.end();
  assertEquals([calls.slice(3), waiter.fds], [["open", "wait", "wake", "wait"], [1]]);
  reactor.watch(1, next, 0);
  reactor.detach(next);
  waiter.end();
  scripted.source("c", [2]);
  clock.settle();
  assertEquals([calls.includes("close", 4), waiter.isOpen], [false, true]);
});

test("a source that goes while another one comes frees nothing that is in use", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, calls, log } = scripted;
  const first = scripted.source("first", [1]);
  scripted.rest();
  first.act = () => {
    reactor.watch(1, first, 0);
    reactor.detach(first);
    reactor.again(scripted.source("second", [1]), 1, READABLE);
  };
  waiter.end([1]);
  clock.settle();
  assertEquals([log, calls, waiter.fds], [["first 1", "second 1"], ["wait"], [1]]);
});

test("nothing is freed under the wait of a source that came and went meanwhile", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, calls } = scripted;
  const first = scripted.source("first", [1]);
  scripted.rest();
  first.act = () => {
    reactor.watch(1, first, 0);
    reactor.detach(first);
  };
  waiter.end([1]);
  reactor.detach(scripted.source("second", []));
  clock.settle();
  assertEquals(calls, ["wait", "wake"]);
  waiter.end();
  clock.settle();
  assertEquals(calls, ["wait", "wake", "close"]);
});

test("a source that goes and comes again has no turn of before", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
  const source = scripted.source("a", []);
  scripted.rest();
  reactor.again(source, 1, READABLE);
  reactor.detach(source);
  reactor.attach(source);
  waiter.end();
  clock.settle();
  assertEquals(log, []);
});

test("a source that throws is told, and the others of its turn have theirs", () => {
  const scripted = new Scripted(), { reactor, waiter, log } = scripted;
  scripted.source("bad", [1], () => {
    throw new Error("a fault");
  });
  scripted.source("good", [2]);
  scripted.rest();
  waiter.end([1, 2]);
  assertEquals(log, ["bad 1", "bad ERR_INTERNAL", "good 2"]);
  assertEquals([reactor.connections, reactor.sockets, waiter.fds], [1, 1, [2]]);
});

test("a source that throws while it is told is gone all the same", () => {
  const scripted = new Scripted(), { reactor, waiter, clock } = scripted;
  const bad = scripted.source("bad", [1, 2], () => {
    throw new Error("a fault");
  });
  bad.onReactorError = () => {
    throw new Error("and another one");
  };
  scripted.source("good", [3]);
  scripted.rest();
  waiter.end([1]);
  clock.settle();
  assertEquals(clock.uncaught, [new Error("and another one")]);
  assertEquals([reactor.connections, reactor.sockets, waiter.fds], [1, 1, [3]]);
});

// What fails

test("an error of a wait ends all sources, in a task, is not tried again, and leaves the way free for new ones", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, calls, log } = scripted;
  scripted.source("a", [1]);
  scripted.source("b", [2]);
  scripted.rest();
  reactor.whenUnpolled(() => void calls.push("socket"));
  waiter.end([], fault());
  assertEquals([calls.splice(0), log], [["wake", "socket"], []]);
  clock.settle();
  assertEquals([calls, log.splice(0)], [["close"], ["a ERR_LIBCURL", "b ERR_LIBCURL"]]);
  assertEquals([reactor.connections, reactor.sockets, reactor.wakeups], [0, 0, 1]);
  scripted.source("c", [3]);
  waiter.end();
  waiter.end([3]);
  assertEquals([log, calls.slice(1, 3)], [["c 3"], ["open", "wait"]]);
});

for (const method of ["wait", "look"] as const) {
  test(`a ${method} that fails ends all sources`, () => {
    const scripted = new Scripted(), { reactor, waiter, clock, log, calls } = scripted;
    const source = scripted.source("a", [1, 2]);
    scripted.rest();
    waiter.throws[method] = fault();
    if (method === "look") reactor.again(source, 1, READABLE);
    waiter.end();
    clock.settle();
    assertEquals(log, ["a ERR_LIBCURL"]);
    assertEquals(calls.slice(-2), [method, "close"]);
  });
}

test("a source that is attached while others are told of their end is waited for", () => {
  const scripted = new Scripted(), { waiter, clock, log, calls } = scripted;
  const a = scripted.source("a", [1]);
  a.onReactorError = () => {
    scripted.reactor.watch(1, a, 0);
    scripted.reactor.detach(a);
    scripted.source("b", [1]);
  };
  scripted.rest();
  waiter.end([], fault());
  clock.settle();
  assertEquals([calls, waiter.fds], [["close", "open", "wait"], [1]]);
  waiter.end([1]);
  assertEquals(log, ["b 1"]);
});

test("if what waits cannot be made anew for it, it is told of that", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log } = scripted;
  const a = scripted.source("a", [1]);
  a.onReactorError = () => {
    scripted.reactor.detach(a);
    scripted.source("b", [2]);
    waiter.throws.open = new CurlWebSocketError("ERR_TOO_MANY_OPEN_FILES", "scripted");
  };
  scripted.rest();
  reactor.watch(1, a, 0);
  waiter.end([], fault());
  clock.settle();
  assertEquals([log, reactor.connections, reactor.sockets], [["b ERR_TOO_MANY_OPEN_FILES"], 0, 0]);
});

test("a source is not attached if what waits cannot be made", () => {
  const { reactor, waiter, log } = new Scripted();
  waiter.throws.open = fault();
  const source = new ScriptedSource("a", log);
  assertThrows(() => reactor.attach(source), CurlWebSocketError, "scripted");
  assertEquals([reactor.connections, waiter.refed], [0, false]);
  reactor.attach(source);
  assertEquals(reactor.connections, 1);
});

test("a wake-up that fails ends all sources, and closes their sockets though the wait is out", () => {
  const scripted = new Scripted(), { reactor, waiter, clock, log, calls } = scripted;
  const source = scripted.source("a", [1]);
  scripted.rest();
  waiter.throws.wake = fault();
  reactor.whenUnpolled(() => void calls.push("socket"));
  assertEquals([calls, log, scripted.lost], [["wake"], [], 1]);
  clock.settle();
  assertEquals([calls, log, scripted.lost], [["wake", "socket"], ["a ERR_LIBCURL"], 1]);
  reactor.whenUnpolled(() => void calls.push("at once"));
  assertEquals(calls.at(-1), "at once");
  assertThrows(() => reactor.attach(source), CurlWebSocketError, "connect anew");
});

test("when the thread ends, all connections end at once, and nothing is freed that a wait has", () => {
  const scripted = queued(), { reactor, waiter, calls, log } = scripted;
  const [fds, onEnd] = [reactor.sockets, () => void calls.push("socket")];
  reactor.whenUnpolled(onEnd);
  reactor.end();
  assertEquals([fds, calls, log], [9, ["wake", "socket"], ["a ERR_ABORTED"]]);
  assertEquals([waiter.isOpen, reactor.connections], [true, 0]);
  assertThrows(() => reactor.attach(new ScriptedSource("b", log)), CurlWebSocketError, "connect anew");
});

test("when the thread ends between two waits, everything is freed", () => {
  const scripted = new Scripted(), { reactor, waiter, calls, clock } = scripted;
  const source = scripted.source("a", [1]);
  scripted.rest();
  reactor.again(source, 1, READABLE);
  waiter.end();
  reactor.end();
  assertEquals([calls, waiter.isOpen], [["wake", "close"], false]);
  clock.settle();
  assertEquals([calls, scripted.log], [["wake", "close"], ["a ERR_ABORTED"]]);
});
