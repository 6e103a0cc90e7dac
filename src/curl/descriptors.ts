/** File descriptors: closed, and kept from child processes. */
import { allocateNative, type NativeMemory, openLibc } from "./libc.ts";
import { isNull, type Pointer, runtime, type Symbols } from "./ffi.ts";
import type { Curl } from "./library.ts";
import { once } from "./once.ts";

const DESCRIPTORS = {
  // int close(int)
  close: { parameters: ["i32"], result: "i32" },
  // int dup(int)
  dup: { parameters: ["i32"], result: "i32" },
  // int ioctl(int, unsigned long, ...): FIOCLEX has no third argument, so none travels the variadic way
  ioctl: { parameters: ["i32", "usize"], result: "i32" },
  // int fcntl(int, int, ...): neither has F_GETFD
  fcntl: { parameters: ["i32", "i32"], result: "i32" },
  // int poll(struct pollfd *, nfds_t, int)
  poll: { parameters: ["pointer", "u32", "i32"], result: "i32" },
} as const;

const F_GETFD = 1, FD_CLOEXEC = 1;
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

/** For `struct pollfd {int fd; short events; short revents}`, twice. */
let pollfds: NativeMemory | undefined;

/**
 * Makes a multi, and keeps the pair of descriptors that it is woken by from child processes; NULL where libcurl cannot.
 *
 * libcurl does not tell the pair. It is the lowest numbers that were free, and it is the pair, and not what another thread
 * opened in this instant, if a wake-up makes one of them readable.
 */
export function createMulti(curl: Curl): Pointer {
  const functions = curl.versionNumber < SEALED_MULTI ? libc() : null;
  if (functions === null) return curl.curl_multi_init();
  const { dup, close, poll, fcntl } = functions;
  const { view, pointer } = pollfds ??= allocateNative(16);
  const STDERR = 2;
  const first = dup(STDERR), second = dup(STDERR);
  if (first >= 0) close(first);
  if (second >= 0) close(second);
  const multi = curl.curl_multi_init();
  // There are no two numbers where descriptors are out, or stderr is closed.
  if (second < 0 || isNull(multi)) return multi;
  const isPlain = (fd: number) => (fcntl(fd, F_GETFD) & FD_CLOEXEC) === 0;
  if (!isPlain(first) || !isPlain(second)) return multi;
  const POLLIN = 1;
  for (const [i, fd] of [first, second].entries()) {
    view.setInt32(i * 8, fd, true);
    view.setInt16(i * 8 + 4, POLLIN, true);
  }
  if (poll(pointer, 2, 0) !== 0) return multi;
  curl.curl_multi_wakeup(multi);
  if (poll(pointer, 2, 0) === 1) {
    closeOnExec(first);
    closeOnExec(second);
  }
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
