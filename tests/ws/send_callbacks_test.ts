import { assertEquals } from "@std/assert";
import { SendCallbacks, type SentBytes } from "../../ws/send_callbacks.ts";
import { test } from "../support/testing.ts";

/** A connection whose kernel takes what the test says. */
class Script implements SentBytes {
  sentBytes = 0;
  queuedBytes = 0;
  #waiter: { limit: number; onTime: () => void } | null = null;

  whenQueued(limit: number, onTime: () => void): void {
    this.#waiter?.onTime();
    this.#waiter = { limit, onTime };
    this.#release();
  }

  /** As the kernel takes so many bytes. */
  take(bytes: number): void {
    this.queuedBytes -= bytes;
    this.sentBytes += bytes;
    this.#release();
  }

  #release(): void {
    const waiter = this.#waiter;
    if (waiter === null || this.queuedBytes > waiter.limit) return;
    this.#waiter = null;
    waiter.onTime();
  }
}

/** Queues messages of these sizes, each with a callback; returns who was called so far, when the microtasks have run. */
function queue(sizes: number[]): { script: Script; callbacks: SendCallbacks; called: () => Promise<string[]> } {
  const script = new Script(), callbacks = new SendCallbacks(script), called: string[] = [];
  for (const [i, size] of sizes.entries()) {
    script.queuedBytes += size;
    callbacks.queued((error) => called.push(error === undefined ? `${i}` : `${i} ${error.message}`));
  }
  return { script, callbacks, called: async () => (await Promise.resolve(), [...called]) };
}

test("each is called when its own bytes have gone, whatever is queued behind them", async () => {
  const { script, callbacks, called } = queue([10, 20, 30]);
  script.queuedBytes += 1_000;
  callbacks.queued(undefined);
  script.take(9);
  assertEquals(await called(), []);
  script.take(1);
  assertEquals(await called(), ["0"]);
  script.take(45);
  assertEquals(await called(), ["0", "1"]);
  script.take(1_005);
  assertEquals(await called(), ["0", "1", "2"]);
});

test("what has gone before the callback is given is called back, but never inside the call", async () => {
  const script = new Script(), callbacks = new SendCallbacks(script);
  let called = false;
  callbacks.queued(() => called = true);
  assertEquals(called, false);
  await Promise.resolve();
  assertEquals(called, true);
});

test("at the end, what has gone is no error, and the rest is; so is what comes later", async () => {
  const { script, callbacks, called } = queue([1, 2]);
  script.sentBytes = 1;
  script.queuedBytes = 2;
  callbacks.end(new Error("end"));
  callbacks.end(new Error("again"));
  assertEquals(await called(), ["0", "1 end"]);
  const late = new Promise((resolve) => callbacks.queued(resolve));
  assertEquals(`${await late}`, "Error: again");
});
