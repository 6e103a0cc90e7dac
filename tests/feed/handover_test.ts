/** How messages pass from one connection to the next: rotation. */
import { assert, assertEquals } from "@std/assert";
import type { RotateOptions } from "../../src/feed/options.ts";
import { test } from "../support/testing.ts";
import { closedBy, FakeSocket, lost, ScriptedFeed } from "./scripted.ts";

/** An open feed that rotates: the old connection, and the next one, which is not yet open. */
function rotating(
  rotate: RotateOptions = {},
  more: object = {},
): { scripted: ScriptedFeed; old: FakeSocket; next: FakeSocket } {
  const scripted = new ScriptedFeed({ rotate, ...more }), old = scripted.socket;
  old.open();
  scripted.news;
  assert(scripted.feed.rotate());
  return { scripted, old, next: scripted.socket };
}

const key = (data: string | ArrayBuffer) => Number(data);

test("the old connection delivers until the next one has caught up, and is then closed cleanly", () => {
  const { scripted, old, next } = rotating({ key });
  old.message("1", "2");
  next.open();
  old.message("3");
  next.message("5", "6");
  assertEquals([scripted.messages.join(""), old.closedWith], ["123", null]);
  old.message("4");
  assertEquals(old.closedWith, null);
  old.message("5");
  assertEquals([scripted.messages.join(""), old.closedWith], ["123456", [1000]]);
  old.end(closedBy(1000));
  next.message("7");
  assertEquals([scripted.messages.join(""), scripted.news], ["1234567", []]);
  const { rotations, connections, gaps, duplicates } = scripted.feed.stats;
  assertEquals([rotations, connections, gaps, duplicates], [1, 2, 0, 1]);
});

test("if the old connection is ahead, what the next one brings again is not delivered", () => {
  const { scripted, old, next } = rotating({ key });
  old.message("1", "2", "3");
  next.open();
  next.message("2");
  assertEquals(old.closedWith, [1000]);
  next.message("3", "4");
  assertEquals([scripted.messages.join(""), scripted.feed.stats.duplicates], ["1234", 2]);
});

test("a message that came before the rotation began is no sign of having caught up", () => {
  const scripted = new ScriptedFeed({ rotate: { key } }), old = scripted.socket;
  old.open();
  old.message("1");
  scripted.feed.rotate();
  scripted.socket.open();
  old.message("2");
  scripted.socket.message("2");
  assertEquals([scripted.messages.join(""), old.closedWith], ["12", [1000]]);
});

test("without a key both deliver for the overlap, so that messages may come twice and none is missed", () => {
  const { scripted, old, next } = rotating({ overlap: 300 });
  old.message("1");
  next.open();
  old.message("2");
  next.message("2");
  old.message("3");
  next.message("3");
  assertEquals([scripted.messages.join(""), old.closedWith], ["12233", null]);
  scripted.clock.pass(299);
  assertEquals(old.closedWith, null);
  scripted.clock.pass(1);
  assertEquals(old.closedWith, [1000]);
});

test("the next connection takes over without a message after patience", () => {
  for (const rotate of [{ key, patience: 700 }, { patience: 700 }]) {
    const { scripted, old, next } = rotating(rotate);
    next.open();
    scripted.clock.pass(700);
    assertEquals(old.closedWith, [1000]);
    next.message("1");
    assertEquals(scripted.messages, ["1"]);
  }
});

test("an old connection that has become silent is not waited for, once its silence has lasted for the overlap", () => {
  const { scripted, old, next } = rotating({ key, overlap: 300 });
  next.open();
  next.message("5");
  scripted.clock.pass(200);
  old.message("2");
  scripted.clock.pass(299);
  assertEquals([scripted.messages.join(""), old.closedWith], ["2", null]);
  scripted.clock.pass(1);
  assertEquals([scripted.messages.join(""), old.closedWith], ["25", [1000]]);
});

test("while reading is paused neither overlap nor patience runs, and nothing is delivered", () => {
  const { scripted, old, next } = rotating({ key, overlap: 300, patience: 300 });
  next.open();
  scripted.feed.pause();
  scripted.clock.pass(1e6);
  assertEquals([old.isPaused, next.isPaused, old.closedWith], [true, true, null]);
  scripted.feed.resume();
  next.message("5");
  scripted.feed.pause();
  scripted.clock.pass(1e6);
  assertEquals([scripted.messages.join(""), old.closedWith], ["", null]);
  scripted.feed.resume();
  old.message("4", "5");
  assertEquals([scripted.messages.join(""), next.isPaused], ["45", false]);
});

test("a connection that stands while reading is paused is not read, and time goes on when reading does", () => {
  const { scripted, old, next } = rotating({ key, overlap: 300, patience: 500 });
  scripted.feed.pause();
  next.open();
  assertEquals([next.isPaused, scripted.clock.timers], [true, []]);
  scripted.feed.resume();
  assertEquals([next.isPaused, scripted.clock.timersIn], [false, [500]]);
  next.message("5");
  scripted.feed.pause();
  scripted.feed.resume();
  assertEquals(scripted.clock.timersIn, [300]);
  scripted.clock.pass(300);
  assertEquals([scripted.messages, old.closedWith], [["5"], [1000]]);
});

