/** When what is sent, with a clock that is made up. */
import { assertEquals } from "@std/assert";
import type { RecordedConnection, RecordedMessage } from "../../../cli/har/har_reader.ts";
import { type Clock, Player, type PlayerOptions } from "../../../cli/har/player.ts";
import { test } from "../../support/testing.ts";

/** A clock that stands until it is set. */
class Hands implements Clock {
  time = 1000;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(time: number, callback: () => void): () => void {
    const timer = { at: this.time + time, callback };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((each) => each !== timer);
  }

  /** Lets the time pass, timer by timer, as long as there are any up to then. */
  async pass(time: number): Promise<void> {
    const end = this.time + time;
    await settled();
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.time = next.at;
      next.callback();
      await settled();
    }
    this.time = end;
  }

  get waiting(): number {
    return this.#timers.length;
  }
}

/** All promises that can be settled are: a task later. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

type Line = readonly [from: "client" | "server", at: number, data: string];

/** A player that has begun, and the times of what it does. */
function begun(lines: readonly Line[], options: Partial<PlayerOptions> = {}, closeAt = 0) {
  const clock = new Hands(), done: [at: number, what: string][] = [], told: string[] = [];
  const messages = lines.map(([from, at, data]): RecordedMessage => ({ from, at, data }));
  const connection: RecordedConnection = {
    path: "/",
    status: 101,
    headers: [],
    protocol: null,
    messages,
    close: { at: Math.max(closeAt, messages.at(-1)?.at ?? 0), code: 4000, reason: "end" },
  };
  const peer = {
    bufferedAmount: 0,
    send: (data: string | Uint8Array) => void done.push([clock.time - 1000, String(data)]),
    close: (code: number) => void done.push([clock.time - 1000, String(code)]),
  };
  const player = new Player(connection, peer, {
    speed: 1,
    sent: "ignore",
    onDifference: (words) => told.push(words),
    clock,
    ...options,
  });
  return { player, clock, done, told, peer, ended: player.play() };
}

const LINES: Line[] = [["server", 0.5, "a"], ["client", 5, "x"], ["server", 1000, "b"], ["server", 1000.4, "c"]];

test("Player: each message comes at its time, and the close", async () => {
  const { clock, done, ended } = begun(LINES, {}, 1500);
  await clock.pass(999);
  assertEquals(done, [[0, "a"]]);
  await clock.pass(1000);
  await ended;
  // Less than a millisecond is no wait.
  assertEquals(done, [[0, "a"], [1000, "b"], [1000, "c"], [1500, "4000"]]);
  assertEquals(clock.waiting, 0);
});

test("Player: twice and half as fast, and at once", async () => {
  for (const [speed, at] of [[2, 500], [0.5, 2000], [Infinity, 0]] as const) {
    const { clock, done, ended } = begun(LINES, { speed });
    await clock.pass(4000);
    await ended;
    assertEquals(done.map(([time, what]) => [Math.round(time), what]), [
      // Half as fast, even 0.5 ms is a wait.
      [speed === 0.5 ? 1 : 0, "a"],
      [at, "b"],
      [at, "c"],
      [at, "4000"],
    ]);
  }
});

test("Player: a time that was set back is no wait, and one of weeks is", async () => {
  const month = 30 * 24 * 3_600_000;
  const { clock, done, ended } = begun([["server", 100, "a"], ["server", 50, "b"], ["server", month, "c"]]);
  await clock.pass(100);
  assertEquals(done, [[100, "a"], [100, "b"]]);
  await clock.pass(month);
  await ended;
  assertEquals(done.slice(2), [[month, "c"], [month, "4000"]]);
});

test("Player: what follows a message of the client comes as long after it as recorded", async () => {
  const lines: Line[] = [["client", 100, "x"], ["server", 150, "a"], ["client", 200, "y"], ["server", 300, "b"]];
  const late = begun(lines, { sent: "wait" });
  await late.clock.pass(1000);
  assertEquals(late.done, []);
  late.player.received("anything");
  await late.clock.pass(500);
  assertEquals(late.done, [[1050, "a"]]);
  late.player.received("anything");
  await late.clock.pass(500);
  await late.ended;
  assertEquals(late.done, [[1050, "a"], [1600, "b"], [1600, "4000"]]);
  // A client that is early gets nothing before its time.
  const early = begun(lines, { sent: "wait" });
  early.player.received("x");
  early.player.received("y");
  await early.clock.pass(1000);
  assertEquals(early.done, [[150, "a"], [300, "b"], [300, "4000"]]);
});

test("Player: a client that leaves ends it, whatever it waits for", async () => {
  const dialogue: Line[] = [["client", 0, "x"], ["server", 0, "a"]];
  for (const [lines, options] of [[LINES, {}], [dialogue, { sent: "wait" }], [[], {}]] as const) {
    const { player, clock, done, ended } = begun(lines, options, 9000);
    await clock.pass(10);
    const before = done.length;
    player.closed();
    await ended;
    player.received("late");
    assertEquals([done.length, clock.waiting], [before, 0]);
  }
});

test("Player: it waits for a client that does not read", async () => {
  const { peer, clock, done, ended } = begun([["server", 0, "a"], ["server", 0, "b"]], { speed: Infinity });
  peer.bufferedAmount = 2 ** 21;
  await clock.pass(100);
  assertEquals(done.map(([, what]) => what), ["a"]);
  peer.bufferedAmount = 2 ** 19;
  await clock.pass(16);
  await ended;
  assertEquals(done.map(([, what]) => what), ["a", "b", "4000"]);
});

test("Player: what is not as recorded is told once, and closes", async () => {
  const { player, clock, done, told, ended } = begun([["client", 0, "x"], ["server", 0, "a"]], { sent: "compare" });
  player.received("y");
  player.received("x");
  await clock.pass(10);
  await ended;
  player.closed();
  assertEquals(done, [[0, "1008"]]);
  assertEquals(told, ['message 1 of the client is "y"; recorded is "x"']);
  const early = begun([["client", 0, "x"]], { sent: "compare" });
  early.player.closed();
  await early.ended;
  assertEquals(early.told, ['the client has closed instead of sending its message 1, "x"']);
});
