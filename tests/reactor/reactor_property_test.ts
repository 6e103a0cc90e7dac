/** Two reactors of one thread, and whatever their sources and the kernel may do in any order: what holds all the same. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CurlWebSocketError } from "../../src/errors.ts";
import { READABLE } from "../../src/reactor/readiness.ts";
import { property } from "../protocol/support.ts";
import { must, problems } from "./must.ts";
import { Scripted, ScriptedClock, ScriptedSource } from "./scripted.ts";

/** What a program does, or a source in its turn. */
const PROGRAM = [
  ...["watch", "watch", "watch all", "unwatch", "detach", "again", "again", "ref", "close", "send"],
  ...["more", "more", "slow", "slow", "bytes", "flood", "nest", "nest", "throw"],
] as const;
/** What the kernel does. */
const KERNEL = ["ready", "all ready", "all ready", "end", "end", "end", "queues", "refuse", "gates"] as const;
/** What the event loop does. */
const LOOP = ["task", "task", "pass", "no checkpoint"] as const;
const FAULTS = ["wait fails", "wait throws", "look throws", "wake throws"] as const;

/** What happens; the numbers choose of which reactor, source and socket. */
interface Step {
  readonly kind: typeof PROGRAM[number] | typeof KERNEL[number] | typeof LOOP[number] | typeof FAULTS[number];
  readonly reactor: number;
  readonly source: number;
  readonly fd: number;
  readonly events: number;
}

const SOURCES = 3, FDS = 5;
const NUMBERS = Array.from({ length: SOURCES * FDS }, (_, i) => i);

const step = (kinds: readonly Step["kind"][]): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    reactor: fc.nat(1),
    source: fc.nat(SOURCES - 1),
    fd: fc.nat(FDS - 1),
    events: fc.integer({ min: 1, max: 3 }),
  });

const inner = fc.oneof({ weight: 4, arbitrary: step(PROGRAM) }, { weight: 1, arbitrary: step(KERNEL) });
const outer = fc.oneof(
  { weight: 20, arbitrary: step(PROGRAM) },
  { weight: 60, arbitrary: step(KERNEL) },
  { weight: 40, arbitrary: step(LOOP) },
  { weight: 1, arbitrary: step(FAULTS) },
);

const fault = () => new CurlWebSocketError("ERR_LIBCURL", "scripted");

/** One of the two reactors, and what is true of it. */
class Model {
  readonly world: World;
  readonly scripted: Scripted;
  readonly sources: ScriptedSource[];
  /** What is ready, until a source takes it. */
  readonly ready: Map<number, number> = new Map();
  readonly attached: Map<ScriptedSource, { refed: boolean; readonly watched: Map<number, number> }> = new Map();
  /** Sockets to be closed that are not closed yet. */
  closing = 0;
  /** Found ready by the last wait, and not served yet. */
  found: Set<number> = new Set();

  constructor(world: World, index: number) {
    this.world = world;
    this.scripted = new Scripted(world.clock);
    this.scripted.waiter.ready = this.ready;
    const { waiter, kernel } = this.scripted;
    const wait = waiter.wait.bind(waiter);
    waiter.wait = (interests, done) => {
      must(this.found.size === 0, "a wait began before all had their turns that the last one found ready");
      wait(interests, done);
    };
    waiter.canStand = world.canStand;
    const waitAt = waiter.waitAt.bind(waiter);
    waiter.waitAt = (gate, done) => {
      must(this.found.size === 0, "a wait began before all had their turns that the last one found ready");
      return waitAt(gate, done);
    };
    const createQueue = kernel.createQueue.bind(kernel);
    kernel.createQueue = (gated) => {
      const queue = createQueue(gated);
      if (queue !== null) queue.ready = this.ready;
      return queue;
    };
    this.sources = Array.from({ length: SOURCES }, (_, i) => {
      const source = new ScriptedSource(`${index} ${i}`, []);
      source.act = (fd) => this.#turn(source, fd);
      source.onReactorError = () => this.detach(source);
      return source;
    });
  }

