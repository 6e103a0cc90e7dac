/** The kernel queue of Linux: epoll(7). */
import { libcName, openLibc } from "../platform/libc.ts";
import type { NativeMemory } from "../platform/native_memory.ts";
import { once } from "../platform/once.ts";
import { runtime } from "../platform/runtime.ts";
import { ffi, type Symbols, type TakeFunction } from "../platform/ffi.ts";
import { DescriptorQueue } from "./kernel_queue.ts";
import { READABLE, WRITABLE } from "./readiness.ts";

const EPOLL = {
  // int epoll_create1(int flags)
  epoll_create1: { parameters: ["i32"], result: "i32" },
  // int epoll_ctl(int epfd, int op, int fd, struct epoll_event *)
  epoll_ctl: { parameters: ["i32", "i32", "i32", "pointer"], result: "i32" },
  // int epoll_wait(int epfd, struct epoll_event *, int maxevents, int timeout)
  epoll_wait: { parameters: ["i32", "pointer", "i32", "i32"], result: "i32" },
} as const;

const opened = once(() => openLibc(EPOLL));

const EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3;
const EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16, EPOLLONESHOT = 0x4000_0000;
/** How many ready sockets one call takes; a level-triggered queue returns the others the next time. */
const MAX_READY = 1024;

/** How a thread takes what has passed the gate. */
export function epollTake(): TakeFunction {
  return { library: libcName(), name: "epoll_wait", parameters: ["i32", "usize", "i32", "i32"] };
}

/** epoll(7), level-triggered. */
export class Epoll extends DescriptorQueue {
  readonly #libc: Symbols<typeof EPOLL>;
  readonly #members: Set<number> = new Set<number>();
  /** `struct epoll_event` is packed on x86-64 alone. */
  readonly #size: number = runtime().arch === "x64" ? 12 : 16;
  readonly #event: NativeMemory = this.allocate(16);
  readonly #ready: NativeMemory = this.allocate(16 * MAX_READY);

  private constructor(libc: Symbols<typeof EPOLL>, queue: number) {
    super(queue);
    this.#libc = libc;
  }

  /** Makes a queue. Returns null if the process is out of descriptors; throws if it is out of memory. */
  static create(gated: boolean): Epoll | null {
    const libc = opened();
    const queue = libc.epoll_create1(EPOLL_CLOEXEC);
    if (queue < 0) return null;
    const epoll = new Epoll(libc, queue);
    if (!gated || epoll.#addGate()) return epoll;
    epoll.close();
    return null;
  }

  /** An epoll of its own, in which the queue is a member that is told of once: EPOLL_CTL_MOD lets it be told of again. */
  #addGate(): boolean {
    const event = this.allocate(16), taken = this.allocate(16);
    event.view.setUint32(0, EPOLLIN | EPOLLONESHOT, true);
    const gate = this.#libc.epoll_create1(EPOLL_CLOEXEC);
    if (gate < 0) return false;
    const { epoll_ctl } = this.#libc, { queue } = this;
    epoll_ctl(gate, EPOLL_CTL_ADD, queue, event.pointer);
    return this.setGate({
      fd: gate,
      queue,
      take: [gate, Number(ffi().address(taken.pointer)), 1, 0],
      // Its number may be another's once it is closed.
      open: () => this.queue >= 0 && epoll_ctl(gate, EPOLL_CTL_MOD, queue, event.pointer) === 0,
    });
  }

  set(fd: number, events: number): boolean {
    const { view, pointer } = this.#event;
    view.setUint32(0, (events & READABLE ? EPOLLIN : 0) | (events & WRITABLE ? EPOLLOUT : 0), true);
    view.setInt32(this.#size - 8, fd, true);
    const op = this.#members.has(fd) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    // A number that was closed and opened again left the queue by itself: then it is not ours to modify but to add.
    const done = this.#libc.epoll_ctl(this.queue, op, fd, pointer) === 0 ||
      (op === EPOLL_CTL_MOD && this.#libc.epoll_ctl(this.queue, EPOLL_CTL_ADD, fd, pointer) === 0);
    if (done) this.#members.add(fd);
    return done;
  }

  delete(fd: number): void {
    if (this.#members.delete(fd)) this.#libc.epoll_ctl(this.queue, EPOLL_CTL_DEL, fd, this.#event.pointer);
  }

  collect(ready: (fd: number, events: number) => void): void {
    if (this.queue < 0) return;
    const { view, pointer } = this.#ready;
    const count = this.#libc.epoll_wait(this.queue, pointer, MAX_READY, 0);
    for (let i = 0; i < count; i++) {
      const bits = view.getUint32(i * this.#size, true);
      const both = bits & (EPOLLERR | EPOLLHUP) ? READABLE | WRITABLE : 0;
      const events = (bits & EPOLLIN ? READABLE : 0) | (bits & EPOLLOUT ? WRITABLE : 0) | both;
      ready(view.getInt32(i * this.#size + this.#size - 8, true), events);
    }
  }
}
