/** Who waits at a gate, as real as it is: libcurl, the kernel's queue and ring, sockets, and their numbers used again. */
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import "../../mod.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { MultiWaiter } from "../../src/curl/multi_waiter.ts";
import { ffi } from "../../src/platform/ffi.ts";
import { PollBell } from "../../src/platform/poll_bell.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { gateTake, systemKernel } from "../../src/reactor/kernel.ts";
import type { KernelQueue } from "../../src/reactor/kernel_queue.ts";
import { READABLE, WRITABLE } from "../../src/reactor/readiness.ts";
import { RingWaiter } from "../../src/reactor/ring_waiter.ts";
import type { Waiter } from "../../src/reactor/waiter.ts";
import { noBell } from "../support/bell.ts";
import { SocketPair } from "../support/socket_pair.ts";
import { test } from "../support/testing.ts";

const noGates = gateTake() === null ? "this system has no gates" : undefined;

/** Makes a waiter that waits at gates. */
interface Kind {
  readonly name: string;
  readonly skip: string | undefined;
  make(): Waiter;
}

const KINDS: readonly Kind[] = [
  {
    name: "a thread",
    skip: noGates ??
      (ffi().createPoller(loadCurl().info.path, null).standing === null
        ? "no thread of this runtime stands"
        : undefined),
    make: () => new MultiWaiter(loadCurl(), gateTake()),
  },
  {
    name: "a bell",
    skip: noGates ?? noBell(),
    make: () => new RingWaiter(new MultiWaiter(loadCurl(), gateTake()), PollBell.open, (fn) => runtime().defer(fn)),
  },
];

/** A waiter at the gate of a queue, and the wait that is out. */
class Stand implements Disposable {
  readonly waiter: Waiter;
  readonly queue: KernelQueue = systemKernel.createQueue(true)!;
  /** Resolves when the wait that is out is over; null if none is. */
  out: Promise<void> | null = null;
  ends = 0;

  constructor({ make }: Kind) {
    this.waiter = make();
    this.waiter.open();
    assert(this.waiter.canStand);
    this.waiter.ref();
  }

  wait(): Promise<void> {
    return this.out ??= new Promise((resolve, reject) => {
      const began = this.waiter.waitAt(this.queue.gate!, (error) => {
        this.out = null;
        this.ends++;
        if (error === null) resolve();
        else reject(error);
      });
      assert(began);
    });
  }

  /** What is ready, by the lowest number first. */
  collect(): [number, number][] {
    const ready: [number, number][] = [];
    this.queue.collect((fd, events) => ready.push([fd, events]));
    return ready.sort(([a], [b]) => a - b);
  }

  [Symbol.dispose](): void {
    assert(this.waiter.stop(), "the thread did not answer");
    this.queue.close();
    this.waiter.unref();
    this.waiter.close();
  }
}

