import { assertEquals } from "@std/assert";
import { Moderation } from "../../src/reactor/moderation.ts";
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
  turn(after: number, bytes: number, { timed = false, sends = false } = {}): number {
    this.time += after;
    this.moderation.turnBegins();
    if (sends) this.moderation.messageSent();
    this.moderation.turnEnds(this.time, bytes, timed);
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

test("messages less than two delays apart are taken by timers, until two delays pass without one", () => {
  const stream = new Moderated(5);
  assertEquals(stream.turn(0, 100), Infinity);
  assertEquals(stream.turn(10, 100), Infinity);
  assertEquals(stream.turn(9.9, 100), 5);
  // The timer is late, and yet it found something.
  assertEquals(stream.turn(12, 100, { timed: true }), 5);
  assertEquals(stream.turn(5, 0, { timed: true }), 5);
  assertEquals(stream.turn(4.9, 0, { timed: true }), 5);
  assertEquals(stream.turn(0.1, 0, { timed: true }), Infinity);
  assertEquals(stream.turn(1, 0), Infinity);
});

test("the least delay of all sources counts, as long as its source is there", () => {
  const { moderation } = new Moderated(5);
  const dense = () => {
    let next = 0;
    for (let turn = 0; turn < 2; turn++) {
      moderation.turnBegins();
      moderation.turnEnds(1_000, 100, false);
      next = moderation.untilNextTurn(false);
    }
    return next;
  };
  assertEquals(dense(), 5);
  moderation.addDelay(2);
  moderation.addDelay(2);
  moderation.addDelay(Infinity);
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
  for (let turn = 0; turn < 5; turn++) assertEquals(stream.turn(0.01, 100), Infinity);
});

test("a turn in which a message is sent is not part of a dense stream: its answer is looked for", () => {
  const stream = new Moderated(5);
  stream.turn(1, 100);
  assertEquals(stream.turn(1, 100), 5);
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
