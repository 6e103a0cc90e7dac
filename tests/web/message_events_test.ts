/** The message listeners are our own, for their speed: they must be told apart from the platform's by nothing else. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { test } from "../support/testing.ts";

/** Sends one message, and waits until it was dispatched. */
async function send({ socket, peer }: Pair, data: string): Promise<void> {
  const seen = new Promise<void>((resolve) => socket.addEventListener("message", () => resolve(), { once: true }));
  await peer.send(frame(Opcode.text, data));
  await seen;
}

test("a message event has every member of the platform's, with a value of the same kind", async () => {
  await using pair = await Pair.open();
  const target = new EventTarget();
  const compared: string[] = [];
  pair.socket.onmessage = (event) => {
    target.addEventListener("message", (real) => {
      for (let at: object | null = MessageEvent.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
        for (const name of Object.getOwnPropertyNames(at)) {
          if (name === "constructor" || name.startsWith("_")) continue;
          const ours = Reflect.get(event, name), theirs = Reflect.get(real, name);
          assertEquals([name, typeof ours], [name, typeof theirs]);
          compared.push(name);
        }
      }
      assertEquals(event.composedPath(), [pair.socket]);
      assertEquals([event.target, event.currentTarget, event.eventPhase], [pair.socket, pair.socket, real.eventPhase]);
      assert(event.timeStamp > 0 && event.timeStamp === event.timeStamp);
    });
    target.dispatchEvent(new MessageEvent("message", { data: "text" }));
  };
  await send(pair, "text");
  assert(compared.includes("stopPropagation") && compared.length > 15, compared.join());
});

test("after its dispatch a message event has no current target, no phase and no path", async () => {
  await using pair = await Pair.open();
  let kept: MessageEvent | undefined;
  pair.socket.onmessage = (event) => kept = event;
  await send(pair, "kept");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([kept!.currentTarget, kept!.eventPhase, kept!.composedPath()], [null, 0, []]);
  assertEquals([kept!.target, kept!.data], [pair.socket, "kept"]);
});

test("a message event can be made anew by its constructor, as wrappers do", async () => {
  await using pair = await Pair.open();
  const copies: MessageEvent[] = [];
  pair.socket.onmessage = (event) => {
    const { constructor: Made } = event as unknown as { constructor: typeof MessageEvent };
    copies.push(new Made(event.type, event as unknown as MessageEventInit));
  };
  await send(pair, "again");
  assertEquals([copies[0]!.data, copies[0]!.origin, copies[0]!.type], [
    "again",
    new URL(pair.socket.url).origin,
    "message",
  ]);
  const target = new EventTarget();
  let seen: unknown;
  target.addEventListener("message", (event) => seen = event);
  target.dispatchEvent(copies[0]!);
  assertStrictEquals(seen, copies[0]);
});

test("listeners run in their order, those that capture first, each once however often it was added", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const log: string[] = [];
  const one = () => log.push("one"), two = () => log.push("two");
  socket.addEventListener("message", one);
  socket.addEventListener("message", one);
  socket.addEventListener("message", two, true);
  socket.addEventListener("message", two);
  socket.addEventListener("message", null);
  await send(pair, "");
  assertEquals(log.splice(0), ["two", "one", "two"]);
  socket.removeEventListener("message", two);
  socket.removeEventListener("message", one, { capture: true });
  socket.removeEventListener("message", null);
  await send(pair, "");
  assertEquals(log.splice(0), ["two", "one"]);
  socket.removeEventListener("message", two, { capture: true });
  await send(pair, "");
  assertEquals(log, ["one"]);
});

test("once, signal and removal in a dispatch", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const log: string[] = [];
  const controller = new AbortController();
  const late = () => log.push("late");
  socket.addEventListener("message", () => log.push("once"), { once: true });
  socket.addEventListener("message", () => log.push("signal"), { signal: controller.signal });
  socket.addEventListener("message", () => log.push("aborted"), { signal: AbortSignal.abort() });
  socket.addEventListener("message", () => {
    socket.removeEventListener("message", late);
    socket.addEventListener("message", () => log.push("new"), { once: true });
  }, { once: true });
  socket.addEventListener("message", late);
  await send(pair, "");
  assertEquals(log.splice(0), ["once", "signal"]);
  controller.abort();
  await send(pair, "");
  assertEquals(log, ["new"]);
});

test("stopImmediatePropagation() keeps the other listeners out, stopPropagation() does not", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const log: string[] = [];
  socket.addEventListener("message", (event) => {
    event.stopPropagation();
    if ((event as unknown as MessageEvent).data === "stop") event.stopImmediatePropagation();
  });
  socket.addEventListener("message", (event) => log.push((event as unknown as MessageEvent).data));
  await send(pair, "go");
  await pair.peer.send(frame(Opcode.text, "stop"));
  await pair.peer.send(frame(Opcode.text, "end"));
  while (log.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(log, ["go", "end"]);
});

