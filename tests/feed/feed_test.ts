/** A feed's connections, one after another: attempts, delays, gaps and the end. */
import { assert, assertEquals } from "@std/assert";
import { observerOf, withObserver } from "../../src/observe/observer.ts";
import { test } from "../support/testing.ts";
import { closedBy, lost, ScriptedFeed } from "./scripted.ts";

test("the first connection opens the feed; messages are delivered", () => {
  const scripted = new ScriptedFeed();
  assertEquals([scripted.sockets.length, scripted.news], [1, []]);
  scripted.socket.open();
  scripted.socket.message("a", "b");
  assertEquals([scripted.news, scripted.messages], [["open"], ["a", "b"]]);
});

test("a lost connection is replaced after the delay, and the gap is told before the feed is open again", () => {
  const scripted = new ScriptedFeed();
  scripted.socket.open();
  scripted.clock.pass(500);
  scripted.socket.message("a");
  scripted.clock.pass(2500);
  scripted.socket.end();
  assertEquals(scripted.news, ["open", "down", "attempt 2 of 0 in 1000"]);
  scripted.clock.pass(999);
  assertEquals(scripted.sockets.length, 1);
  scripted.clock.pass(1);
  assertEquals(scripted.sockets.length, 2);
  scripted.clock.pass(40);
  scripted.socket.open();
  // From the last message, found lost at, open again at: by the clock, which began at 1,000.
  assertEquals(scripted.news, ["gap 1500 4000 5040 1006", "open"]);
});

test("a gap begins when the connection stood if no message had come", () => {
  const scripted = new ScriptedFeed();
  scripted.clock.pass(10);
  scripted.socket.open();
  scripted.clock.pass(90);
  scripted.socket.end(closedBy(1001));
  scripted.clock.pass(1000);
  scripted.socket.open();
  assertEquals(scripted.news.find((text) => text.startsWith("gap")), "gap 1010 1100 2100 1001");
});

test("delays grow while attempts fail, and begin anew once a connection has stood", () => {
  const scripted = new ScriptedFeed({ reconnect: { firstDelay: 100, factor: 2, maxDelay: 300, stableAfter: 5000 } });
  for (const delay of [100, 200, 300, 300]) {
    scripted.socket.end(lost("ERR_CONNECT_REFUSED"));
    assertEquals(scripted.news.at(-1)!.split(" in ")[1], String(delay));
    scripted.clock.pass(delay);
  }
  scripted.socket.open();
  scripted.clock.pass(5000);
  scripted.socket.end();
  assertEquals(scripted.news, ["open", "down", "attempt 1 of 0 in 100"]);
});

test("a fatal end is the last: error and code are told once, and nothing is attempted any more", () => {
  for (
    const [end, told] of [
      [lost("ERR_HANDSHAKE_STATUS", { status: 401 }), "end ERR_HANDSHAKE_STATUS"],
      [closedBy(1008), "end 1008 clean"],
    ] as const
  ) {
    const scripted = new ScriptedFeed();
    if (end.error === null) scripted.socket.open();
    scripted.socket.end(end);
    assertEquals(scripted.news.at(-1), told);
    scripted.clock.pass(1e9);
    assertEquals([scripted.sockets.length, scripted.news, scripted.clock.timers], [1, [], []]);
  }
});

test("isFatal decides, and knows what the default would be", () => {
  const asked: unknown[] = [];
  const scripted = new ScriptedFeed({
    reconnect: {
      isFatal: ({ code, error }, byDefault) => {
        asked.push([error?.code ?? code, byDefault]);
        return code === 4001;
      },
    },
  });
  scripted.socket.end(lost("ERR_OPTIONS"));
  scripted.clock.pass(1000);
  scripted.socket.open();
  scripted.socket.end(closedBy(4001));
  assertEquals(asked, [["ERR_OPTIONS", true], [4001, false]]);
  assertEquals(scripted.news.at(-1), "end 4001 clean");
});

test("maxAttempts that fail in a row end it with the last error", () => {
  const scripted = new ScriptedFeed({ reconnect: { maxAttempts: 2 } });
  scripted.socket.end(lost("ERR_DNS"));
  scripted.clock.pass(1000);
  scripted.socket.end(lost("ERR_CONNECT_REFUSED"));
  assertEquals(scripted.news, ["attempt 2 of 0 in 1000", "end ERR_CONNECT_REFUSED"]);
});