test("no time runs for a handover while the reader has stopped, also if it stops at a message of the old connection", () => {
  const { scripted, old, next } = rotating({ key, overlap: 300 });
  next.open();
  next.message("5");
  scripted.onMessage = () => scripted.feed.pause();
  old.message("3");
  scripted.clock.pass(1e6);
  assertEquals([scripted.messages, old.closedWith, scripted.clock.timers], [["3"], null, []]);
  scripted.feed.resume();
  assertEquals(scripted.clock.timersIn, [300]);
});

test("what the next connection brings ahead is bounded: it is not read any more", () => {
  const scripted = new ScriptedFeed({ rotate: { key } }, { highWaterMark: 200 }), old = scripted.socket;
  old.open();
  scripted.feed.rotate();
  const next = scripted.socket;
  next.open();
  next.message("5", "6", "7", "8");
  assertEquals(next.isPaused, true);
  old.message("5");
  assertEquals([scripted.messages.join(""), next.isPaused], ["5678", false]);
});

test("connected runs before the next connection takes over; if it fails, the old one stays and it is tried again", async () => {
  let introduced = 0;
  const { scripted, old, next } = rotating({ key }, {
    connected: () => {
      if (++introduced === 2) throw new Error("no");
    },
  });
  next.open();
  assertEquals([next.terminated, old.closedWith, scripted.news], [true, null, ["warning: rotation 0 1000 ERR_HOOK"]]);
  scripted.clock.pass(1000);
  assertEquals(scripted.sockets.length, 3);
  scripted.socket.open();
  old.message("1");
  scripted.socket.message("1");
  await Promise.resolve();
  assertEquals([old.closedWith, scripted.messages, scripted.news], [[1000], ["1"], []]);
});

test("delays of rotations that fail grow, and begin anew after one that did not", () => {
  const { scripted, old } = rotating({ key, after: 1e9 }, { reconnect: { firstDelay: 100, factor: 2 } });
  const delays: number[] = [];
  const fail = () => {
    scripted.socket.end();
    delays.push(Math.min(...scripted.clock.timersIn));
    scripted.clock.pass(delays.at(-1)!);
  };
  fail();
  fail();
  scripted.socket.open();
  old.message("1");
  scripted.socket.message("1");
  assertEquals(old.closedWith, [1000]);
  scripted.feed.rotate();
  fail();
  assertEquals(delays, [100, 200, 100]);
});

test("a rotation by hand that fails and is of no use is not tried again", () => {
  const { scripted, next } = rotating();
  next.end(closedBy(1008));
  assertEquals([scripted.news, scripted.clock.timers], [["warning: rotation 0 null 1008"], []]);
});

test("isFatal may close the feed when a rotation has failed: no timer is left", () => {
  const { scripted, old, next } = rotating({}, {
    reconnect: {
      isFatal: () => {
        scripted.feed.close();
        return false;
      },
    },
  });
  next.end();
  assertEquals([scripted.news, scripted.clock.timers, old.closedWith], [[], [], []]);
});

test("keys are looked at during a rotation alone", () => {
  let asked = 0;
  const { scripted, old, next } = rotating({
    key: (data) => {
      asked++;
      return Number(data);
    },
  });
  next.open();
  next.message("1");
  old.message("1");
  next.message("2");
  const during = asked;
  next.message("3", "4", "5");
  assertEquals([scripted.messages.join(""), asked > 0, asked - during], ["12345", true, 0]);
});

test("a rotation of no use, such as a token that is refused, leaves the old connection alone until the next time", () => {
  const { scripted, old, next } = rotating({ key, after: 60_000, jitter: 0 });
  next.end(lost("ERR_HANDSHAKE_STATUS", { status: 401 }));
  assertEquals(scripted.news, ["warning: rotation 0 60000 ERR_HANDSHAKE_STATUS"]);
  assertEquals(scripted.clock.timersIn, [60_000]);
  const { rotations, rotationFailures, failures } = scripted.feed.stats;
  assertEquals([rotations, rotationFailures, failures], [0, 1, 1]);
  old.message("1");
  assertEquals(scripted.messages, ["1"]);
});

test("if the old connection ends before the next one stands, the feed is down until it does, which is told as a gap", () => {
  const { scripted, old, next } = rotating({ key });
  old.end();
  assertEquals(scripted.news, ["down"]);
  next.open();
  assertEquals(scripted.news.map((text) => text.split(" ")[0]), ["gap", "open"]);
  next.message("9");
  assertEquals(scripted.messages, ["9"]);
});