  #turn(source: ScriptedSource, fd: number): boolean {
    const { world } = this;
    must(this.attached.has(source), "a source was served that is not attached");
    must(!world.turning, "a turn began inside another");
    this.found.delete(fd);
    this.ready.delete(fd);
    world.turning = true;
    try {
      const inner = world.inner.shift();
      if (inner === undefined) return false;
      world.do(inner, this);
      return inner.kind === "more";
    } finally {
      world.turning = false;
    }
  }

  attach(source: ScriptedSource): void {
    if (this.attached.has(source) || this.scripted.lost > 0) return;
    this.scripted.reactor.attach(source, [undefined, 0, 5][this.sources.indexOf(source)]);
    this.attached.set(source, { refed: true, watched: new Map() });
  }

  watch(source: ScriptedSource, fd: number, events: number): void {
    const entry = this.attached.get(source);
    if (entry === undefined) return;
    if (events === 0) {
      entry.watched.delete(fd);
      this.found.delete(fd);
    } else entry.watched.set(fd, events);
    this.scripted.reactor.watch(fd, source, events);
  }

  detach(source: ScriptedSource): void {
    for (const fd of [...this.attached.get(source)?.watched.keys() ?? []]) this.watch(source, fd, 0);
    this.attached.delete(source);
    this.scripted.reactor.detach(source);
  }

  ref(source: ScriptedSource, refed: boolean): void {
    const entry = this.attached.get(source);
    if (entry === undefined) return;
    entry.refed = refed;
    this.scripted.reactor.setRef(source, refed);
  }

  close(): void {
    this.closing++;
    // One that begins later does not have it.
    const asked = this.scripted.waiter.out;
    this.scripted.reactor.whenUnpolled(() => {
      this.closing--;
      const { waiter: { out }, lost } = this.scripted;
      must(
        out === null || out !== asked || out.gate !== null || lost > 0,
        "a socket was closed while a wait was out that has its number",
      );
    });
  }

  /** The wait that is out returns, if one is. */
  end(error: CurlWebSocketError | null = null): void {
    const { waiter } = this.scripted;
    if (waiter.out === null || this.scripted.lost > 0) return;
    const ready = [...this.ready].filter(([fd]) => waiter.out!.sockets.has(fd));
    const { gate } = waiter.out;
    // Nothing passes a gate that is closed, and nothing that is not ready.
    if (gate !== null && error === null && !waiter.isWoken && !(gate.isOpen && ready.length > 0)) return;
    // A queue tells by itself, later; and nothing if it has given way meanwhile.
    if (error === null && gate === null) {
      this.found = new Set(ready.map(([fd]) => fd).filter((fd) => this.watched.has(fd)));
    }
    waiter.end(ready, error);
  }

  /** All that is watched. */
  get watched(): Map<number, number> {
    return new Map([...this.attached.values()].flatMap(({ watched }) => [...watched]));
  }

  /** What must hold between two tasks. */
  check(): void {
    const { reactor, waiter, kernel, lost } = this.scripted, { clock } = this.world;
    assertEquals([reactor.connections, reactor.sockets], [this.attached.size, this.watched.size]);
    assertEquals(waiter.refed, [...this.attached.values()].some(({ refed }) => refed));
    if (lost > 0 || clock.jobs.length > 0 || clock.tasks.length > 0 || clock.timers.length > 0 || waiter.isWoken) {
      return;
    }
    assertEquals(waiter.out !== null, this.attached.size > 0, "it sleeps while it should not, or the other way round");
    if (waiter.out === null) return;
    const { gate } = waiter.out;
    assert(gate === null || gate.isOpen, "it sleeps at a closed gate");
    const queue = kernel.queues.find((queue) =>
      gate === null ? queue.interests === waiter.out!.interests : queue.gate === gate
    );
    const sorted = (map: ReadonlyMap<number, number>) => [...map].sort(([a], [b]) => a - b);
    assertEquals(sorted(queue?.members ?? waiter.out.sockets), sorted(this.watched), "it sleeps on other sockets");
  }
}

class World {
  readonly clock: ScriptedClock = new ScriptedClock();
  readonly canStand: boolean;
  readonly models: Model[];
  /** What the sources do in their turns, one step each. */
  readonly inner: Step[];
  turning = false;

  constructor(inner: readonly Step[], canStand: boolean) {
    this.inner = [...inner];
    this.canStand = canStand;
    this.models = [new Model(this, 0), new Model(this, 1)];
  }

