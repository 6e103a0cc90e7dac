/** A kernel's queue of ready sockets: one descriptor stands for all of them, and a wake-up costs O(ready). */
import { closeDescriptor } from "../platform/descriptors.ts";
import { allocateNative, type NativeMemory } from "../platform/native_memory.ts";
import { READABLE } from "./readiness.ts";
import type { Interests } from "./waiter.ts";

/** Sockets with what each is waited for. A change takes effect on a wait that is already out. */
export interface KernelQueue {
  /** What to wait for: the queue's own descriptor, which is readable while any of its sockets is ready. */
  readonly interests: Interests;
  /** Adds a socket, or changes what it is waited for. Returns false if the system would not: then it is not waited for. */
  set(fd: number, events: number): boolean;
  delete(fd: number): void;
  /** Calls `ready` for each socket that is ready now; for none after {@linkcode close}. */
  collect(ready: (fd: number, events: number) => void): void;
  /** Frees it. No wait may be out that was given it. Idempotent. */
  close(): void;
}

/** What epoll and kqueue have in common: a descriptor, and C memory for what the calls read and write. */
export abstract class DescriptorQueue implements KernelQueue {
  readonly interests: Interests;
  /** The descriptor; -1 once it is closed. */
  protected queue: number;
  readonly #memories: NativeMemory[] = [];

  /** Takes over a descriptor: whatever fails from here on, {@linkcode close} has it. */
  constructor(queue: number) {
    this.queue = queue;
    this.interests = new Map([[queue, { events: READABLE }]]);
  }

  abstract set(fd: number, events: number): boolean;
  abstract delete(fd: number): void;
  abstract collect(ready: (fd: number, events: number) => void): void;

  close(): void {
    if (this.queue < 0) return;
    closeDescriptor(this.queue);
    this.queue = -1;
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