test("close() while it waits: no attempt, no error, the end at once", () => {
  const scripted = new ScriptedFeed();
  scripted.socket.end();
  scripted.feed.close();
  assertEquals([scripted.news.at(-1), scripted.clock.timers], ["end 1006", []]);
  scripted.clock.pass(1e6);
  assertEquals([scripted.sockets.length, scripted.news], [1, []]);
});

test("close() while it connects ends the attempt", () => {
  const scripted = new ScriptedFeed();
  scripted.feed.close();
  assertEquals([scripted.socket.terminated, scripted.news], [true, ["end 1006"]]);
});

test("close() of an open feed closes its connection, delivers nothing more, and ends as the server replied", () => {
  const scripted = new ScriptedFeed();
  scripted.socket.open();
  scripted.feed.close(3000, "bye");
  scripted.socket.message("late");
  assertEquals([scripted.socket.closedWith, scripted.news], [[3000, "bye"], ["open"]]);
  scripted.socket.end(closedBy(3000));
  assertEquals([scripted.news, scripted.messages], [["end 3000 clean"], []]);
});

test("terminate() ends at once, in any state", () => {
  for (const open of [true, false]) {
    const scripted = new ScriptedFeed();
    if (open) scripted.socket.open();
    scripted.feed.terminate();
    assertEquals([scripted.socket.terminated, scripted.news.at(-1)], [true, "end 1006"]);
  }
});

test("a signal ends it at any time, with its reason", () => {
  const cases: ((scripted: ScriptedFeed) => void)[] = [
    () => {},
    ({ socket }) => socket.open(),
    ({ socket }) => socket.end(),
  ];
  for (const prepare of cases) {
    const controller = new AbortController();
    const scripted = new ScriptedFeed({ signal: controller.signal });
    prepare(scripted);
    scripted.news;
    controller.abort(new Error("enough"));
    assertEquals([scripted.news, scripted.clock.timers], [["end ERR_ABORTED"], []]);
  }
  const aborted = new ScriptedFeed({ signal: AbortSignal.abort() });
  assertEquals([aborted.sockets.length, aborted.news], [0, ["end ERR_ABORTED"]]);
});

test("close() inside any event leaves nothing behind", () => {
  const options = { buffer: 100, rotate: { after: 1000 } };
  for (const event of ["open", "gap", "down", "attempt", "message"]) {
    const scripted = new ScriptedFeed(options);
    scripted.told.push = function (this: string[], text: string) {
      if (text.startsWith(event)) scripted.feed.close();
      return Array.prototype.push.call(this, text);
    } as never;
    scripted.onMessage = () => event === "message" && scripted.feed.close();
    scripted.socket.open();
    if (scripted.socket.readyState === 1) scripted.socket.message("a", "b");
    scripted.socket.end();
    scripted.clock.pass(1000);
    if (scripted.socket.readyState === 0) scripted.socket.open();
    if (scripted.socket.readyState === 2) scripted.socket.end(closedBy(1000));
    scripted.clock.settle();
    assertEquals([event, scripted.told.filter((text) => text.startsWith("end")).length], [event, 1]);
    assertEquals([event, scripted.clock.timers], [event, []]);
    assertEquals([event, scripted.messages.length], [event, event === "message" ? 1 : event === "open" ? 0 : 2]);
  }
});

test("connected introduces each connection before what was buffered, before it is open and before its messages", async () => {
  const introduced: number[] = [];
  let finish = () => {};
  const scripted = new ScriptedFeed({
    buffer: 100,
    connected: (socket, attempt) => {
      introduced.push(attempt);
      socket.send("login");
      return new Promise<void>((resolve) => finish = resolve);
    },
  });
  scripted.feed.send("buffered");
  scripted.socket.open();
  const seen: unknown[] = [];
  scripted.socket.addEventListener("message", (event) => seen.push((event as MessageEvent).data));
  scripted.socket.message("welcome", "first");
  assertEquals([scripted.news, scripted.messages, seen], [[], [], ["welcome", "first"]]);
  finish();
  await Promise.resolve();
  assertEquals([scripted.news, scripted.messages], [["open"], ["welcome", "first"]]);
  assertEquals([scripted.socket.sent, introduced], [["login", "buffered"], [1]]);
});

