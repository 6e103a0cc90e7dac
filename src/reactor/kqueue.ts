/** The kernel queue of macOS: kqueue(2). */
import { closeOnExec } from "../platform/descriptors.ts";
import { ffi, type Symbols, type TakeFunction } from "../platform/ffi.ts";
import { libcName, openLibc } from "../platform/libc.ts";
import type { NativeMemory } from "../platform/native_memory.ts";
import { once } from "../platform/once.ts";
import { DescriptorQueue } from "./kernel_queue.ts";
import { READABLE, WRITABLE } from "./readiness.ts";

const KQUEUE = {
  // int kqueue(void)
  kqueue: { parameters: [], result: "i32" },
  // int kevent(int kq, const struct kevent *changes, int n, struct kevent *events, int n, const struct timespec *)
  kevent: { parameters: ["i32", "pointer", "i32", "pointer", "i32", "pointer"], result: "i32" },
} as const;

const opened = once(() => openLibc(KQUEUE));

/** How many ready sockets one call takes; a level-triggered queue returns the others the next time. */
const MAX_READY = 1024;
/** `struct kevent {uintptr_t ident; int16_t filter; uint16_t flags; uint32_t fflags; intptr_t data; void *udata}` */
const KEVENT_SIZE = 32;
const EV_ADD = 1, EV_DELETE = 2, EV_ENABLE = 4, EV_DISPATCH = 0x80;
const EVFILT_READ = -1, EVFILT_WRITE = -2;
const FILTERS = [[READABLE, EVFILT_READ], [WRITABLE, EVFILT_WRITE]] as const;

/** How a thread takes what has passed the gate. */
export function kqueueTake(): TakeFunction {
  return { library: libcName(), name: "kevent", parameters: ["i32", "usize", "i32", "usize", "i32", "usize"] };
}

/** kqueue(2), level-triggered, for macOS. Written by its manual; nobody has run it yet. */
export class Kqueue extends DescriptorQueue {
  readonly #libc: Symbols<typeof KQUEUE>;
  readonly #members: Map<number, number> = new Map();
  readonly #change: NativeMemory = this.allocate(KEVENT_SIZE);
  readonly #ready: NativeMemory = this.allocate(KEVENT_SIZE * MAX_READY);
  /** A `struct timespec` of zero: look, do not wait. */
  readonly #now: NativeMemory = this.allocate(16);

  private constructor(libc: Symbols<typeof KQUEUE>, queue: number) {
    super(queue);
    this.#libc = libc;
  }

  /** Makes a queue. Returns null if the process is out of descriptors; throws if it is out of memory. */
  static create(gated: boolean): Kqueue | null {
    const libc = opened();
    const queue = libc.kqueue();
    if (queue < 0) return null;
    closeOnExec(queue);
    const kqueue = new Kqueue(libc, queue);
    if (!gated || kqueue.#addGate()) return kqueue;
    kqueue.close();
    return null;
  }

  /** A kqueue of its own, in which the queue is a member that EV_DISPATCH disables when it is told of. */
  #addGate(): boolean {
    const change = this.allocate(KEVENT_SIZE), taken = this.allocate(KEVENT_SIZE);
    const { kevent, kqueue } = this.#libc, address = (memory: NativeMemory) => Number(ffi().address(memory.pointer));
    change.view.setBigUint64(0, BigInt(this.queue), true);
    change.view.setInt16(8, EVFILT_READ, true);
    // Added again, a member has its flags set anew.
    change.view.setUint16(10, EV_ADD | EV_ENABLE | EV_DISPATCH, true);
    const gate = kqueue();
    if (gate < 0) return false;
    closeOnExec(gate);
    return this.setGate({
      fd: gate,
      queue: this.queue,
      take: [gate, 0, 0, address(taken), 1, address(this.#now)],
      // Its number may be another's once it is closed.
      open: () => this.queue >= 0 && kevent(gate, change.pointer, 1, null, 0, null) === 0,
    });
  }

  set(fd: number, events: number): boolean {
    const before = this.#members.get(fd) ?? 0;
    let done = true;
    for (const [event, filter] of FILTERS) {
      if (events & event) done = this.#apply(fd, filter, EV_ADD) && done;
      else if (before & event) this.#apply(fd, filter, EV_DELETE);
    }
    if (done) this.#members.set(fd, events);
    return done;
  }

  delete(fd: number): void {
    this.set(fd, 0);
    this.#members.delete(fd);
  }

  collect(ready: (fd: number, events: number) => void): void {
    if (this.queue < 0) return;
    const { view, pointer } = this.#ready;
    const count = this.#libc.kevent(this.queue, null, 0, pointer, MAX_READY, this.#now.pointer);
    const found = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      const fd = Number(view.getBigUint64(i * KEVENT_SIZE, true));
      const event = view.getInt16(i * KEVENT_SIZE + 8, true) === EVFILT_READ ? READABLE : WRITABLE;
      found.set(fd, (found.get(fd) ?? 0) | event);
    }
    for (const [fd, events] of found) ready(fd, events);
  }

  #apply(fd: number, filter: number, flags: number): boolean {
    const { view, pointer } = this.#change;
    view.setBigUint64(0, BigInt(fd), true);
    view.setInt16(8, filter, true);
    view.setUint16(10, flags, true);
    return this.#libc.kevent(this.queue, pointer, 1, null, 0, null) === 0;
  }
}
