/** A poll that the kernel answers with a byte into a socket: Linux's io_uring(7), of which this is all that is used. */
import { closeDescriptor } from "./descriptors.ts";
import { ffi, type Pointer, type Symbols } from "./ffi.ts";
import { openLibc } from "./libc.ts";
import { allocateNative } from "./native_memory.ts";
import { once } from "./once.ts";
import { runtime } from "./runtime.ts";

const IO_URING = {
  // long syscall(long, ...): io_uring_setup(u32 entries, struct io_uring_params *)
  io_uring_setup: { name: "syscall", parameters: ["i32", "u32", "pointer"], result: "i32" },
  // io_uring_enter(u32 fd, u32 to_submit, u32 min_complete, u32 flags, const void *, size_t)
  io_uring_enter: {
    name: "syscall",
    parameters: ["i32", "i32", "u32", "u32", "u32", "pointer", "usize"],
    result: "i32",
  },
  // void *mmap(void *, size_t, int, int, int, off_t)
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  // int munmap(void *, size_t)
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  // int socketpair(int, int, int, int[2])
  socketpair: { parameters: ["i32", "i32", "i32", "pointer"], result: "i32" },
  // ssize_t recv(int, void *, size_t, int)
  recv: { parameters: ["i32", "pointer", "usize", "i32"], result: "i64" },
} as const;

const opened = once(() => openLibc(IO_URING));

/** The numbers of the system calls are the same on all architectures. */
const SYS_IO_URING_SETUP = 425, SYS_IO_URING_ENTER = 426;
/** Linux 5.19: a thread that runs is not interrupted for a completion. Older kernels refuse it, whose polls were young, too. */
const IORING_SETUP_COOP_TASKRUN = 1 << 8;
const NEEDED = 1 << 0 | 1 << 11; // IORING_FEAT_SINGLE_MMAP, IORING_FEAT_CQE_SKIP
const IORING_OFF_SQ_RING = 0, IORING_OFF_SQES = 0x1000_0000;
const IORING_OP_POLL_ADD = 6, IORING_OP_SEND = 26;
/** The next entry begins when this one is done; and only a failure is reported. */
const IOSQE_IO_LINK = 1 << 2, IOSQE_CQE_SKIP_SUCCESS = 1 << 6;
const PROT_READ_WRITE = 3, MAP_SHARED_POPULATE = 0x8001;
const AF_UNIX = 1, STREAM_NONBLOCK_CLOEXEC = 1 | 0x800 | 0x80000;
/** mmap's failure is -1: the highest address of all; no address of a program has its highest bit. */
const MAP_FAILED = 2n ** 63n;
const POLLIN = 1, POLLOUT = 4, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;

/** Two entries are submitted at a time, a poll and a send: `struct io_uring_sqe` has 64 bytes. */
const ENTRIES = 2, SQE = 64;
/** `struct io_uring_params`, and within it what is read: the features and where the rings have their parts. */
const PARAMS = 120, FEATURES = 20, SQ_OFF = 40, CQ_OFF = 80;
const CQE = 16;

/**
 * One poll at a time, of one descriptor. When that is readable the kernel itself sends a byte into {@linkcode bell}'s other
 * end, and whoever reads the bell has it: no thread of ours takes part.
 */
export class PollRing {
  readonly #libc: Symbols<typeof IO_URING> = opened();
  /** What frees what was made, in order. */
  readonly #undo: (() => void)[] = [];
  #ring = -1;
  #bell = -1;
  /** The socket that the kernel sends the byte into. */
  #rope = -1;
  #sqes!: DataView;
  #rings!: Uint32Array;
  /** Where in it these are. */
  #sqTail = 0;
  #cqHead = 0;
  #cqTail = 0;

  private constructor() {}

