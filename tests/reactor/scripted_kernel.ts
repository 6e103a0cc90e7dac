/** A kernel whose queues and gates a test moves by hand. */
import type { Kernel } from "../../src/reactor/kernel.ts";
import type { KernelQueue } from "../../src/reactor/kernel_queue.ts";
import { READABLE } from "../../src/reactor/readiness.ts";
import type { Gate, Interests } from "../../src/reactor/waiter.ts";
import { must } from "./must.ts";
import type { ScriptedWaiter } from "./scripted.ts";

/** A gate that opens unless a test wants none to. */
export class ScriptedGate implements Gate {
  readonly fd: number;
  readonly queue: number;
  readonly take: readonly number[] = [];
  readonly members: ReadonlyMap<number, number>;
  readonly #kernel: ScriptedKernel;
  isOpen = false;

  constructor(kernel: ScriptedKernel, fd: number, members: ReadonlyMap<number, number>) {
    this.#kernel = kernel;
    this.fd = fd;
    this.queue = fd - 1;
    this.members = members;
  }

  open(): boolean {
    return this.isOpen = this.#kernel.hasGates;
  }
}

/** A kernel queue that refuses what a test wants it to. */
export class ScriptedQueue implements KernelQueue {
  readonly interests: Interests;
  readonly gate: ScriptedGate | null;
  readonly members: Map<number, number> = new Map();
  /** What is ready now. */
  ready: ReadonlyMap<number, number> = new Map();
  isClosed = false;
  readonly #kernel: ScriptedKernel;

  constructor(kernel: ScriptedKernel, fd: number, gated: boolean) {
    this.#kernel = kernel;
    this.interests = new Map([[fd, { events: READABLE }]]);
    this.gate = gated ? new ScriptedGate(kernel, fd + 1, this.members) : null;
  }

  set(fd: number, events: number): boolean {
    must(!this.isClosed, "a closed queue was used");
    if (this.#kernel.refused.has(fd)) return false;
    this.members.set(fd, events);
    return true;
  }

  delete(fd: number): void {
    must(!this.isClosed, "a closed queue was used");
    this.members.delete(fd);
  }

  collect(ready: (fd: number, events: number) => void): void {
    if (this.isClosed) return;
    for (const [fd, events] of this.ready) if (this.members.has(fd)) ready(fd, events);
  }

  close(): void {
    must(this.#kernel.waiter?.out?.interests !== this.interests, "a queue was closed that a wait was given");
    must(this.gate === null || this.#kernel.waiter?.standing !== this.gate, "a queue was closed where a thread stands");
    if (!this.isClosed) this.#kernel.log.push("close queue");
    this.isClosed = true;
  }
}

/** A kernel without queues, unless a test wants some. */
export class ScriptedKernel implements Kernel {
  readonly log: string[];
  readonly waiter: ScriptedWaiter | null;
  readonly queues: ScriptedQueue[] = [];
  hasQueues = false;
  hasGates = true;
  /** Sockets that no queue takes. */
  readonly refused: Set<number> = new Set();
  /** Descriptors that are not open. */
  readonly closed: Set<number> = new Set();

  constructor(waiter: ScriptedWaiter | null = null, log: string[] = []) {
    this.waiter = waiter;
    this.log = log;
  }

  createQueue(gated: boolean): ScriptedQueue | null {
    if (!this.hasQueues) return null;
    const queue = new ScriptedQueue(this, 900_000 + 2 * this.queues.length, gated);
    this.queues.push(queue);
    return queue;
  }

  isOpen(fd: number): boolean {
    return !this.closed.has(fd);
  }

  /** The queue that was made last. */
  get queue(): ScriptedQueue {
    return this.queues.at(-1)!;
  }
}
