/** The sockets a reactor waits for, in the form that `curl_multi_poll` takes: `curl_waitfd`s. */
import { CURL_WAIT_POLLIN, CURL_WAIT_POLLOUT } from "../curl/constants.ts";
import { READABLE, WRITABLE } from "./readiness.ts";
import type { Pointer, Symbols } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import { closeDescriptor, closeOnExec } from "../platform/descriptors.ts";
import { openLibc } from "../platform/libc.ts";
import { allocateNative, type NativeMemory } from "../platform/native_memory.ts";
import { once } from "../platform/once.ts";

/** Sockets with the readiness each waits for; `events` is `READABLE | WRITABLE`, never 0. */
export interface ReadySet {
  /** Whether a change takes effect on a poll that is already out; if not, that poll must be woken. */
  readonly live: boolean;
  /** Adds a socket, or changes what it waits for. Returns false where the system would not: then it is not waited for. */
  set(fd: number, events: number): boolean;
  delete(fd: number): void;
  /** Lays out the `curl_waitfd`s of the next poll; they may not change until it has returned. */
  prepare(): { fds: Pointer; count: number };
  /** Calls `ready` for each socket that is ready, after a poll has returned. */
  collect(ready: (fd: number, events: number) => void): void;
  /** Frees it. No poll may be out that was given it. */
  close(): void;
}

/** An array of `curl_waitfd`, one a socket: the least work while sockets are few, and right everywhere. */
export class ArraySet implements ReadySet {
  readonly live = false;
  readonly #events: Map<number, number> = new Map<number, number>();
  /** `struct curl_waitfd {curl_socket_t fd; short events; short revents}`: a Windows SOCKET has 64 bits. */
  readonly #wide: boolean = runtime().os === "windows";
  readonly #size: number = this.#wide ? 16 : 8;
  /** Null until the first poll. */
  #memory: NativeMemory | null = null;
  #count = 0;

  set(fd: number, events: number): boolean {
    this.#events.set(fd, events);
    return true;
  }

  delete(fd: number): void {
    this.#events.delete(fd);
  }

