/** What the system's error number says of a connection that could not be made, for which libcurl has one code alone, 7. */
import { runtime } from "./runtime.ts";

/** Why there is no TCP connection. */
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
const REASONS: readonly (readonly [reason: ConnectReason, linux: number, bsd: number, windows: number | null])[] = [
  ["forbidden", 1, 1, 10013], // EPERM, which Linux's packet filter gives
  ["noPath", 2, 2, null], // ENOENT, of a Unix socket
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

/** The reason by the system's number (`errno`, `CURLINFO_OS_ERRNO`); null for 0, and for a number that says nothing here. */
export function connectReason(errno: number): ConnectReason | null {
  const { os } = runtime();
  const column = os === "linux" ? 1 : os === "windows" ? 3 : 2;
  return REASONS.find((row) => row[column] === errno)?.[0] ?? null;
}
