/** One connection of a feed: what it is made with may take time, and may never come. */
import { assertEquals } from "@std/assert";
import { test } from "../support/testing.ts";
import { ScriptedFeed } from "./scripted.ts";

const microtasks = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

test("an option's function that hangs is an attempt that failed; what it returns too late makes no connection", async () => {
  const calls: PromiseWithResolvers<string>[] = [];
  const origin = () => (calls.push(Promise.withResolvers()), calls.at(-1)!.promise);
  const scripted = new ScriptedFeed({ origin, connectedTimeout: 700 });
  scripted.clock.pass(700);
  assertEquals(scripted.news, ["attempt 2 of 0 in 1000"]);
  scripted.clock.pass(1000);
  calls[0]!.resolve("late");
  await microtasks();
  assertEquals([calls.length, scripted.sockets.length], [2, 0]);
  calls[1]!.resolve("in time");
  await microtasks();
  // That of the function has ended with it.
  assertEquals([scripted.sockets.map(({ init }) => init.options.origin), scripted.clock.timers], [["in time"], []]);
  scripted.socket.open();
  assertEquals([scripted.news, scripted.feed.stats.failures], [["open"], 1]);
});

test("it has as long as it likes with a connectedTimeout of 0, and close() waits for none", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const scripted = new ScriptedFeed({ origin: () => promise, connectedTimeout: 0 });
  assertEquals(scripted.clock.timers, []);
  scripted.feed.close();
  assertEquals(scripted.news, ["end 1006"]);
  resolve("late");
  await microtasks();
  assertEquals([scripted.sockets, scripted.news, scripted.clock.timers], [[], [], []]);
});