test("handleEvent() is looked up when the message comes, with the object as this", async () => {
  await using pair = await Pair.open();
  const log: unknown[] = [];
  const listener = { handleEvent: (_event: Event) => void log.push("old") };
  pair.socket.addEventListener("message", listener);
  listener.handleEvent = function () {
    log.push(this === listener);
  };
  await send(pair, "");
  assertEquals(log, [true]);
});

test("bad listeners and options are the platform's errors", () => {
  const socket = new CurlWebSocket("ws://127.0.0.1:9");
  socket.onerror = () => {};
  const outcome = (call: () => void): string => {
    try {
      call();
      return "nothing";
    } catch (error) {
      return (error as Error).name;
    }
  };
  const calls: ((target: EventTarget) => void)[] = [
    (target) => target.addEventListener("message", 5 as unknown as EventListener),
    (target) => target.addEventListener("message", () => {}, { signal: 5 as unknown as AbortSignal }),
    (target) => target.addEventListener("message", () => {}, { signal: null as unknown as AbortSignal }),
    (target) => target.addEventListener("message", () => {}, null as unknown as boolean),
    (target) => target.removeEventListener("message", () => {}, null as unknown as boolean),
  ];
  for (const call of calls) assertEquals(outcome(() => call(socket)), outcome(() => call(new EventTarget())));
  socket.terminate();
});

test("a message event that the program dispatches reaches the same listeners", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const log: string[] = [];
  socket.onmessage = ({ data }) => log.push(`handler ${data}`);
  socket.addEventListener("message", (event) => {
    assertEquals([event.target, event.currentTarget], [socket, socket] as unknown[]);
    log.push("listener");
    event.stopImmediatePropagation();
  });
  socket.addEventListener("message", () => log.push("never"));
  assertEquals(socket.dispatchEvent(new MessageEvent("message", { data: "made" })), true);
  assertEquals(log, ["handler made", "listener"]);
});

test("listeners of message with a signal leave nothing on it, and go with it", async () => {
  await using pair = await Pair.open();
  const { signal, abort } = listened();
  const seen: string[] = [];
  for (const name of ["first", "second", "third"]) {
    pair.socket.addEventListener("message", () => seen.push(name), { signal });
  }
  const once = () => seen.push("once");
  pair.socket.addEventListener("message", once, { signal, once: true });
  assertEquals(signal.count, 0);
  await send(pair, "one");
  abort();
  await send(pair, "two");
  assertEquals(seen, ["first", "second", "third", "once"]);
});

test("an aborted listener of message may be added anew, and is not called in the dispatch that aborts it", async () => {
  await using pair = await Pair.open();
  const { signal, abort } = listened();
  const seen: unknown[] = [];
  const listener = ({ data }: MessageEvent) => seen.push(data);
  pair.socket.addEventListener("message", () => abort(), { once: true });
  pair.socket.addEventListener("message", listener, { signal });
  await send(pair, "aborts");
  pair.socket.addEventListener("message", listener, { signal });
  await send(pair, "still aborted");
  pair.socket.addEventListener("message", listener);
  await send(pair, "again");
  assertEquals(seen, ["again"]);
  pair.socket.removeEventListener("message", listener);
  await send(pair, "removed");
  assertEquals(seen, ["again"]);
});

test("a signal that is none is a TypeError, as the platform's", async () => {
  await using pair = await Pair.open();
  for (const signal of [null, 5, {}]) {
    assertThrows(
      () => pair.socket.addEventListener("message", () => {}, { signal: signal as unknown as AbortSignal }),
      TypeError,
    );
  }
});

test("a type that is converted to message is message", async () => {
  await using pair = await Pair.open();
  let seen = 0;
  const type = { toString: () => "message" } as unknown as "message";
  const listener = () => seen++;
  pair.socket.addEventListener(type, listener);
  await send(pair, "one");
  pair.socket.removeEventListener(type, listener);
  await send(pair, "two");
  assertEquals(seen, 1);
});

/** A signal that counts the listeners that are on it. */
function listened(): { signal: AbortSignal & { count: number }; abort: () => void } {
  const controller = new AbortController();
  const signal = Object.assign(controller.signal, { count: 0 });
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    signal.count++;
    return Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    signal.count--;
    return Reflect.apply(removeEventListener, signal, args);
  };
  return { signal, abort: () => controller.abort() };
}
