/** The sockets that a reactor waits for: few are passed to the waiter one by one, many by a kernel queue. */
import type { Kernel } from "./kernel.ts";
import type { KernelQueue } from "./kernel_queue.ts";
import { READABLE } from "./readiness.ts";
import type { Source, Turn } from "./source.ts";
import type { Gate, Interests, Waiter } from "./waiter.ts";

/**
 * Up to this many sockets are passed to the waiter one by one, in an array: to write and read so few entries costs less
 * than the calls that a kernel queue takes, whose time does not grow with the number of sockets.
 */
const FEW_SOCKETS = 8;

/** Who waits for a socket, and for what of it. */
interface Watch {
  readonly source: Source;
  events: number;
  /** The one that it is given, over and over: a message makes nothing that is to be freed. */
  readonly turn: Turn;
}

/** Nothing is added to it. */
const NO_TURNS: Turn[] = [];

/** Who watches which socket, and by what they are waited for: the array or a queue. It makes no call that waits. */
export class ReadySet {
  readonly #kernel: Kernel;
  readonly #watched: Map<number, Watch> = new Map();
  /** Null while an array serves. */
  #queue: KernelQueue | null = null;
  /** From how many sockets on a queue is tried. */
  #queueFrom = FEW_SOCKETS + 1;
  /** Whether queues have gates: then one serves from the start. */
  #isGated = false;
  /** What the last wait was given; {@linkcode #queue} may have changed while it was out. */
  #waited: KernelQueue | null = null;
  /**
   * Sockets that are no longer watched, and are still in the queue: most are watched anew in the same turn, when a connection
   * changes hands, which then takes one call instead of two. No wait may begin with any.
   */
  readonly #leaving: Set<number> = new Set();
  /** Whether a wait that is out waits for something else than it should. */
  isStale = false;
  /** Queues that gave way. They are to be closed when no wait is out: it may have been given one. */
  readonly outgrown: KernelQueue[] = [];
  /** How many sockets the last {@linkcode collect} found ready, watched or not. */
  found = 0;
  /**
   * The turns of the one socket there is, if it only waits to be read, else null: reading it tells as much as looking, with
   * one call less.
   */
  only: Turn[] | null = null;
  /** Where {@linkcode collect} gathers them. */
  #turns: Turn[] = NO_TURNS;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Before sockets are watched: the waiter stands at a gate, if it can. */
  open(isGated: boolean): void {
    this.#isGated = isGated;
    if (isGated) this.#useQueue();
  }

  /** How many sockets are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Whether a kernel queue serves, and no array. */
  get hasQueue(): boolean {
    return this.#queue !== null;
  }

  /** Who watches a socket. */
  sourceOf(fd: number): Source | undefined {
    return this.#watched.get(fd)?.source;
  }

  /** The sockets of a source. */
  fdsOf(source: Source): number[] {
    return [...this.#watched].filter(([, watch]) => watch.source === source).map(([fd]) => fd);
  }

  /** The sockets that are no longer open: somebody else closed them. */
  closedFds(): number[] {
    return [...this.#watched.keys()].filter((fd) => !this.#kernel.isOpen(fd));
  }

  /**
   * Watches a socket for `events`; 0 no longer watches it. Returns whether that changed anything. While a wait is out,
   * {@linkcode settle} has to follow.
   */
  watch(fd: number, source: Source, events: number): boolean {
    if (!this.#change(fd, source, events)) return false;
    this.only = this.#watched.size === 1 ? this.#findOnly() : null;
    return true;
  }

  #change(fd: number, source: Source, events: number): boolean {
    const before = this.#watched.get(fd);
    if (events === 0) {
      if (before === undefined) return false;
      this.#watched.delete(fd);
      if (this.#queue !== null) this.#leaving.add(fd);
    } else {
      const changesHands = before !== undefined && before.source !== source && before.events === events;
      if (before?.source === source) {
        if (before.events === events) return false;
        before.events = events;
      } else this.#watched.set(fd, { source, events, turn: { source, fd, events: 0 } });
      if (changesHands) return true;
      this.#leaving.delete(fd);
      if (this.#queue !== null) { if (!this.#queue.set(fd, events)) this.useArray(); }
      else if (this.#watched.size >= this.#queueFrom) this.#useQueue();
    }
    if (this.#queue === null) this.isStale = true;
    return true;
  }

  /** Takes sockets out of the queue that are no longer watched. */
  settle(): void {
    if (this.#leaving.size === 0) return;
    for (const fd of this.#leaving) this.#queue?.delete(fd);
    this.#leaving.clear();
  }

  #findOnly(): Turn[] | null {
    for (const { events, turn } of this.#watched.values()) if (events === READABLE) return [turn];
    return null;
  }

  /** The gate of the queue that serves; null if it has none, or an array serves. */
  get gate(): Gate | null {
    return this.#queue?.gate ?? null;
  }

  /** What the next wait, or look, is to be given. */
  interests(): Interests {
    this.settle();
    this.isStale = false;
    this.#waited = this.#queue;
    return this.#queue?.interests ?? this.#watched;
  }

  /** The turns of the sockets that the last wait, or look, found ready: of those that are still watched. */
  collect(waiter: Waiter): Turn[] {
    const turns: Turn[] = this.#turns = [];
    this.found = 0;
    if (this.#waited === null) waiter.collect(this.#addReady);
    else this.#waited.collect(this.#addReady);
    // The turns name their sources, which must not be kept alive until the next wait.
    this.#turns = NO_TURNS;
    return turns;
  }

  readonly #addReady = (fd: number, events: number): void => {
    this.found++;
    const turn = this.#watched.get(fd)?.turn;
    if (turn === undefined) return;
    turn.events |= events;
    this.#turns.push(turn);
  };

  /** Goes over to a kernel queue, if one can be had: the array serves as well. */
  #useQueue(): void {
    const queue = this.#kernel.createQueue(this.#isGated);
    if (queue === null) return this.useArray();
    for (const [fd, { events }] of this.#watched) {
      if (queue.set(fd, events)) continue;
      queue.close();
      return this.useArray();
    }
    this.#use(queue);
  }

  /**
   * Goes back to the array, or on with it: the kernel would not make a queue, or take a socket into one, or the queue
   * finds nothing. A queue is tried again for twice as many sockets.
   */
  useArray(): void {
    this.#queueFrom = 2 * Math.max(this.#queueFrom, this.#watched.size);
    this.#use(null);
  }

  #use(queue: KernelQueue | null): void {
    if (this.#queue !== null) this.outgrown.push(this.#queue);
    this.#leaving.clear();
    this.#queue = queue;
    this.isStale = true;
  }

  /** Goes back to the array, and to a queue as soon as there are sockets enough for one: what waiting takes was freed. */
  reset(): void {
    this.#use(null);
    this.#waited = null;
    this.#queueFrom = FEW_SOCKETS + 1;
  }
}
