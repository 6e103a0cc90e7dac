/** Whether the process has no file descriptors left, and what to say then. */
import { CurlWebSocketError } from "../errors.ts";
import { canOpen } from "./files.ts";
import { runtime } from "./runtime.ts";

/**
 * A connection takes this many descriptors at once while it is made: a socket, and two for the thread that looks its name
 * up. libcurl does not say that it got none: 7.88 returns the code of a refusal, without the system's number.
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

/** The error if libcurl returned no handle: it does not say why. */
export function noHandle(): CurlWebSocketError {
  return outOfFiles()
    ? new CurlWebSocketError("ERR_TOO_MANY_OPEN_FILES", `connecting failed: ${OUT_OF_FILES}`)
    : new CurlWebSocketError("ERR_LIBCURL", "libcurl could not make a handle: out of memory");
}
