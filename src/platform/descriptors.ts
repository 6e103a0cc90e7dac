/** File descriptors: closed, one direction or both, kept from child processes, and looked at. */
import { openLibc } from "./libc.ts";
import { allocate, type Symbols } from "./ffi.ts";
import { runtime } from "./runtime.ts";
import { once } from "./once.ts";

const DESCRIPTORS = {
  // int close(int)
  close: { parameters: ["i32"], result: "i32" },
  // int shutdown(int, int how)
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  // int dup(int)
  dup: { parameters: ["i32"], result: "i32" },
  // int ioctl(int, unsigned long, ...): FIOCLEX has no third argument, so none travels the variadic way
  ioctl: { parameters: ["i32", "usize"], result: "i32" },
  // the same with a third, on Linux alone, where it travels like any other
  ioctl_pointer: { name: "ioctl", parameters: ["i32", "usize", "buffer"], result: "i32" },
  // int fcntl(int, int, ...): neither has F_GETFD
  fcntl: { parameters: ["i32", "i32"], result: "i32" },
  // int poll(struct pollfd *, nfds_t, int)
  poll: { parameters: ["buffer", "u32", "i32"], result: "i32" },
} as const;

const F_GETFD = 1;

const opened = once(() => openLibc(DESCRIPTORS));

/** Null on Windows, where a child inherits only what it is given. */
function libc(): Symbols<typeof DESCRIPTORS> | null {
  if (runtime().os === "windows") return null;
  return opened();
}

/** Closes a descriptor of ours. */
export function closeDescriptor(fd: number): void {
  libc()?.close(fd);
}

/**
 * Sends TCP's end behind what was sent on a socket; what comes can still be read. On Windows, whose sockets are no
 * descriptors, it does nothing. It fails if the server has reset the connection, and then there is no end to send.
 */
export function halfClose(fd: number): void {
  const SHUT_WR = 1;
  libc()?.shutdown(fd, SHUT_WR);
}

/** Whether a descriptor is open; true on Windows, which has none. */
export function isOpen(fd: number): boolean {
  const functions = libc();
  return functions === null || functions.fcntl(fd, F_GETFD) >= 0;
}

/**
 * Keeps a descriptor from child processes. A child that inherits a connection's socket holds the connection open, for its
 * server, as long as it runs; libcurl sees to that itself from 8.17 on alone.
 */
export function closeOnExec(fd: number): void {
  const FIOCLEX = runtime().os === "darwin" ? 0x2000_6601 : 0x5451;
  libc()?.ioctl(fd, FIOCLEX);
}

/** How many descriptors {@linkcode readable} looks at in one call. */
const MAX_LOOKED_AT = 8;
/** `struct pollfd {int fd; short events; short revents}`, as many. */
const pollfds = allocate(MAX_LOOKED_AT * 8);
const view = new DataView(pollfds.buffer);
/** An `int`. */
const count = allocate(4);
const countView = new DataView(count.buffer);

/**
 * The `count` lowest numbers that no descriptor has: each open takes the lowest. None if stderr is closed, and on
 * Windows; fewer if descriptors are nearly out.
 */
export function lowestFree(count: number): number[] {
  const STDERR = 2;
  const functions = libc();
  if (functions === null) return [];
  const { dup, close } = functions;
  const fds: number[] = [];
  while (fds.length < count) {
    const fd = dup(STDERR);
    if (fd < 0) break;
    fds.push(fd);
  }
  for (const fd of fds) close(fd);
  return fds;
}

/** Whether a descriptor is open, and child processes would inherit it. */
export function isInherited(fd: number): boolean {
  return libc()?.fcntl(fd, F_GETFD) === 0;
}

/** Which of these descriptors, 8 at most, can be read now. */
export function readable(fds: readonly number[]): number[] {
  const POLLIN = 1;
  for (const [i, fd] of fds.entries()) {
    view.setInt32(i * 8, fd, true);
    view.setInt16(i * 8 + 4, POLLIN, true);
    // If poll(2) fails, it leaves this as it is.
    view.setInt16(i * 8 + 6, 0, true);
  }
  libc()?.poll(pollfds, fds.length, 0);
  return fds.filter((_fd, i) => view.getInt16(i * 8 + 6, true) === POLLIN);
}

/**
 * How many bytes that were written to a socket its other end does not have yet: for TCP has not acknowledged, else has not
 * read. Only Linux tells; null elsewhere.
 */
export function unacknowledged(fd: number): number | null {
  const SIOCOUTQ = 0x5411;
  if (runtime().os !== "linux" || libc()?.ioctl_pointer(fd, SIOCOUTQ, count) !== 0) return null;
  return countView.getInt32(0, true);
}

/** Whether something was written to a socket that its other end has not read yet. Only Linux tells; false elsewhere. */
export function hasUnread(fd: number): boolean {
  return (unacknowledged(fd) ?? 0) > 0;
}
