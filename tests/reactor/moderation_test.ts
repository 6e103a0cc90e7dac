import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Moderation } from "../../src/reactor/moderation.ts";
import { property } from "../protocol/support.ts";
import { test } from "../support/testing.ts";

const FLOOD = 32 * 1024;

/** A moderation whose time the test sets. */
class Moderated {
  time = 1_000;
  readonly moderation: Moderation = new Moderation(() => this.time);

  constructor(maxDelay?: number) {
    if (maxDelay !== undefined) this.moderation.addDelay(maxDelay);
  }

  /** A turn that reads `bytes`, `after` milliseconds from the last one. Returns how long until the next turn. */
  turn(after: number, bytes: number, { woke = true, sends = false } = {}): number {
    this.time += after;
    this.moderation.turnBegins();
    if (sends) this.moderation.messageSent();
    this.moderation.turnEnds(this.time, bytes, woke);
    return this.moderation.untilNextTurn(false);
  }

  /** A message is sent outside of turns. Returns whether its answer is looked for. */
  send(): boolean {
    this.moderation.messageSent();
    return this.moderation.untilNextTurn(false) === 0;
  }
}

test("without anything to do the next turn comes when a socket is ready", () => {
  assertEquals(new Moderated().turn(10, 0), Infinity);
  assertEquals(new Moderated(5).turn(10, 100), Infinity);
  assertEquals(new Moderated(5).moderation.untilNextTurn(false), Infinity);
});

test("a source that wants another turn has it at once", () => {
  assertEquals(new Moderated(5).moderation.untilNextTurn(true), 0);
});

/** What became of a stream: wake-ups, turns from timers, how often those took over, and the longest that a message waited, ms. */
interface Served {
  wakeups: number;
  timers: number;
  moderations: number;
  longest: number;
}

/** Serves packets that come at these times, ms: each wakes the thread, unless a timer is set, which then takes all. */
function serve(stream: Moderated, arrivals: readonly number[]): Served {
  let wakeups = 0, timers = 0, longest = 0;
  for (let at = 0, next = Infinity; at < arrivals.length;) {
    if (next === Infinity) {
      wakeups++;
      next = stream.turn(arrivals[at++]! - stream.time, 100);
      continue;
    }
    timers++;
    const due = stream.time + next, first = at;
    while (at < arrivals.length && arrivals[at]! <= due) at++;
    if (at > first) longest = Math.max(longest, due - arrivals[first]!);
    next = stream.turn(next, (at - first) * 100, { woke: false });
  }
  return { wakeups, timers, moderations: stream.moderation.moderations, longest };
}

/** The times of packets at `rate` a second, for so many ms from `from` on. */
const evenly = (rate: number, milliseconds: number, from = 1_000): number[] =>
  Array.from({ length: Math.floor(rate * milliseconds / 1000) }, (_, i) => from + i * 1000 / rate);

test("a stream is moderated once it has caused 2.5 wake-ups a delay for 50 ms", () => {
  const stream = new Moderated(1);
  for (let wakeup = 1; wakeup < 125; wakeup++) assertEquals(stream.turn(0.4, 100), Infinity);
  assertEquals([stream.turn(0.4, 100), stream.moderation.moderations], [1, 1]);
  const { wakeups } = serve(new Moderated(1), evenly(10_000, 900));
  assertEquals(wakeups, 125);
});

test("with a longer delay fewer wake-ups are enough, as fewer timers are needed", () => {
  const wakeups = [1, 3, 5, 10, 50].map((delay) => serve(new Moderated(delay), evenly(3_000, 900)).wakeups);
  assertEquals(wakeups, [125, 42, 25, 20, 20]);
  const timers = ([[1, 2_000], [3, 1_000], [3, 800], [50, 60], [50, 40]] as const).map(([delay, rate]) =>
    serve(new Moderated(delay), evenly(rate, 900)).timers > 0
  );
  assertEquals(timers, [false, true, false, true, false]);
});

test("a feed of 2,000 a second in 450 bursts is delivered at once", () => {
  const bursts = evenly(450, 5_000).flatMap((at) => [at, at + 0.02, at + 0.04, at + 0.06]);
  const { timers, wakeups } = serve(new Moderated(1), bursts);
  assertEquals([timers, wakeups], [0, bursts.length]);
});