test("an attempt has failed if connected throws, rejects, takes too long or the connection ends in it", async () => {
  const ways: Record<string, (scripted: ScriptedFeed) => unknown> = {
    throws: () => {
      throw new Error("no");
    },
    rejects: () => Promise.reject(new Error("no")),
    late: () => new Promise(() => {}),
    ended: () => new Promise(() => {}),
  };
  for (const [way, connected] of Object.entries(ways)) {
    const scripted: ScriptedFeed = new ScriptedFeed({ connected: () => connected(scripted), connectedTimeout: 700 });
    const { socket } = scripted;
    socket.open();
    await Promise.resolve();
    await Promise.resolve();
    if (way === "late") scripted.clock.pass(700);
    if (way === "ended") socket.end();
    assertEquals([way, scripted.news], [way, ["attempt 2 of 0 in 1000"]]);
    assertEquals([way, socket.terminated], [way, way !== "ended"]);
    assertEquals([way, scripted.feed.stats.failures, scripted.feed.stats.connections], [way, 1, 0]);
  }
});

test("beyond highWaterMark the messages that wait for connected are not read", async () => {
  let finish = () => {};
  const scripted = new ScriptedFeed(
    { connected: () => new Promise<void>((resolve) => finish = resolve) },
    { highWaterMark: 1000 },
  );
  scripted.socket.open();
  scripted.socket.message("x".repeat(900));
  assertEquals(scripted.socket.isPaused, false);
  scripted.socket.message("x".repeat(100));
  assertEquals(scripted.socket.isPaused, true);
  finish();
  await Promise.resolve();
  assertEquals([scripted.socket.isPaused, scripted.messages.length], [false, 2]);
});

test("each option and the URL may be a function of the attempt, also one that returns a promise", async () => {
  const scripted = new ScriptedFeed({
    headers: (attempt, index) => ({ Try: `${attempt} of ${index}` }),
    proxy: (attempt) => Promise.resolve(`http://proxy${attempt}`),
    maxMessageSize: 5,
  });
  const made = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  await made();
  assertEquals(scripted.socket.init.options, {
    headers: { Try: "1 of 0" },
    proxy: "http://proxy1",
    maxMessageSize: 5,
    pingInterval: 20_000,
  } as never);
  scripted.socket.end();
  scripted.clock.pass(1000);
  await made();
  assertEquals([scripted.sockets.length, scripted.socket.init.options.proxy], [2, "http://proxy2"]);
});

test("an observer that is handed over observes each connection", () => {
  const observer = { opened: () => {} };
  const scripted = new ScriptedFeed(withObserver({}, observer));
  scripted.socket.end();
  scripted.clock.pass(1000);
  assertEquals(scripted.sockets.map(({ init }) => observerOf(init.options) === observer), [true, true]);
});

test("a function that throws or rejects is an attempt that failed; options that are wrong are fatal", async () => {
  for (
    const fails of [() => Promise.reject(new Error("no token")), () => {
      throw new Error("no token");
    }]
  ) {
    const scripted = new ScriptedFeed({ headers: fails as () => never });
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    assertEquals(scripted.news, ["attempt 2 of 0 in 1000"]);
  }
  const scripted = new ScriptedFeed({}, { start: false });
  scripted.refusal = new TypeError("unknown option");
  scripted.feed.start();
  assertEquals(scripted.news, ["end ERR_OPTIONS"]);
});

test("a feed that is closed while a function's promise is under way makes no connection", async () => {
  const scripted = new ScriptedFeed({ headers: () => Promise.resolve({}) });
  scripted.feed.close();
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  assertEquals([scripted.sockets.length, scripted.news], [0, ["end 1006"]]);
});

test("reading that is paused stays paused on the next connection, and goes on there", () => {
  const scripted = new ScriptedFeed();
  scripted.socket.open();
  scripted.feed.pause();
  assertEquals(scripted.socket.isPaused, true);
  scripted.socket.end();
  scripted.clock.pass(1000);
  scripted.socket.open();
  assertEquals(scripted.socket.isPaused, true);
  scripted.feed.resume();
  assertEquals(scripted.socket.isPaused, false);
  scripted.socket.message("a");
  assertEquals(scripted.messages, ["a"]);
});

