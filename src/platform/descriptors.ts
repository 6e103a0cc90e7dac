/** File descriptors: closed, one direction or both, and kept from child processes. */
import { openLibc } from "./libc.ts";
import { allocate, isNull, type Pointer, type Symbols } from "./ffi.ts";
import { runtime } from "./runtime.ts";
import type { Curl } from "../curl/library.ts";
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
/** Of a libcurl from here on, the pair of a multi is close-on-exec; its sockets are from 8.17 on. */
const SEALED_MULTI = 0x080900;

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

/** Whether a descriptor is open; true where that cannot be asked. */
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

/** How many of the lowest free numbers are looked at: a pair takes two, other threads may take some meanwhile. */
const CANDIDATES = 8;
/** `struct pollfd {int fd; short events; short revents}`, as many. */
const pollfds = allocate(CANDIDATES * 8);
const view = new DataView(pollfds.buffer);
/** An `int`. */
const count = allocate(4);

/** The lowest numbers that no descriptor has: each open takes the lowest. None where stderr is closed; fewer where descriptors are nearly out. */
function lowestFree({ dup, close }: Symbols<typeof DESCRIPTORS>): number[] {
  const STDERR = 2;
  const fds: number[] = [];
  while (fds.length < CANDIDATES) {
    const fd = dup(STDERR);
    if (fd < 0) break;
    fds.push(fd);
  }
  for (const fd of fds) close(fd);
  return fds;
}

/**
 * Makes a multi, and keeps the pair of sockets that it is woken by from child processes; NULL where libcurl cannot.
 *
 * libcurl does not tell the pair. It is among the lowest numbers that were free, and those may lie far apart; and it is the pair, and nothing that
 * another thread opened in this instant, if a wake-up makes the one readable and leaves something unread of the other.
 */
export function createMulti(curl: Curl): Pointer {
  const functions = curl.versionNumber < SEALED_MULTI ? libc() : null;
  if (functions === null) return curl.curl_multi_init();
  const { poll, fcntl } = functions;
  const POLLIN = 1;
  const free = lowestFree(functions);
  const multi = curl.curl_multi_init();
  if (isNull(multi)) return multi;
  const fds: number[] = [];
  for (const fd of free) {
    // Closed, or close-on-exec already.
    if (fcntl(fd, F_GETFD) !== 0) continue;
    view.setInt32(fds.length * 8, fd, true);
    view.setInt16(fds.length * 8 + 4, POLLIN, true);
    fds.push(fd);
  }
  const isReadable = (_fd: number, i: number) => view.getInt16(i * 8 + 6, true) === POLLIN;
  const hasUnread = (fd: number) => {
    const SIOCOUTQ = 0x5411;
    return functions.ioctl_pointer(fd, SIOCOUTQ, count) === 0 && count.some((byte) => byte !== 0);
  };
  const linux = runtime().os === "linux";
  poll(pollfds, fds.length, 0);
  const others = new Set(fds.filter((fd, i) => isReadable(fd, i) || (linux && hasUnread(fd))));
  curl.curl_multi_wakeup(multi);
  poll(pollfds, fds.length, 0);
  const read = fds.findIndex((fd, i) => isReadable(fd, i) && !others.has(fd));
  // Only Linux tells what is unread; elsewhere it is the next number.
  const write = linux ? fds.findIndex((fd) => hasUnread(fd) && !others.has(fd)) : read + 1;
  for (const fd of read < 0 ? [] : [fds[read], fds[write]]) if (fd !== undefined) closeOnExec(fd);
  // Takes the wake-up, so that the next poll sleeps.
  curl.curl_multi_poll(multi, null, 0, 0, null);
  return multi;
}

/**
 * Whether a poll of this multi can be woken. If descriptors are out, libcurl makes a multi without the pair for that, and
 * says so when it is first woken: then a poll may sleep for a day.
 */
export function isWakeable(curl: Curl, multi: Pointer): boolean {
  if (curl.curl_multi_wakeup(multi) !== 0) return false;
  // Takes the wake-up, so that the next poll sleeps.
  curl.curl_multi_poll(multi, null, 0, 0, null);
  return true;
}