test("a moderated stream is delivered at once for 10 wake-ups each second, and from then on if they take more than 8 ms", () => {
  const stream = new Moderated(1);
  const dense = serve(stream, evenly(10_000, 3_500));
  assertEquals([dense.wakeups, dense.moderations], [125 + 3 * 10, 1]);
  // Fewer than would make it moderated, and more than half of them: it stays so.
  const less = serve(stream, evenly(1_500, 3_000, 4_500));
  assert(less.wakeups < 50 && less.moderations === 1, JSON.stringify(less));
  const few = serve(stream, evenly(1_000, 2_000, 7_500));
  assert(few.wakeups > 900, JSON.stringify(few));
  assertEquals(serve(stream, evenly(1_000, 1_000, 9_500)).timers, 0);
});

test("after two delays without a message the next ones are delivered at once, until they come as densely as before", () => {
  const stream = new Moderated(5);
  serve(stream, evenly(10_000, 100));
  assertEquals(stream.turn(0, 100, { woke: false }), 5);
  assertEquals(stream.turn(5, 0, { woke: false }), 5);
  assertEquals(stream.turn(4.9, 0, { woke: false }), 5);
  assertEquals(stream.turn(0.1, 0, { woke: false }), Infinity);
  for (let wakeup = 1; wakeup < 10; wakeup++) assertEquals(stream.turn(0.1, 100), Infinity);
  assertEquals([stream.turn(0.1, 100), stream.moderation.moderations], [5, 1]);
  assertEquals(stream.turn(10, 0, { woke: false }), Infinity);
  // After more than 8 delays it is a stream like any other.
  stream.time += 40;
  for (let wakeup = 1; wakeup < 25; wakeup++) assertEquals(stream.turn(0.1, 100), Infinity);
  assertEquals([stream.turn(0.1, 100), stream.moderation.moderations], [5, 2]);
});

test("what answers a message that was sent is no wake-up of a stream", () => {
  const stream = new Moderated(1);
  for (let trip = 0; trip < 1_000; trip++) {
    stream.send();
    stream.time += 0.15;
    stream.moderation.untilNextTurn(false);
    assertEquals(stream.turn(0, 100), Infinity);
  }
  for (let trip = 0; trip < 1_000; trip++) assert(stream.turn(0.15, 100, { sends: true }) !== 1);
  assertEquals(stream.moderation.moderations, 0);
});

test("after a message was sent one turn comes without a timer, and then timers again", () => {
  const stream = new Moderated(5);
  serve(stream, evenly(10_000, 100));
  assertEquals(stream.turn(0, 100, { woke: false }), 5);
  stream.send();
  stream.time += 0.2;
  assertEquals(stream.moderation.untilNextTurn(false), Infinity);
  assertEquals(stream.turn(0, 0), Infinity);
  assertEquals(stream.turn(0.1, 100), 5);
  assertEquals(stream.moderation.moderations, 1);
});

const GAPS = fc.array(fc.double({ min: 0.01, max: 10, noNaN: true }), { minLength: 1, maxLength: 2_000, size: "max" });
const arrivalsOf = (gaps: readonly number[]) => {
  let at = 1_000;
  return gaps.map((gap) => at += gap);
};

property(
  "no message waits longer than the delay, whatever comes when, and each is taken",
  fc.record({ delay: fc.constantFrom(1, 2, 5, 10, 50), gaps: GAPS }),
  ({ delay, gaps }) => {
    const { longest } = serve(new Moderated(delay), arrivalsOf(gaps));
    assert(longest <= delay + 1e-6, `${longest} ms`);
  },
  50,
);

property(
  "a stream with at most 2.3 packets in any delay is never moderated",
  fc.record({ delay: fc.constantFrom(1, 2, 5, 10, 50), gaps: GAPS }),
  ({ delay, gaps }) => {
    const { timers } = serve(new Moderated(delay), arrivalsOf(gaps.map((gap) => Math.max(gap, delay / 2.3))));
    assertEquals(timers, 0);
  },
  50,
);

property(
  "of a stream that is always dense, only what begins it and a hundredth of the rest are wake-ups",
  fc.record({ delay: fc.constantFrom(1, 2, 5, 10, 50), gaps: GAPS }),
  ({ delay, gaps }) => {
    const arrivals = arrivalsOf(Array.from({ length: 40 }, () => gaps).flat().map((gap) => gap / 10 * delay / 2.6));
    const { wakeups, moderations } = serve(new Moderated(delay), arrivals);
    const lasted = arrivals.at(-1)! - 1_000, probes = lasted / Math.max(1_000, 100 * delay);
    assert(moderations <= 1 && wakeups <= 125 + 10 * (probes + 1), `${wakeups} in ${lasted} ms`);
  },
  30,
);