/** The same test of each kind. */
function testEach(name: string, run: (kind: Kind) => Promise<void>, timeout = 30_000): void {
  for (const kind of KINDS) test(`${kind.name}: ${name}`, () => run(kind), { skip: kind.skip, timeout });
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

testEach("a wait is over when a socket is ready, also one that was before, and nothing ends it twice", async (kind) => {
  using one = new SocketPair();
  using other = new SocketPair();
  using stand = new Stand(kind);
  for (const { fd } of [one, other]) stand.queue.set(fd, READABLE);
  for (let round = 0; round < 20; round++) {
    const out = stand.wait();
    one.write();
    await out;
    assertEquals(stand.collect(), [[one.fd, READABLE]]);
    // It is not served, and something else comes, while the gate is closed.
    other.write();
    await turn();
    assertEquals(stand.ends, 2 * round + 1);
    await stand.wait();
    assertEquals(stand.collect().length, 2);
    one.read();
    other.read();
  }
});

testEach(
  "sockets come, change and go while the thread sleeps, and a closed gate lets nothing through",
  async (kind) => {
    using one = new SocketPair();
    using other = new SocketPair();
    using stand = new Stand(kind);
    const out = stand.wait();
    one.write();
    stand.queue.set(one.fd, READABLE);
    await out;
    one.read();
    const next = stand.wait();
    other.write();
    stand.queue.set(other.fd, WRITABLE);
    await next;
    assertEquals(stand.collect(), [[other.fd, WRITABLE]]);
    stand.queue.delete(other.fd);
    const last = stand.wait();
    await turn();
    assertEquals([stand.out !== null, stand.ends], [true, 2]);
    // An end, of a socket that waits to be read.
    one.closePeer();
    await last;
    assertEquals(stand.collect().map(([fd]) => fd), [one.fd]);
  },
);

testEach("a paused socket whose peer is gone wakes nobody", async (kind) => {
  using paused = new SocketPair();
  using stand = new Stand(kind);
  stand.queue.set(paused.fd, READABLE);
  stand.queue.delete(paused.fd);
  const out = stand.wait();
  paused.write();
  paused.closePeer();
  for (let turns = 0; turns < 20; turns++) await turn();
  assertEquals(stand.ends, 0);
  stand.waiter.wake();
  await out;
  assertEquals(stand.ends, 1);
});

testEach(
  "a thread that was stopped uses nothing, and stands again when there is something to wait for",
  async (kind) => {
    using pair = new SocketPair();
    using stand = new Stand(kind);
    stand.queue.set(pair.fd, READABLE);
    for (let round = 0; round < 20; round++) {
      pair.write();
      await stand.wait();
      pair.read();
      assertEquals([stand.waiter.stop(), stand.waiter.stop()], [true, true]);
      stand.waiter.close();
      stand.waiter.open();
    }
  },
);

testEach("two waiters stand apart from each other", async (kind) => {
  using one = new SocketPair();
  using other = new SocketPair();
  using left = new Stand(kind);
  using right = new Stand(kind);
  left.queue.set(one.fd, READABLE);
  right.queue.set(other.fd, READABLE);
  const never = left.wait();
  for (let round = 0; round < 5; round++) {
    const out = right.wait();
    other.write();
    await out;
    other.read();
  }
  assertEquals(left.ends, 0);
  one.write();
  await never;
});

/** Numbers below `limit` that look like chance, the same for the same seed: a linear congruential generator's. */
function chance(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

/** A socket, as the test knows it. */
interface Known {
  pair: SocketPair;
  /** What it is waited for; 0 for nothing. */
  events: number;
  /** How many bytes it has to read. */
  bytes: number;
}

const SOCKETS = 6;

/**
 * Does one thing after another, by chance, and knows for each moment what is ready. A lost wake-up is a wait that has no end.
 * Returns how many wake-ups there were, how many of them for nothing, and how many reasons there were for such.
 */
async function churn(kind: Kind, operations: number, seed: number) {
  const random = chance(seed);
  using stand = new Stand(kind);
  const { queue, waiter } = stand;
  const sockets: Known[] = Array.from({ length: SOCKETS }, () => ({ pair: new SocketPair(), events: 0, bytes: 0 }));
  let wakeups = 0, spurious = 0, reasons = 0;
  const eventsOf = ({ events, bytes }: Known) => events & ((bytes > 0 ? READABLE : 0) | WRITABLE);
  const ready = () =>
    sockets.filter((socket) => eventsOf(socket) !== 0).map((socket) => [socket.pair.fd, eventsOf(socket)] as const)
      .sort(([a], [b]) => a - b);
  /** What was ready may have ended the poll, and is no longer. */
  const takesAway = (socket: Known) => {
    if (eventsOf(socket) !== 0) reasons++;
  };
  const set = (socket: Known, events: number) => {
    takesAway(socket);
    socket.events = events;
    if (events === 0) queue.delete(socket.pair.fd);
    else assert(queue.set(socket.pair.fd, events));
  };
  for (let done = 0; done < operations; done++) {
    const socket = sockets[random(SOCKETS)]!;
    switch (random(12)) {
      case 0:
      case 1:
      case 2:
        socket.pair.write();
        socket.bytes++;
        break;
      case 3:
        takesAway(socket);
        for (; socket.bytes > 0; socket.bytes--) socket.pair.read();
        break;
      case 4:
        set(socket, READABLE);
        break;
      case 5:
        set(socket, random(2) * WRITABLE);
        break;
      case 6: {
        // Closed, and its number used again by the next one; now and then somebody else closes it, who tells nobody.
        if (random(3) > 0) set(socket, 0);
        takesAway(socket);
        socket.pair[Symbol.dispose]();
        Object.assign(socket, { pair: new SocketPair(), bytes: 0, events: 0 });
        break;
      }
      case 7:
        if (stand.out === null && random(10) === 0) assert(waiter.stop());
        reasons++;
        break;
      case 8: {
        const { out } = stand;
        if (out === null) break;
        reasons++;
        waiter.wake();
        await out;
        break;
      }
      default: {
        const out = stand.wait();
        out.catch(() => {});
        if (ready().length === 0) {
          if (random(2) === 0) break;
          if ((socket.events & READABLE) === 0) set(socket, READABLE);
          socket.pair.write();
          socket.bytes++;
        }
        await out;
        wakeups++;
        const found = stand.collect();
        if (found.length === 0) spurious++;
        assertEquals(found, ready());
        // Most of what is found is served.
        for (const socket of sockets) {
          if ((eventsOf(socket) & READABLE) === 0 || random(8) === 0) continue;
          for (; socket.bytes > 0; socket.bytes--) socket.pair.read();
        }
      }
    }
  }
  if (stand.out !== null) {
    const { out } = stand;
    waiter.wake();
    await out;
  }
  for (const { pair } of sockets) pair[Symbol.dispose]();
  return { wakeups, spurious, reasons };
}

testEach(
  "no wake-up is lost whatever happens, and one comes for nothing only where there is a reason",
  async (kind) => {
    const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
    const { wakeups, spurious, reasons } = await churn(kind, 10_000 * Number(process.env.FC_RUNS ?? 1), seed);
    const figures = `${wakeups} wake-ups, ${spurious} for nothing, ${reasons} reasons; FC_SEED=${seed}`;
    if (process.env.FC_RUNS !== undefined) console.log(figures);
    assert(wakeups > 1_000, figures);
    assert(spurious <= reasons, figures);
  },
  600_000,
);