  do({ kind, reactor: index, source: sourceIndex, fd: number, events }: Step, own?: Model): void {
    const model = this.models[index]!, { clock } = this;
    const { scripted } = model, { reactor, waiter, kernel } = scripted;
    const source = model.sources[sourceIndex]!;
    const fd = 1_000 * index + 100 * sourceIndex + number;
    switch (kind) {
      case "watch":
        model.attach(source);
        return model.watch(source, fd, events);
      case "watch all":
        for (const at of NUMBERS) {
          this.do({ kind: "watch", reactor: index, source: at % SOURCES, fd: Math.floor(at / SOURCES), events });
        }
        return;
      case "unwatch":
        return model.watch(source, fd, 0);
      case "detach":
        return model.detach(source);
      case "again":
        if (model.attached.has(source)) reactor.again(source, fd, events);
        return;
      case "ref":
        return model.ref(source, events > 1);
      case "close":
        return model.close();
      case "send":
        return reactor.expectAnswer();
      case "ready": {
        const fds = [...model.watched.keys()], ready = fds[(sourceIndex * FDS + number) % fds.length];
        if (ready !== undefined) model.ready.set(ready, events);
        return;
      }
      case "all ready":
        for (const fd of model.watched.keys()) model.ready.set(fd, events);
        return;
      case "end":
        return model.end();
      case "throw":
        if (this.turning) throw new Error("a source's");
        return;
      case "slow":
        clock.time += 3;
        return;
      case "bytes":
      case "flood":
        if (own !== undefined) own.scripted.reactor.turnBytes += kind === "flood" ? 40_000 : 100;
        return;
      case "nest":
        // A handler that runs the event loop, or a microtask in which a wait returns.
        if (this.turning) this.microtask(model);
        return;
      case "queues":
        kernel.hasQueues = !kernel.hasQueues;
        return;
      case "gates":
        kernel.hasGates = !kernel.hasGates;
        return;
      case "refuse":
        return void (kernel.refused.delete(fd) || kernel.refused.add(fd));
      case "no checkpoint":
        clock.hasCheckpoints = !clock.hasCheckpoints;
        return;
      case "task":
        return void clock.turn();
      case "pass":
        return clock.pass([0.05, 6, 25][events - 1]!);
      case "wait fails":
        return model.end(fault());
      case "wait throws":
      case "look throws":
      case "wake throws":
        waiter.throws[kind.slice(0, 4) as "wait" | "look" | "wake"] = fault();
    }
  }

  microtask(model: Model): void {
    this.clock.microtasks.push(() => {
      model.end();
      this.clock.pass(6);
      this.clock.turn();
    });
  }

  /** Nothing fails any more; the event loop goes on, and waits return. */
  settle(): void {
    for (let round = 0; round < 20; round++) {
      for (let turn = 0; turn < 20; turn++) {
        this.clock.turn();
        this.clock.pass(0.1);
      }
      for (const model of this.models) model.end();
      this.clock.pass(25);
    }
    this.clock.settle();
  }
}

property(
  "whatever happens, turns come one by one to who is attached, and all that is ready has one before any sleep",
  fc.record({
    hasQueues: fc.boolean(),
    /** Whether waiters stand at gates of their queues. */
    canStand: fc.boolean(),
    /** For each reactor, which of its sockets are watched from the start. */
    watched: fc.array(fc.subarray(NUMBERS), { minLength: 2, maxLength: 2 }),
    steps: fc.array(outer, { maxLength: 200, size: "max" }),
    inSteps: fc.array(inner, { maxLength: 200, size: "max" }),
  }),
  ({ hasQueues, canStand, watched, steps, inSteps }) => {
    const world = new World(inSteps, canStand);
    problems.length = 0;
    for (const [reactor, model] of world.models.entries()) {
      model.scripted.kernel.hasQueues = hasQueues;
      for (const at of watched[reactor]!) {
        world.do({ kind: "watch", reactor, source: at % SOURCES, fd: Math.floor(at / SOURCES), events: READABLE });
      }
    }
    for (const step of steps) {
      world.do(step);
      for (const [index, model] of world.models.entries()) {
        model.check();
        assertEquals(problems, []);
        // Connections to come have a reactor of their own.
        if (model.scripted.lost > 0 && world.clock.tasks.length === 0) {
          assertEquals([model.attached.size, model.closing], [0, 0]);
          world.models[index] = new Model(world, index);
        }
      }
    }
    world.inner.length = 0;
    world.clock.hasCheckpoints = true;
    for (const { scripted } of world.models) {
      for (const name of ["wait", "look", "wake"] as const) delete scripted.waiter.throws[name];
    }
    world.settle();
    for (const model of world.models) {
      model.check();
      assertEquals([...model.ready.keys()].filter((fd) => model.watched.has(fd)), [], "a ready socket had no turn");
      assertEquals(model.closing, 0);
      for (const source of model.sources) model.detach(source);
    }
    world.settle();
    for (const { scripted: { waiter, kernel, lost } } of world.models) {
      assert(lost > 0 || !waiter.isOpen, "what waits was not freed");
      assert(lost > 0 || kernel.queues.every(({ isClosed }) => isClosed), "a queue was not closed");
    }
    assertEquals(problems, []);
    assertEquals([world.clock.tasks, world.clock.timers, world.clock.uncaught], [[], [], []]);
  },
  500,
);
