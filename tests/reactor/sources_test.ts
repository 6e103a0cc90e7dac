import { assertEquals } from "@std/assert";
import { Sources } from "../../src/reactor/sources.ts";
import { test } from "../support/testing.ts";
import { ScriptedSource } from "./scripted.ts";

test("sources keep the process alive as long as one of them does", () => {
  const sources = new Sources(), a = new ScriptedSource("a", []), b = new ScriptedSource("b", []);
  assertEquals(sources.setRef(a, true), false);
  sources.add(a, 5);
  sources.add(b, Infinity);
  assertEquals([sources.size, sources.areRefed, sources.all()], [2, false, [a, b]]);
  assertEquals([sources.setRef(a, true), sources.setRef(a, true), sources.setRef(b, true)], [true, false, false]);
  assertEquals([sources.setRef(a, false), sources.areRefed], [false, true]);
  assertEquals([sources.setRef(b, false), sources.areRefed], [true, false]);
  assertEquals([sources.remove(a), sources.has(a), sources.has(b), sources.size], [5, false, true, 1]);
});
