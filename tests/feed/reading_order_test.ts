/** What happens between two messages reaches a loop between them. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ReadingOrder } from "../../src/feed/reading_order.ts";
import { MessageQueue } from "../../src/web/message_queue.ts";
import { test } from "../support/testing.ts";

/** A feed's messages, and a loop over them that stops at each until it may go on. */
class Reading {
  readonly order = new ReadingOrder();
  readonly #queue = new MessageQueue({ pause() {}, resume() {}, close() {} }, 1000);
  readonly read: string[] = [];
  #goOn = () => {};

  async loop(): Promise<void> {
    for await (const message of this.order.of(this.#queue)) {
      this.read.push(`${message}`);
      await new Promise<void>((resolve) => this.#goOn = resolve);
    }
  }

  message(name: string): void {
    this.order.came();
    this.#queue.push(name);
  }

  gap(name: string): void {
    this.order.between(() => this.read.push(name));
  }

  /** The loop goes on to the next message, if there is one. */
  async goOn(): Promise<void> {
    this.#goOn();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  end(): void {
    this.#queue.end(null);
  }
}

test("without a loop it is told at once", () => {
  const reading = new Reading();
  reading.order.came();
  reading.gap("gap");
  assertEquals(reading.read, ["gap"]);
});

test("a loop that waits is told at once; one at work, or yet to look at a message, when it asks for the next one", async () => {
  const reading = new Reading(), done = reading.loop();
  reading.gap("while it waits");
  assertEquals(reading.read, ["while it waits"]);
  reading.message("a");
  // It has been handed over, and the loop has not run.
  reading.gap("behind a");
  await reading.goOn();
  reading.message("b");
  assertEquals(reading.read, ["while it waits", "a"]);
  await reading.goOn();
  assertEquals(reading.read, ["while it waits", "a", "behind a", "b"]);
  reading.gap("at the end");
  reading.end();
  await reading.goOn();
  await done;
  assertEquals(reading.read.at(-1), "at the end");
});

test("a loop that is left is told no more of what waits", async () => {
  const reading = new Reading(),
    messages = reading.order.of(new MessageQueue({ pause() {}, resume() {}, close() {} }, 9));
  reading.order.came();
  reading.gap("gap");
  await messages.return!();
  assertEquals(reading.read, []);
});

test("whatever the reader's speed, all is told in the order in which it came", async () => {
  const steps = fc.array(fc.constantFrom("message", "gap", "go on", "go on"), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(steps, async (steps) => {
    const reading = new Reading(), came: string[] = [];
    const done = reading.loop();
    for (const [i, step] of steps.entries()) {
      if (step === "go on") {
        await reading.goOn();
        continue;
      }
      came.push(`${step} ${i}`);
      reading[step as "message" | "gap"](`${step} ${i}`);
    }
    reading.end();
    // One step may pass before the loop has begun with a message that came meanwhile.
    for (let i = 0; i < 2 * steps.length; i++) await reading.goOn();
    await done;
    assertEquals(reading.read, came);
  }));
});
