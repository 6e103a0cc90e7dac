import { assertEquals } from "@std/assert";
import { PlannedLook } from "../../src/reactor/planned_look.ts";
import { beginTurn, endTurn } from "../../src/reactor/turn_guard.ts";
import { test } from "../support/testing.ts";
import { ScriptedClock } from "./scripted.ts";

/** A planned look, its clock, and how each look came. */
function planned(): { clock: ScriptedClock; looks: string[]; plan: PlannedLook } {
  const clock = new ScriptedClock(), looks: string[] = [];
  return { clock, looks, plan: new PlannedLook(clock, (timed) => looks.push(timed ? "timer" : "task")) };
}

test("a look comes in a task", () => {
  const { clock, looks, plan } = planned();
  assertEquals(plan.isPlanned, false);
  plan.soon();
  assertEquals([plan.isPlanned, plan.cancelTimer(), looks], [true, false, []]);
  clock.turn();
  assertEquals([plan.isPlanned, looks], [false, ["task"]]);
});

test("a look comes from a timer, which keeps the process alive if it is to", () => {
  const { clock, looks, plan } = planned();
  plan.after(5, false);
  assertEquals([plan.isPlanned, clock.timers[0]!.refed], [true, false]);
  plan.setRef(true);
  assertEquals(clock.timers[0]!.refed, true);
  clock.pass(5);
  assertEquals([plan.isPlanned, looks], [false, ["timer"]]);
  plan.setRef(false);
});

test("a timer that was given up brings no look", () => {
  const { clock, looks, plan } = planned();
  plan.after(5, true);
  assertEquals([plan.cancelTimer(), plan.isPlanned], [true, false]);
  clock.pass(5);
  assertEquals(looks, []);
});

test("what comes inside a turn comes in a task after it", () => {
  const { clock, looks, plan } = planned();
  const other = new PlannedLook(clock, () => looks.push("other"));
  plan.after(5, true);
  other.soon();
  beginTurn();
  clock.pass(5);
  clock.turn();
  assertEquals([looks, plan.isPlanned, other.isPlanned], [[], true, true]);
  endTurn();
  assertEquals(looks, []);
  clock.turn();
  assertEquals(looks, ["timer", "other"]);
});

test("a timer that came inside a turn is not taken for one that was set since", () => {
  const { clock, looks, plan } = planned();
  plan.after(5, true);
  beginTurn();
  clock.pass(5);
  plan.cancelTimer();
  plan.after(5, true);
  endTurn();
  clock.settle();
  assertEquals(looks, []);
  clock.pass(5);
  assertEquals(looks, ["timer"]);
});
