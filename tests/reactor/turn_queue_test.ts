import { assertEquals } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/reactor/readiness.ts";
import type { Turn } from "../../src/reactor/source.ts";
import { mergeTurns, StepQueue, TurnQueue } from "../../src/reactor/turn_queue.ts";
import { test } from "../support/testing.ts";
import { ScriptedSource } from "./scripted.ts";

const a = new ScriptedSource("a", []), b = new ScriptedSource("b", []);
const turn = (source: ScriptedSource, fd: number, events = READABLE): Turn => ({ source, fd, events });
const shown = (turns: readonly Turn[]) =>
  turns.map(({ source, fd, events }) => [(source as ScriptedSource).name, fd, events]);

test("a source has one turn a socket, with all that it is for", () => {
  const queue = new TurnQueue();
  assertEquals(queue.isEmpty, true);
  queue.add(a, 1, READABLE);
  queue.add(a, 2, READABLE);
  queue.add(b, 1, READABLE);
  queue.add(a, 1, WRITABLE);
  assertEquals(queue.isEmpty, false);
  assertEquals(shown(queue.take()), [["a", 1, READABLE | WRITABLE], ["a", 2, READABLE], ["b", 1, READABLE]]);
  assertEquals([queue.isEmpty, queue.take()], [true, []]);
});

test("turns that were not taken come before those that are to be taken again", () => {
  const queue = new TurnQueue();
  queue.push(turn(a, 1));
  queue.putBack([turn(b, 2), turn(b, 3)]);
  assertEquals(shown(queue.take()), [["b", 2, READABLE], ["b", 3, READABLE], ["a", 1, READABLE]]);
});

test("the turns of a source can be dropped", () => {
  const queue = new TurnQueue();
  for (const one of [turn(a, 1), turn(b, 2), turn(a, 3)]) queue.push(one);
  queue.drop(a);
  assertEquals(shown(queue.take()), [["b", 2, READABLE]]);
});

test("a socket that waits for its step keeps its place when it is found ready again", () => {
  const steps = new StepQueue();
  for (const one of [turn(a, 1), turn(b, 2), turn(a, 1, WRITABLE)]) steps.add(one);
  assertEquals(steps.isEmpty, false);
  assertEquals(shown([steps.shift()!, steps.shift()!]), [["a", 1, READABLE | WRITABLE], ["b", 2, READABLE]]);
  assertEquals([steps.shift(), steps.isEmpty], [undefined, true]);
});

test("of a number that has gone to another source, that one's step is left, behind those that were there", () => {
  const steps = new StepQueue();
  for (const one of [turn(a, 1), turn(a, 2), turn(b, 1)]) steps.add(one);
  assertEquals(shown([steps.shift()!, steps.shift()!]), [["a", 2, READABLE], ["b", 1, READABLE]]);
  steps.add(turn(a, 1));
  steps.clear();
  assertEquals([steps.isEmpty, steps.shift()], [true, undefined]);
});

test("ready sockets come before queued turns, and one that is both has one turn for both", () => {
  assertEquals(
    shown(mergeTurns([turn(a, 1, WRITABLE), turn(b, 2)], [turn(b, 3), turn(a, 1)])),
    [["a", 1, READABLE | WRITABLE], ["b", 2, READABLE], ["b", 3, READABLE]],
  );
  const ready = [turn(a, 1)], queued = [turn(b, 2)];
  assertEquals([mergeTurns(ready, []) === ready, mergeTurns([], queued) === queued], [true, true]);
});

test("a number that has gone to another source is two turns", () => {
  assertEquals(shown(mergeTurns([turn(a, 1)], [turn(b, 1)])), [["a", 1, READABLE], ["b", 1, READABLE]]);
});