test("what was held is delivered as far as the reader takes it, the rest when it resumes, and in order", async () => {
  let finish = () => {};
  const scripted = new ScriptedFeed({ connected: () => new Promise<void>((resolve) => finish = resolve) });
  scripted.onMessage = (data) => data === "b" && scripted.feed.pause();
  scripted.socket.open();
  scripted.socket.message("a", "b", "c", "d");
  finish();
  await Promise.resolve();
  assertEquals([scripted.messages.join(""), scripted.socket.isPaused], ["ab", true]);
  scripted.feed.resume();
  assertEquals([scripted.messages.join(""), scripted.socket.isPaused], ["abcd", false]);
  scripted.socket.message("e");
  assertEquals(scripted.messages.join(""), "abcde");
});

test("what was held is not lost if its connection ends while the reader has stopped", async () => {
  let finish = () => {};
  const scripted = new ScriptedFeed({ connected: () => new Promise<void>((resolve) => finish = resolve) });
  scripted.onMessage = (data) => data === "a" && scripted.feed.pause();
  scripted.socket.open();
  scripted.socket.message("a", "b");
  finish();
  await Promise.resolve();
  assertEquals(scripted.messages, ["a"]);
  scripted.socket.end();
  assertEquals(scripted.messages, ["a", "b"]);
});

test("a connection that the server closes while connected runs does not stand", async () => {
  let finish = () => {};
  const scripted = new ScriptedFeed({ connected: () => new Promise<void>((resolve) => finish = resolve) });
  scripted.socket.open();
  scripted.socket.readyState = 2;
  finish();
  await Promise.resolve();
  assertEquals(scripted.news, []);
  scripted.socket.end(closedBy(1001));
  assertEquals(scripted.news, ["attempt 2 of 0 in 1000"]);
});

test("a signal that outlives the feed keeps nothing of it", () => {
  const { signal } = new AbortController(), listeners = new Set<unknown>();
  signal.addEventListener = (_type: string, listener: unknown) => void listeners.add(listener);
  signal.removeEventListener = (_type: string, listener: unknown) => void listeners.delete(listener);
  const scripted = new ScriptedFeed({ signal });
  assertEquals(listeners.size, 1);
  scripted.feed.close();
  assertEquals(listeners.size, 0);
});

test("only attempts count as failures, not connections that stood", () => {
  const scripted = new ScriptedFeed();
  scripted.socket.end();
  scripted.clock.pass(1000);
  scripted.socket.open();
  scripted.socket.end();
  const { attempts, failures, connections } = scripted.feed.stats;
  assertEquals([attempts, failures, connections], [2, 1, 1]);
});

test("unref() lets the process end: sockets, and timers of attempts to come", () => {
  const scripted = new ScriptedFeed({ rotate: { after: 1e6 } });
  scripted.feed.setRef(false);
  assertEquals(scripted.socket.refed, false);
  scripted.socket.open();
  scripted.socket.end();
  assert(scripted.clock.timers.every(({ refed }) => !refed));
  scripted.clock.pass(1000);
  assertEquals(scripted.socket.refed, false);
  scripted.feed.setRef(true);
  assertEquals(scripted.socket.refed, true);
});

test("what is made after unref() lets the process end too: a socket, and the limits of connected and of a handover", async () => {
  let introduced = 0;
  const scripted = new ScriptedFeed({
    headers: () => Promise.resolve({}),
    connected: () => introduced++ === 0 ? undefined : new Promise(() => {}),
  });
  scripted.feed.setRef(false);
  const made = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  await made();
  assertEquals(scripted.socket.refed, false);
  scripted.socket.open();
  scripted.feed.rotate();
  await made();
  scripted.socket.open();
  assertEquals(scripted.clock.timers.map(({ refed }) => refed), [false]);
  const plain = new ScriptedFeed();
  plain.socket.open();
  plain.feed.setRef(false);
  plain.feed.rotate();
  plain.socket.open();
  assertEquals(plain.clock.timers.map(({ refed }) => refed), [false]);
});
