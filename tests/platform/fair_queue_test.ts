import { assertEquals } from "@std/assert";
import "../../runtimes/mod.ts";
import { paced } from "../../src/platform/fair_queue.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

/** Uses up a turn's time: the queue may keep the event loop for 3 ms. */
function busy(): void {
  const end = performance.now() + 4;
  while (performance.now() < end);
}

test("what is paced runs in a later task, in order, with what it adds behind", async () => {
  const order: string[] = [];
  const done = Promise.withResolvers<void>();
  paced(() => {
    order.push("first");
    paced(() => {
      order.push("added");
      done.resolve();
    });
  });
  paced(() => void order.push("second"));
  order.push("the caller");
  queueMicrotask(() => order.push("a microtask"));
  await done.promise;
  assertEquals(order, ["the caller", "a microtask", "first", "second", "added"]);
});

test("the event loop has a turn when the time is used up; each turn runs one at least", async () => {
  const order: string[] = [];
  const done = Promise.withResolvers<void>();
  const step = (name: string) =>
    paced(() => {
      order.push(name);
      runtime().defer(() => order.push(`a task behind ${name}`));
      busy();
    });
  step("one");
  step("two");
  paced(done.resolve);
  await done.promise;
  assertEquals(order, ["one", "a task behind one", "two", "a task behind two"]);
});

test("what throws is reported as uncaught, and those behind it go on", async () => {
  const pacer = new URL("../../src/platform/fair_queue.ts", import.meta.url).href;
  const output = await runScript(
    "",
    `const { paced } = await import(${JSON.stringify(pacer)});
    const { default: process } = await import("node:process");
    const lines = [];
    process.on("uncaughtException", (error) => lines.push("caught " + error.message));
    const done = new Promise((resolve) => {
      paced(() => { lines.push("first"); throw new Error("a fault"); });
      paced(() => lines.push("second"));
      setTimeout(() => paced(() => { lines.push("later"); resolve(); }), 10);
    });
    await done;
    console.log(lines.sort().join(", "));`,
  );
  assertEquals(output, "caught a fault, first, later, second");
});
