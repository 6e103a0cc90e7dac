/** A kernel's queue of ready sockets: one descriptor stands for all of them, and a wake-up costs O(ready). */
import { closeDescriptor } from "../platform/descriptors.ts";
import { allocateNative, type NativeMemory } from "../platform/native_memory.ts";
import { READABLE } from "./readiness.ts";
import type { Gate, Interests } from "./waiter.ts";

/** Sockets with what each is waited for. A change takes effect on a wait that is already out. */
export interface KernelQueue {
  /** What to wait for: the queue's own descriptor, which is readable while any of its sockets is ready. */
  readonly interests: Interests;
  /** The gate before it, if it was made with one: to wait at instead. */
  readonly gate: Gate | null;
  /** Adds a socket, or changes what it is waited for. Returns false if the system would not: then it is not waited for. */
  set(fd: number, events: number): boolean;
  delete(fd: number): void;
  /** Calls `ready` for each socket that is ready now; for none after {@linkcode close}. */
  collect(ready: (fd: number, events: number) => void): void;
  /** Frees it, and its gate. No wait may be out, nor a thread stand, that was given them. Idempotent. */
  close(): void;
}

/** What epoll and kqueue have in common: descriptors, and C memory for what the calls read and write. */
export abstract class DescriptorQueue implements KernelQueue {
  readonly interests: Interests;
  gate: Gate | null = null;
  /** The descriptor; -1 once it is closed. */
  protected queue: number;
  /** The gate's; -1 if there is none. */
  #gate = -1;
  readonly #memories: NativeMemory[] = [];

  /** Takes over a descriptor: whatever fails from here on, {@linkcode close} has it. */
  constructor(queue: number) {
    this.queue = queue;
    this.interests = new Map([[queue, { events: READABLE }]]);
  }

  abstract set(fd: number, events: number): boolean;
  abstract delete(fd: number): void;
  abstract collect(ready: (fd: number, events: number) => void): void;

  /**
   * Puts a gate before it: a second queue, whose one member is the first. Each time it is opened the kernel looks whether
   * any socket *is* ready, so nothing is lost that came while it was closed; and to open it is one call, however many
   * sockets were served. If each of them were to be let through once, it would be a call for each, and what the other
   * thread found would lie in shared memory, out of date as soon as a socket is closed and its number given away.
   *
   * Takes over the second queue's descriptor. Returns whether the gate can be used.
   */
  protected setGate(gate: Gate): boolean {
    this.#gate = gate.fd;
    this.gate = gate;
    return gate.open();
  }

  close(): void {
    if (this.queue < 0) return;
    if (this.#gate >= 0) closeDescriptor(this.#gate);
    closeDescriptor(this.queue);
    this.queue = this.#gate = -1;
    for (const memory of this.#memories) memory.free();
  }

  /** C memory that lives as long as the queue. */
  protected allocate(bytes: number): NativeMemory {
    try {
      const memory = allocateNative(bytes);
      this.#memories.push(memory);
      return memory;
    } catch (error) {
      this.close();
      throw error;
    }
  }
}