  /**
   * Makes one, and proves it: the byte of a poll that is over at once is read. Returns null where the kernel has it not, or
   * not for this process (containers often refuse it), or is out of something.
   */
  static create(): PollRing | null {
    let ring: PollRing | null = null;
    try {
      ring = new PollRing();
      if (ring.#setUp() && ring.#proves()) return ring;
    } catch {
      // The C library may not be opened, or memory is out.
    }
    ring?.close();
    if (ring !== null && ring.#bell >= 0) closeDescriptor(ring.#bell);
    return null;
  }

  /** The socket that the byte comes out of. Who takes it over closes it. */
  get bell(): number {
    return this.#bell;
  }

  #setUp(): boolean {
    const { view, pointer, free } = allocateNative(PARAMS);
    try {
      view.setUint32(8, IORING_SETUP_COOP_TASKRUN, true);
      this.#ring = this.#libc.io_uring_setup(SYS_IO_URING_SETUP, ENTRIES, pointer);
      if (this.#ring < 0) return false;
      this.#undo.push(() => closeDescriptor(this.#ring));
      if ((view.getUint32(FEATURES, true) & NEEDED) !== NEEDED) return false;
      return this.#mapRings(view) && this.#connect(pointer, view);
    } finally {
      free();
    }
  }

  /** Makes the sockets; `memory` is written over. */
  #connect(memory: Pointer, view: DataView): boolean {
    if (this.#libc.socketpair(AF_UNIX, STREAM_NONBLOCK_CLOEXEC, 0, memory) !== 0) return false;
    this.#bell = view.getInt32(0, true);
    this.#rope = view.getInt32(4, true);
    this.#undo.push(() => closeDescriptor(this.#rope));
    this.#sqes.setInt32(SQE + 4, this.#rope, true);
    return true;
  }

  #mapRings(params: DataView): boolean {
    // sq_off: head, tail, ring_mask, ring_entries, flags, dropped, array; cq_off: head, tail, .., .., overflow, cqes
    const offset = (of: number, field: number) => params.getUint32(of + 4 * field, true);
    const array = offset(SQ_OFF, 6), cqes = offset(CQ_OFF, 5);
    const rings = this.#map(Math.max(array + 4 * ENTRIES, cqes + CQE * 2 * ENTRIES), IORING_OFF_SQ_RING);
    const sqes = this.#map(SQE * ENTRIES, IORING_OFF_SQES);
    if (rings === null || sqes === null) return false;
    this.#rings = new Uint32Array(rings.view.buffer, rings.view.byteOffset, rings.view.byteLength >> 2);
    this.#sqTail = offset(SQ_OFF, 1) >> 2;
    this.#cqHead = offset(CQ_OFF, 0) >> 2;
    this.#cqTail = offset(CQ_OFF, 1) >> 2;
    for (let i = 0; i < ENTRIES; i++) this.#rings[(array >> 2) + i] = i;
    const { view } = sqes;
    view.setUint8(0, IORING_OP_POLL_ADD);
    view.setUint8(1, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    view.setUint8(SQE, IORING_OP_SEND);
    view.setUint8(SQE + 1, IOSQE_CQE_SKIP_SUCCESS);
    // Which byte says nothing: the first one of these entries, which stay as long as the ring.
    view.setBigUint64(SQE + 16, sqes.address, true);
    view.setUint32(SQE + 24, 1, true);
    view.setUint32(SQE + 28, MSG_NOSIGNAL, true);
    this.#sqes = view;
    return true;
  }

  #map(length: number, offset: number): { view: DataView; address: bigint } | null {
    const pointer = this.#libc.mmap(null, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, this.#ring, offset);
    const address = ffi().address(pointer);
    if (address >= MAP_FAILED) return null;
    this.#undo.push(() => void this.#libc.munmap(pointer, length));
    const bytes = ffi().view(pointer, length);
    return { view: new DataView(bytes.buffer, bytes.byteOffset, length), address };
  }

  #proves(): boolean {
    const byte = allocateNative(1);
    try {
      return this.#submit(this.#rope, POLLOUT) &&
        Number(this.#libc.recv(this.#bell, byte.pointer, 1, MSG_DONTWAIT)) === 1;
    } finally {
      byte.free();
    }
  }

  /**
   * Begins to poll: once `fd` is readable, which it may be now, a byte comes. Not while another poll is out. Returns false if
   * the kernel would not: then none is out, and the ring is of no use any more.
   */
  poll(fd: number): boolean {
    return this.#undo.length > 0 && this.#submit(fd, POLLIN);
  }

  #submit(fd: number, events: number): boolean {
    const rings = this.#rings;
    this.#sqes.setInt32(4, fd, true);
    this.#sqes.setUint32(28, events, true);
    Atomics.store(rings, this.#sqTail, rings[this.#sqTail]! + ENTRIES);
    const submitted = this.#libc.io_uring_enter(SYS_IO_URING_ENTER, this.#ring, ENTRIES, 0, 0, null, 0);
    // Only failures are reported; one that is known at once is there when the call returns.
    return submitted === ENTRIES && Atomics.load(rings, this.#cqTail) === rings[this.#cqHead];
  }

  /**
   * Ends the poll, and frees all but {@linkcode bell}. The kernel holds what was polled until it has noticed: that may be no
   * socket, whose peer would not learn of its end. Idempotent.
   */
  close(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}

/** Whether it may be tried: some security tools take the use of io_uring amiss. */
export function mayPollByRing(): boolean {
  return runtime().os === "linux" && runtime().env("CURLWS_IO_URING") !== "0";
}
