import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Fifo } from "../../src/web/fifo.ts";
import { test } from "../support/testing.ts";

test("what goes in first comes out first, through any growth, as from an array", () => {
  // Runs of pushes and shifts, as long as a ring has places and longer.
  const runs = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 700 })), { maxLength: 30 });
  fc.assert(fc.property(runs, (steps) => {
    const fifo = new Fifo<number>(), model: number[] = [];
    let next = 0;
    for (const [pushes, count] of steps) {
      for (let i = 0; i < count; i++) {
        if (pushes) {
          fifo.push(next);
          model.push(next++);
        } else {
          assertEquals(fifo.shift(), model.shift());
        }
      }
      assertEquals(fifo.length, model.length);
    }
    while (model.length > 0) assertEquals(fifo.shift(), model.shift());
    assertEquals([fifo.shift(), fifo.length], [undefined, 0]);
  }));
});

test("a cleared one is empty, and takes more", () => {
  const fifo = new Fifo<string>();
  for (let i = 0; i < 40; i++) fifo.push("old");
  fifo.clear();
  assertEquals([fifo.length, fifo.shift()], [0, undefined]);
  fifo.push("new");
  assertEquals([fifo.length, fifo.shift(), fifo.shift()], [1, "new", undefined]);
});

test("one that is removed leaves the others in their order, from wherever it is taken", () => {
  for (const wanted of [0, 7, 19, 20]) {
    const fifo = new Fifo<number>();
    // Not from the first place of its ring on.
    for (let i = 0; i < 10; i++) fifo.push(-1);
    for (let i = 0; i < 10; i++) fifo.shift();
    for (let i = 0; i < 20; i++) fifo.push(i);
    assertEquals(fifo.remove((each) => each === wanted), wanted < 20 ? wanted : undefined);
    const left = Array.from({ length: fifo.length }, () => fifo.shift());
    assertEquals(left, Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== wanted));
  }
});
