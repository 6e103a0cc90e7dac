import { assertEquals } from "@std/assert";
import { beginTurn, endTurn, isTurning, postpone } from "../../src/reactor/turn_guard.ts";
import { test } from "../support/testing.ts";
import { ScriptedClock } from "./scripted.ts";

test("what is postponed runs after the turn, in its order, each as a task of its own clock", () => {
  const one = new ScriptedClock(), other = new ScriptedClock(), log: string[] = [];
  assertEquals(isTurning(), false);
  beginTurn();
  assertEquals(isTurning(), true);
  for (const [clock, name] of [[one, "first"], [other, "other's"], [one, "second"]] as const) {
    postpone(clock, () => log.push(name));
  }
  assertEquals([one.tasks.length, other.tasks.length], [0, 0]);
  endTurn();
  assertEquals([isTurning(), one.tasks.length, other.tasks.length, log], [false, 2, 1, []]);
  one.turn();
  assertEquals(log, ["first", "second"]);
  beginTurn();
  endTurn();
  assertEquals(one.tasks, []);
});
