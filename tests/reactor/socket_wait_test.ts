import { assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { ConnectBudget } from "../../src/platform/fair_queue.ts";
import { READABLE } from "../../src/reactor/readiness.ts";
import { ReadySet } from "../../src/reactor/ready_set.ts";
import { SocketWait } from "../../src/reactor/socket_wait.ts";
import { test } from "../support/testing.ts";
import { ScriptedClock, ScriptedSource, ScriptedWaiter } from "./scripted.ts";
import { ScriptedKernel } from "./scripted_kernel.ts";

/** A wait for nine sockets by a queue, open. */
class ScriptedWait {
  readonly calls: string[] = [];
  readonly clock: ScriptedClock = new ScriptedClock();
  readonly waiter: ScriptedWaiter = new ScriptedWaiter(this.calls);
  readonly kernel: ScriptedKernel = new ScriptedKernel(this.waiter, this.calls);
  readonly set: ReadySet = new ReadySet(this.kernel);
  readonly wait: SocketWait = new SocketWait(
    this.waiter,
    this.clock,
    this.set,
    new ConnectBudget(this.clock),
  );

  constructor(canStand: boolean = false) {
    this.kernel.hasQueues = true;
    this.waiter.canStand = canStand;
    this.wait.open();
    this.wait.open();
    for (let fd = 1; fd <= 9; fd++) this.set.watch(fd, new ScriptedSource("a", []), READABLE);
    this.calls.length = 0;
  }

  begin(): void {
    this.wait.begin(() => this.wait.over());
  }

  close(name: string): boolean {
    return this.wait.closeWhenOver(() => void this.calls.push(name));
  }
}

test("when a wait is over sockets are closed first, then queues that gave way", () => {
  const scripted = new ScriptedWait(), { wait, set, waiter, calls } = scripted;
  scripted.begin();
  set.useArray();
  wait.closeOutgrown();
  assertEquals([scripted.close("one"), scripted.close("other"), calls], [true, true, ["wait"]]);
  waiter.end();
  assertEquals([calls, wait.isOut], [["wait", "one", "other", "close queue"], false]);
});

test("without a wait everything is closed at once", () => {
  const scripted = new ScriptedWait(), { wait, set, calls } = scripted;
  set.useArray();
  wait.closeOutgrown();
  assertEquals([scripted.close("one"), calls], [false, ["close queue", "one"]]);
});

test("a wait is woken once, and tells afterwards that it was", () => {
  const scripted = new ScriptedWait(), { wait, waiter, calls } = scripted;
  wait.wake();
  scripted.begin();
  wait.wake();
  wait.wake();
  assertEquals([calls, wait.wasWoken], [["wait", "wake"], false]);
  waiter.end();
  assertEquals(wait.wasWoken, true);
  scripted.begin();
  waiter.end();
  assertEquals(wait.wasWoken, false);
});

test("a wait that cannot be woken is lost: sockets are closed at once, queues are not", () => {
  const scripted = new ScriptedWait(), { wait, set, waiter, calls } = scripted;
  scripted.begin();
  scripted.close("before");
  set.useArray();
  waiter.throws.wake = new CurlWebSocketError("ERR_LIBCURL", "scripted");
  assertThrows(() => wait.wake(), CurlWebSocketError, "scripted");
  assertEquals([wait.isLost, wait.isOut, scripted.close("after")], [true, true, false]);
  wait.closeSockets();
  wait.closeOutgrown();
  assertEquals(calls, ["wait", "wake", "after", "before"]);
});

test("what is freed is freed once, and made anew", () => {
  const scripted = new ScriptedWait(), { wait, calls, waiter } = scripted;
  wait.release();
  wait.release();
  assertEquals([calls, wait.isOpen], [["close queue", "close"], false]);
  wait.open();
  scripted.begin();
  assertEquals([calls.slice(2), waiter.fds.length], [["open", "wait"], 9]);
});

test("what is to be freed soon is freed in a task, if it is idle then and no wait is out", () => {
  const scripted = new ScriptedWait(), { wait, waiter, clock, calls } = scripted;
  let isIdle = false;
  const soon = () => wait.releaseSoon(() => isIdle);
  soon();
  soon();
  assertEquals(clock.turn(), 1);
  isIdle = true;
  soon();
  scripted.begin();
  clock.turn();
  assertEquals(calls, ["wait"]);
  waiter.end();
  soon();
  clock.turn();
  assertEquals(calls, ["wait", "close queue", "close"]);
  soon();
  assertEquals(clock.tasks, []);
});

test("a thread that stands has no number of a socket: one is closed at once, whether or not a wait is out", () => {
  const scripted = new ScriptedWait(true), { wait, waiter, calls } = scripted;
  scripted.begin();
  assertEquals([wait.isOut, scripted.close("during"), calls], [true, false, ["wait", "during"]]);
  waiter.end();
  assertEquals([scripted.close("after"), waiter.standing !== null, calls.at(-1)], [false, true, "after"]);
});

test("a queue is closed only when no thread stands before it any more", () => {
  const scripted = new ScriptedWait(true), { wait, set, waiter, calls } = scripted;
  scripted.begin();
  set.useArray();
  wait.closeOutgrown();
  assertEquals([calls, waiter.standing !== null], [["wait"], true]);
  wait.wake();
  waiter.end();
  assertEquals([calls, waiter.standing], [["wait", "wake", "close queue"], null]);
  scripted.begin();
  assertEquals(waiter.fds.length, 9);
});

test("a gate that does not open gives way to the array", () => {
  const scripted = new ScriptedWait(true), { kernel, waiter, calls } = scripted;
  kernel.hasGates = false;
  scripted.begin();
  assertEquals([calls, waiter.fds.length, waiter.standing], [["wait", "close queue", "wait"], 9, null]);
});

test("the thread's end frees what waiting takes while a wait at a gate is out, and leaves what another wait uses", () => {
  for (const canStand of [true, false]) {
    const scripted = new ScriptedWait(canStand), { wait, calls } = scripted;
    scripted.begin();
    wait.end();
    assertEquals(calls, canStand ? ["wait", "close queue", "close"] : ["wait"]);
  }
});

test("what a thread goes on to use, that gives no answer, is left open", () => {
  const scripted = new ScriptedWait(true), { wait, waiter, calls } = scripted;
  scripted.begin();
  waiter.end();
  waiter.stop = () => false;
  waiter.close = () => void calls.push("close what is not used");
  wait.release();
  assertEquals(calls, ["wait", "close what is not used"]);
});
