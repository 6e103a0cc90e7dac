/** What a reactor asks the kernel beside waiting. Handed in, so that tests are exact. */
import { isOpen } from "../platform/descriptors.ts";
import type { TakeFunction } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import { Epoll, epollTake } from "./epoll.ts";
import type { KernelQueue } from "./kernel_queue.ts";
import { Kqueue, kqueueTake } from "./kqueue.ts";

/** The kernel, as a reactor needs it. */
export interface Kernel {
  /** Makes a queue of ready sockets, `gated` or not. Returns null if the system has none, or would not make one. */
  createQueue(gated: boolean): KernelQueue | null;
  /** Whether a descriptor is open; true if that cannot be asked. */
  isOpen(fd: number): boolean;
}

/** The kernel that the process runs on: epoll on Linux, kqueue on macOS, no queue elsewhere. */
export const systemKernel: Kernel = {
  createQueue(gated: boolean): KernelQueue | null {
    const { os } = runtime();
    try {
      return os === "linux" ? Epoll.create(gated) : os === "darwin" ? Kqueue.create(gated) : null;
    } catch {
      // Out of memory, or the C library may not be opened: sockets are waited for one by one.
      return null;
    }
  },
  isOpen,
};

/** How a thread takes what has passed a gate of {@linkcode systemKernel}; null if that has no queues. */
export function gateTake(): TakeFunction | null {
  const { os } = runtime();
  return os === "linux" ? epollTake() : os === "darwin" ? kqueueTake() : null;
}
