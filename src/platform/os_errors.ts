/** What the system says of a connection that could not be made: `CURLINFO_OS_ERRNO`, behind curl's one code 7 for all of it. */
import { CurlWebSocketError } from "../errors.ts";
import { runtime } from "./runtime.ts";
import { canOpen } from "./files.ts";

/** Why TCP did not come about. */
export type ConnectReason =
  | "refused"
  | "timedOut"
  | "noHost"
  | "noNetwork"
  | "noVersion"
  | "forbidden"
  | "noLocal"
  | "noFiles"
  | "noMemory"
  | "noPath"
  | "reset";

/** By the system's number: of Linux, of macOS and the BSDs, and of Windows (Winsock's). */
const REASONS: readonly (readonly [reason: ConnectReason, linux: number, bsd: number, windows: number])[] = [
  ["forbidden", 1, 1, 10013], // EPERM, which Linux's packet filter gives
  ["noPath", 2, 2, -1], // ENOENT, of a Unix socket
  ["noMemory", 12, 12, 8], // ENOMEM
  ["forbidden", 13, 13, 10013], // EACCES
  ["noFiles", 23, 23, 10024], // ENFILE, of the whole system
  ["noFiles", 24, 24, 10024], // EMFILE, of the process
  ["noVersion", 97, 47, 10047], // EAFNOSUPPORT
  ["noLocal", 98, 48, 10048], // EADDRINUSE
  ["noLocal", 99, 49, 10049], // EADDRNOTAVAIL
  ["noNetwork", 100, 50, 10050], // ENETDOWN
  ["noNetwork", 101, 51, 10051], // ENETUNREACH
  ["reset", 104, 54, 10054], // ECONNRESET
  ["noMemory", 105, 55, 10055], // ENOBUFS
  ["timedOut", 110, 60, 10060], // ETIMEDOUT
  ["refused", 111, 61, 10061], // ECONNREFUSED
  ["noHost", 112, 64, 10064], // EHOSTDOWN
  ["noHost", 113, 65, 10065], // EHOSTUNREACH
];

/** The reason by the system's number, or null for 0 and what is not known. */
export function connectReason(errno: number): ConnectReason | null {
  const { os } = runtime();
  const column = os === "linux" ? 1 : os === "windows" ? 3 : 2;
  return REASONS.find((row) => row[column] === errno)?.[0] ?? null;
}

/**
 * A connection takes this many descriptors at once while it is made: a socket, and two for the thread that looks its name
 * up. libcurl does not tell that it got none: 7.88 gives the code of a refusal, without the system's number.
 */
const CONNECTING_FILES = 3;

/** Whether there are no descriptors left to connect with, now. */
export function outOfFiles(): boolean {
  try {
    return !canOpen(runtime().os === "windows" ? "NUL" : "/dev/null", CONNECTING_FILES);
  } catch {
    // Deno may not open the C library.
    return false;
  }
}

/** What ran out, and what to do. */
export const OUT_OF_FILES: string =
  "the process has no file descriptors left (too many open files); close what it no longer uses, or raise its limit (ulimit -n)";

/** libcurl returned no handle. */
export function noHandle(): CurlWebSocketError {
  return outOfFiles()
    ? new CurlWebSocketError("ERR_TOO_MANY_OPEN_FILES", `connecting failed: ${OUT_OF_FILES}`)
    : new CurlWebSocketError("ERR_LIBCURL", "libcurl could not make a handle: out of memory");
}