test("if it ends while the next one is ahead, what is held is delivered, and the gap is told", () => {
  const { scripted, old, next } = rotating({ key });
  next.open();
  next.message("5");
  old.end();
  assertEquals([scripted.news.map((text) => text.split(" ")[0]), scripted.messages], [["down", "gap", "open"], ["5"]]);
});

test("keys are no longer looked at when a rotation is over by the end of the old connection", () => {
  let asked = 0;
  const { scripted, old, next } = rotating({
    key: (data) => {
      asked++;
      return Number(data);
    },
  });
  next.open();
  next.message("5");
  old.end();
  next.message("6");
  const before = asked;
  next.message("7", "8");
  assertEquals([scripted.messages.join(""), asked - before], ["5678", 0]);
});

test("if it ends while both deliver, nothing is missed and nothing is told", () => {
  const { scripted, old, next } = rotating({ overlap: 300 });
  next.open();
  next.message("1");
  old.end();
  next.message("2");
  assertEquals([scripted.news, scripted.messages, scripted.feed.stats.gaps], [[], ["1", "2"], 0]);
  scripted.clock.pass(1e6);
  assertEquals(scripted.sockets.length, 2);
});

test("what is sent while the old connection is being closed by the server goes over the next one", () => {
  const { scripted, old, next } = rotating({}, { buffer: 10 });
  next.open();
  next.message("1");
  old.readyState = 2;
  scripted.feed.send("a");
  assertEquals([old.sent, next.sent], [[], []]);
  old.end(closedBy(1000));
  scripted.feed.send("b");
  assertEquals([next.sent, scripted.news], [["a", "b"], []]);
  const { rotations, connections, gaps } = scripted.feed.stats;
  assertEquals([rotations, connections, gaps], [1, 2, 0]);
});

test("if both end, the feed connects again", () => {
  const { scripted, old, next } = rotating({ key });
  next.open();
  next.message("5");
  next.end();
  old.message("4", "5");
  old.end();
  assertEquals(scripted.messages.join(""), "45");
  assertEquals(scripted.news, ["warning: rotation 0 1000 ERR_CONNECTION_LOST", "down", "attempt 2 of 0 in 1000"]);
});

test("rotate: { after } begins the next connection in time, less what chance takes off, again and again", () => {
  const scripted = new ScriptedFeed({ rotate: { after: 1000, jitter: 0.2, key } });
  scripted.clock.chance = 0.5;
  scripted.socket.open();
  for (let round = 1; round < 5; round++) {
    const old = scripted.socket;
    scripted.clock.pass(899);
    assertEquals(scripted.sockets.length, round);
    scripted.clock.pass(1);
    assertEquals(scripted.sockets.length, round + 1);
    scripted.socket.open();
    old.message(String(round));
    scripted.socket.message(String(round));
    assertEquals(old.closedWith, [1000]);
    old.end(closedBy(1000));
  }
  assertEquals([scripted.messages.join(""), scripted.feed.stats.rotations], ["1234", 4]);
});

test("rotate() does nothing while no connection stands, or the next one is being made", () => {
  const scripted = new ScriptedFeed();
  assertEquals(scripted.feed.rotate(), false);
  scripted.socket.open();
  assertEquals([scripted.feed.rotate(), scripted.feed.rotate()], [true, false]);
});

test("close() during a rotation closes what is open and gives up the attempt", () => {
  const { scripted, old, next } = rotating({ key });
  scripted.feed.close(1000);
  assertEquals([old.closedWith, next.terminated, scripted.news], [[1000], true, []]);
  old.end(closedBy(1000));
  assertEquals([scripted.news, scripted.clock.timers], [["end 1000 clean"], []]);
});

test("close() by the reader of what was held closes the old connection too", () => {
  const { scripted, old, next } = rotating({ key });
  next.open();
  next.message("2", "3");
  scripted.onMessage = (data) => {
    if (data === "3") scripted.feed.close(1000);
  };
  old.message("1", "2");
  assertEquals([old.closedWith, next.closedWith, scripted.messages.join("")], [[1000], [1000], "123"]);
  old.end(closedBy(1000));
  next.end(closedBy(1000));
  assertEquals(scripted.news, ["end 1000 clean"]);
});

test("close() while a replaced connection is closing: the feed ends as the present one does", () => {
  const { scripted, old, next } = rotating({ key });
  old.message("1");
  next.open();
  next.message("1");
  assertEquals(old.closedWith, [1000]);
  scripted.feed.close(3001);
  old.end(closedBy(1000));
  next.end(closedBy(3001));
  assertEquals(scripted.news, ["end 3001 clean"]);
});

test("a key that throws counts as none: the message is delivered, and the error is reported", () => {
  const { scripted, old, next } = rotating({
    key: (data) => {
      if (data === "bad") throw new Error("no number");
      return Number(data);
    },
  });
  next.open();
  old.message("bad", "1");
  next.message("1");
  assertEquals([scripted.news, scripted.messages, scripted.clock.uncaught.map(String)], [[], ["bad", "1"], [
    "Error: no number",
  ]]);
});