test("the least delay of all sources counts, as long as its source is there", () => {
  const stream = new Moderated(5), { moderation } = stream;
  /** How long it waits once it is dense. */
  const dense = () => {
    let next = Infinity;
    for (let turn = 0; turn < 125 && next === Infinity; turn++) next = stream.turn(0.1, 100);
    return next;
  };
  assertEquals(dense(), 5);
  moderation.addDelay(2);
  moderation.addDelay(2);
  moderation.addDelay(Infinity);
  // What was counted by another delay says nothing.
  assertEquals(moderation.untilNextTurn(false), Infinity);
  assertEquals(dense(), 2);
  moderation.removeDelay(2);
  assertEquals(dense(), 2);
  moderation.removeDelay(2);
  assertEquals(dense(), 5);
  moderation.removeDelay(5);
  assertEquals(dense(), Infinity);
});

test("no message waits for a timer if a source wants them at once", () => {
  const stream = new Moderated(0);
  for (let turn = 0; turn < 1_000; turn++) assertEquals(stream.turn(0.01, 100), Infinity);
});

test("the answer to what is sent in a turn of a moderated stream is looked for", () => {
  const stream = new Moderated(5);
  serve(stream, evenly(10_000, 100));
  assertEquals(stream.turn(1, 100, { sends: true }), 0);
  stream.time += 0.2;
  assertEquals(stream.moderation.untilNextTurn(false), Infinity);
});

test("a flood is looked after once", () => {
  const stream = new Moderated();
  assertEquals(stream.turn(1, FLOOD - 1), Infinity);
  assertEquals(stream.turn(1, FLOOD), 0);
  assertEquals(stream.moderation.untilNextTurn(false), Infinity);
  // A look that comes anyway is that one.
  stream.moderation.turnBegins();
  stream.moderation.turnEnds(stream.time, FLOOD, false);
  assertEquals([stream.moderation.untilNextTurn(true), stream.moderation.untilNextTurn(false)], [0, Infinity]);
});

test("an answer is looked for during 0.1 ms, and no longer when it has come", () => {
  const stream = new Moderated();
  assertEquals(stream.send(), true);
  assertEquals(stream.turn(0.05, 0), 0);
  assertEquals(stream.turn(0.04, 100), Infinity);
  assertEquals(stream.send(), true);
  assertEquals(stream.turn(0.11, 0), Infinity);
});

test("the answer to a message that is sent when another one is read is looked for as long", () => {
  const stream = new Moderated();
  stream.send();
  assertEquals(stream.turn(0.05, 100, { sends: true }), 0);
  assertEquals(stream.turn(0.09, 0), 0);
  assertEquals(stream.turn(0.02, 0), Infinity);
});

test("a peer that is far is looked for ever more seldom, once in 257 sends at last, and every time once it was near", () => {
  const stream = new Moderated();
  /** How many sends pass until an answer is looked for, in vain. */
  const sends = () => {
    let passed = 0;
    while (!stream.send()) passed++;
    assertEquals(stream.turn(0.2, 0), Infinity);
    return passed;
  };
  assertEquals(Array.from({ length: 11 }, sends), [0, 1, 3, 7, 15, 31, 63, 127, 255, 256, 256]);
  while (!stream.send());
  assertEquals(stream.turn(0.01, 100), Infinity);
  assertEquals([stream.send(), stream.send()], [true, true]);
});

test("after 100 waits in a row that found nothing a look comes every 20 ms, until one finds something", () => {
  const { moderation } = new Moderated();
  for (let wait = 0; wait < 99; wait++) moderation.waitEnds(0, false);
  assertEquals([moderation.isStuck, moderation.untilNextTurn(false)], [false, Infinity]);
  moderation.waitEnds(0, false);
  assertEquals([moderation.isStuck, moderation.untilNextTurn(false)], [true, 20]);
  moderation.lookEnds(0);
  assertEquals(moderation.untilNextTurn(false), 20);
  moderation.lookEnds(1);
  assertEquals([moderation.isStuck, moderation.untilNextTurn(false)], [false, Infinity]);
});

test("a wait that found something, or was woken, begins the count anew", () => {
  for (const [found, woken] of [[1, false], [0, true]] as const) {
    const { moderation } = new Moderated();
    for (let wait = 0; wait < 99; wait++) moderation.waitEnds(0, false);
    moderation.waitEnds(found, woken);
    for (let wait = 0; wait < 99; wait++) moderation.waitEnds(0, false);
    assertEquals(moderation.isStuck, false);
  }
});

test("when all sources were ended nothing is looked for", () => {
  const stream = new Moderated();
  for (let wait = 0; wait < 100; wait++) stream.moderation.waitEnds(0, false);
  stream.moderation.turnBegins();
  stream.moderation.turnEnds(stream.time, FLOOD, false);
  stream.moderation.reset();
  assertEquals(stream.moderation.untilNextTurn(false), Infinity);
});