  prepare(): { fds: Pointer; count: number } {
    const needed = this.#events.size * this.#size;
    let memory = this.#memory;
    if (memory === null || needed > memory.view.byteLength) {
      this.#memory = allocateNative(Math.max(needed * 2, this.#size * 16));
      // No poll is out: it is only now that one is prepared.
      memory?.free();
      memory = this.#memory;
    }
    const { view, pointer } = memory;
    const short = this.#wide ? 8 : 4;
    let at = 0;
    for (const [fd, events] of this.#events) {
      if (this.#wide) view.setBigInt64(at, BigInt(fd), true);
      else view.setInt32(at, fd, true);
      const wanted = (events & READABLE ? CURL_WAIT_POLLIN : 0) | (events & WRITABLE ? CURL_WAIT_POLLOUT : 0);
      view.setInt16(at + short, wanted, true);
      view.setInt16(at + short + 2, 0, true);
      at += this.#size;
    }
    this.#count = this.#events.size;
    return { fds: pointer, count: this.#count };
  }

  collect(ready: (fd: number, events: number) => void): void {
    if (this.#memory === null) return;
    const { view } = this.#memory;
    const short = this.#wide ? 8 : 4;
    const found: [number, number][] = [];
    for (let i = 0; i < this.#count; i++) {
      const at = i * this.#size;
      const revents = view.getInt16(at + short + 2, true);
      if (revents === 0) continue;
      const events = (revents & CURL_WAIT_POLLIN ? READABLE : 0) | (revents & CURL_WAIT_POLLOUT ? WRITABLE : 0);
      found.push([this.#wide ? Number(view.getBigInt64(at, true)) : view.getInt32(at, true), events]);
    }
    this.#count = 0;
    for (const [fd, events] of found) ready(fd, events);
  }

  close(): void {
    this.#memory?.free();
    this.#memory = null;
  }
}

/** A kernel queue, epoll or kqueue: one descriptor stands for all sockets, and a wake-up costs O(ready). */
abstract class QueueSet implements ReadySet {
  readonly live = true;
  /** The descriptor; -1 where it was closed. */
  protected queue: number;
  readonly #waitfd: NativeMemory;
  readonly #memories: NativeMemory[] = [];

  /** Takes over a descriptor: whatever fails from here on, {@linkcode close} has it. */
  constructor(queue: number) {
    this.queue = queue;
    this.#waitfd = this.allocate(16);
  }

  abstract set(fd: number, events: number): boolean;
  abstract delete(fd: number): void;
  abstract collect(ready: (fd: number, events: number) => void): void;

  prepare(): { fds: Pointer; count: number } {
    this.#waitfd.view.setInt32(0, this.queue, true);
    this.#waitfd.view.setInt16(4, CURL_WAIT_POLLIN, true);
    this.#waitfd.view.setInt16(6, 0, true);
    return { fds: this.#waitfd.pointer, count: 1 };
  }

  close(): void {
    if (this.queue < 0) return;
    closeDescriptor(this.queue);
    this.queue = -1;
    for (const memory of this.#memories) memory.free();
  }

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

const EPOLL = {
  // int epoll_create1(int flags)
  epoll_create1: { parameters: ["i32"], result: "i32" },
  // int epoll_ctl(int epfd, int op, int fd, struct epoll_event *)
  epoll_ctl: { parameters: ["i32", "i32", "i32", "pointer"], result: "i32" },
  // int epoll_wait(int epfd, struct epoll_event *, int maxevents, int timeout)
  epoll_wait: { parameters: ["i32", "pointer", "i32", "i32"], result: "i32" },
} as const;

const epoll = once(() => openLibc(EPOLL));

const EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3;
const EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16;
const MAX_READY = 1024;

/** epoll(7), level-triggered. */
export class EpollSet extends QueueSet {
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

  /** Null where the process is out of descriptors or memory. */
  static create(): EpollSet | null {
    const libc = epoll();
    const queue = libc.epoll_create1(EPOLL_CLOEXEC);
    return queue < 0 ? null : new EpollSet(libc, queue);
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
    const found: [number, number][] = [];
    for (let i = 0; i < count; i++) {
      const bits = view.getUint32(i * this.#size, true);
      const both = bits & (EPOLLERR | EPOLLHUP) ? READABLE | WRITABLE : 0;
      const events = (bits & EPOLLIN ? READABLE : 0) | (bits & EPOLLOUT ? WRITABLE : 0) | both;
      found.push([view.getInt32(i * this.#size + this.#size - 8, true), events]);
    }
    for (const [fd, events] of found) ready(fd, events);
  }
}

const KQUEUE = {
  // int kqueue(void)
  kqueue: { parameters: [], result: "i32" },
  // int kevent(int kq, const struct kevent *changes, int n, struct kevent *events, int n, const struct timespec *)
  kevent: { parameters: ["i32", "pointer", "i32", "pointer", "i32", "pointer"], result: "i32" },
} as const;

const kqueue = once(() => openLibc(KQUEUE));

/** `struct kevent {uintptr_t ident; int16_t filter; uint16_t flags; uint32_t fflags; intptr_t data; void *udata}` */
const KEVENT_SIZE = 32;
const EV_ADD = 1, EV_DELETE = 2;
const EVFILT_READ = -1, EVFILT_WRITE = -2;
const FILTERS = [[READABLE, EVFILT_READ], [WRITABLE, EVFILT_WRITE]] as const;

/** kqueue(2), level-triggered, for macOS. Written by its manual; nobody has run it yet. */
export class KqueueSet extends QueueSet {
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

  /** Null where the process is out of descriptors or memory. */
  static create(): KqueueSet | null {
    const libc = kqueue();
    const queue = libc.kqueue();
    if (queue < 0) return null;
    closeOnExec(queue);
    return new KqueueSet(libc, queue);
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

/**
 * A queue of the platform's. Null where `curl_waitfd`s alone serve: where the system has no queue, or would not make one,
 * as where descriptors or memory are out.
 */
export function createQueueSet(): ReadySet | null {
  const { os } = runtime();
  try {
    return os === "linux" ? EpollSet.create() : os === "darwin" ? KqueueSet.create() : null;
  } catch {
    return null;
  }
}
