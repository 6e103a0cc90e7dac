import { assert, assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { type Ringer, RingWaiter } from "../../src/reactor/ring_waiter.ts";
import { test } from "../support/testing.ts";
import { ScriptedWaiter } from "./scripted.ts";
import { ScriptedGate, ScriptedKernel } from "./scripted_kernel.ts";

/** What rings when the test says so. */
class ScriptedRinger implements Ringer {
  readonly onRing: () => void;
  readonly onBroken: () => void;
  readonly log: string[];
  /** Whether the kernel takes polls. */
  works = true;

  constructor(log: string[], onRing: () => void, onBroken: () => void) {
    this.log = log;
    this.onRing = onRing;
    this.onBroken = onBroken;
    log.push("ringer");
  }

  poll(fd: number): boolean {
    this.log.push(`poll ${fd}`);
    return this.works;
  }

  setRef(refed: boolean): void {
    this.log.push(refed ? "ref" : "unref");
  }

  close(): void {
    this.log.push("silence");
  }
}

class Scene {
  readonly log: string[] = [];
  readonly other: ScriptedWaiter = new ScriptedWaiter(this.log);
  readonly ringers: ScriptedRinger[] = [];
  readonly tasks: (() => void)[] = [];
  readonly kernel: ScriptedKernel = new ScriptedKernel();
  readonly gate: ScriptedGate = this.newGate(11);
  readonly waiter: RingWaiter;
  /** How waits ended. */
  readonly ends: (CurlWebSocketError | null)[] = [];

  constructor({ hasRingers = true } = {}) {
    this.waiter = new RingWaiter(
      this.other,
      (onRing, onBroken) => {
        if (!hasRingers) return null;
        this.ringers.push(new ScriptedRinger(this.log, onRing, onBroken));
        return this.ringer;
      },
      (task) => void this.tasks.push(task),
    );
  }

  get ringer(): ScriptedRinger {
    return this.ringers.at(-1)!;
  }

  newGate(fd: number): ScriptedGate {
    return new ScriptedGate(this.kernel, fd, new Map());
  }

  waitAt(gate: ScriptedGate = this.gate): boolean {
    return this.waiter.waitAt(gate, (error) => void this.ends.push(error));
  }

  /** What was called since the last time. */
  get calls(): string[] {
    return this.log.splice(0);
  }

  turn(): void {
    for (const task of this.tasks.splice(0)) task();
  }
}

test("a wait polls the queue behind the gate, ends when it rings, and opens no other waiter", () => {
  const scene = new Scene();
  scene.waiter.unref();
  scene.waiter.open();
  scene.waiter.open();
  assertEquals([scene.waiter.canStand, scene.waiter.hasThread, scene.calls], [true, false, ["ringer", "unref"]]);
  scene.waiter.ref();
  for (let round = 0; round < 3; round++) {
    assert(scene.waitAt());
    assertEquals(scene.ends, []);
    scene.ringer.onRing();
    assertEquals(scene.ends.splice(0), [null]);
  }
  assertEquals(scene.calls, ["ref", "poll 10", "poll 10", "poll 10"]);
  scene.waiter.collect(() => assert(false, "the queue tells what is ready"));
  assert(scene.waiter.stop());
  scene.waiter.close();
  scene.waiter.close();
  assertEquals([scene.calls, scene.other.isOpen], [["silence"], false]);
});

test("a wait that was ended leaves the poll: the next one has it, and nothing is polled twice", () => {
  const scene = new Scene();
  scene.waiter.open();
  scene.waitAt();
  scene.waiter.wake();
  scene.waiter.wake();
  assertEquals(scene.ends, []);
  scene.turn();
  assertEquals(scene.ends.splice(0), [null]);
  scene.waitAt();
  assertEquals(scene.calls.filter((call) => call.startsWith("poll")), ["poll 10"]);
  scene.ringer.onRing();
  assertEquals(scene.ends.splice(0), [null]);
  // It rings while no wait is out: whatever is ready then ends the next poll at once.
  scene.waitAt();
  scene.waiter.wake();
  scene.turn();
  scene.ringer.onRing();
  assertEquals(scene.ends.splice(0), [null]);
  scene.waitAt();
  assertEquals(scene.calls, ["poll 10", "poll 10"]);
});

test("after stop() nothing ends a wait", () => {
  const scene = new Scene();
  scene.waiter.open();
  scene.waitAt();
  assert(scene.waiter.stop());
  scene.ringer.onRing();
  scene.waiter.wake();
  scene.turn();
  assertEquals(scene.ends, []);
});

test("another queue is not mixed up with the last one, which may still ring", () => {
  const scene = new Scene();
  scene.waiter.open();
  scene.waitAt();
  scene.waiter.stop();
  scene.calls;
  assert(scene.waitAt(scene.newGate(21)));
  assertEquals(scene.calls, ["silence", "ringer", "unref", "poll 20"]);
});

test("if the kernel no longer polls, the other waiter serves from there on", () => {
  const scene = new Scene();
  scene.waiter.open();
  scene.ringer.works = false;
  assertEquals(scene.waitAt(), false);
  assertEquals([scene.waitAt(), scene.waiter.canStand], [false, false]);
  scene.waiter.wait(new Map([[5, { events: 1 }]]), (error) => void scene.ends.push(error));
  scene.other.end([5]);
  assertEquals(scene.ends, [null]);
  const found: number[] = [];
  scene.waiter.collect((fd) => found.push(fd));
  assertEquals(found, [5]);
  scene.waiter.wait(new Map([[5, { events: 1 }]]), () => {});
  scene.waiter.wake();
  assert(scene.other.isWoken);
  scene.other.end();
  scene.waiter.close();
  scene.calls;
  scene.waiter.open();
  assertEquals(scene.calls, ["open"]);
});

test("if somebody closes the bell, the wait ends, and the other waiter serves", () => {
  const scene = new Scene();
  scene.other.canStand = true;
  scene.waiter.open();
  scene.waitAt();
  scene.ringer.onBroken();
  assertEquals([scene.ends.splice(0), scene.waitAt()], [[null], false]);
  scene.waiter.look(new Map());
  // Now that it is open it may stand at gates itself.
  assert(scene.waitAt());
  assertEquals(scene.other.standing, scene.gate);
  scene.other.end();
  assertEquals(scene.ends, [null]);
});

test("where nothing rings, all is the other waiter's", () => {
  const scene = new Scene({ hasRingers: false });
  scene.other.canStand = true;
  scene.waiter.open();
  scene.waiter.ref();
  assert(scene.waiter.canStand && scene.waiter.hasThread && scene.other.isOpen && scene.other.refed);
  assert(scene.waitAt());
  assertEquals(scene.other.standing, scene.gate);
  assert(scene.waiter.stop());
  scene.waiter.unref();
  assertEquals(scene.other.refed, false);
  scene.waiter.close();
  assertEquals(scene.other.isOpen, false);
});

test("if the other waiter cannot be opened, nothing is left, and it is tried again", () => {
  const scene = new Scene({ hasRingers: false });
  scene.other.throws.open = new CurlWebSocketError("ERR_LIBCURL", "scripted");
  assertThrows(() => scene.waiter.open(), CurlWebSocketError, "scripted");
  scene.waiter.open();
  assertEquals(scene.calls, ["open", "open"]);
});
