/** What a reactor asks the kernel beside waiting. Handed in, so that tests are exact. */
import { isOpen } from "../platform/descriptors.ts";
import { runtime } from "../platform/runtime.ts";
import { Epoll } from "./epoll.ts";
import type { KernelQueue } from "./kernel_queue.ts";
import { Kqueue } from "./kqueue.ts";

/** The kernel, as a reactor needs it. */
export interface Kernel {
  /** Makes a queue of ready sockets. Returns null if the system has none, or would not make one. */
  createQueue(): KernelQueue | null;
  /** Whether a descriptor is open; true if that cannot be asked. */
  isOpen(fd: number): boolean;
}

/** The kernel that the process runs on: epoll on Linux, kqueue on macOS, no queue elsewhere. */
export const systemKernel: Kernel = {
  createQueue(): KernelQueue | null {
    const { os } = runtime();
    try {
      return os === "linux" ? Epoll.create() : os === "darwin" ? Kqueue.create() : null;
    } catch {
      // Out of memory, or the C library may not be opened: sockets are waited for one by one.
      return null;
    }
  },
  isOpen,
};
