/** Makes multi handles that child processes do not inherit, and that can be woken. */
import { closeOnExec, hasUnread, isInherited, lowestFree, readable } from "../platform/descriptors.ts";
import { isNull, type Pointer } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import type { Curl } from "./library.ts";

/** From libcurl 8.9 on, the pair of sockets that wakes a multi is close-on-exec; its other sockets are from 8.17 on. */
const SEALED_MULTI = 0x080900;
/** How many of the lowest free numbers to look at: a pair takes two, and other threads may take some meanwhile. */
const CANDIDATES = 8;

/**
 * Makes a multi, and keeps the pair of sockets that it is woken by from child processes. Returns NULL if libcurl cannot
 * make one.
 *
 * libcurl does not say which descriptors the pair has. They are among the lowest numbers that were free, which may lie
 * far apart. Another thread may open one of these in the same instant; the pair is known by a wake-up, which makes one
 * of it readable and leaves something unread of the other.
 */
export function createMulti(curl: Curl): Pointer {
  const { os } = runtime();
  // On Windows a child inherits only what it is given.
  if (curl.versionNumber >= SEALED_MULTI || os === "windows") return curl.curl_multi_init();
  const free = lowestFree(CANDIDATES);
  const multi = curl.curl_multi_init();
  if (isNull(multi)) return multi;
  const fds = free.filter(isInherited);
  const others = [...readable(fds), ...fds.filter(hasUnread)];
  curl.curl_multi_wakeup(multi);
  const read = readable(fds).find((fd) => !others.includes(fd));
  // Only Linux can tell what is unread; elsewhere the pair's second number follows the first.
  const write = os === "linux"
    ? fds.find((fd) => hasUnread(fd) && !others.includes(fd))
    : read === undefined
    ? undefined
    : fds[fds.indexOf(read) + 1];
  if (read !== undefined) closeOnExec(read);
  if (read !== undefined && write !== undefined) closeOnExec(write);
  takeWakeup(curl, multi);
  return multi;
}

/**
 * Returns whether a poll of this multi can be woken. If no descriptors are left, libcurl makes a multi without the pair
 * for that, and only the first wake-up says so: a poll of it may sleep for a day.
 */
export function isWakeable(curl: Curl, multi: Pointer): boolean {
  if (curl.curl_multi_wakeup(multi) !== 0) return false;
  takeWakeup(curl, multi);
  return true;
}

/** Takes the wake-up, so that the next poll sleeps. */
function takeWakeup(curl: Curl, multi: Pointer): void {
  curl.curl_multi_poll(multi, null, 0, 0, null);
}
