/** The end of one direction of TCP. */
import { runtime } from "./runtime.ts";
import { openLibc } from "./libc.ts";
import { once } from "./once.ts";

const SOCKETS = {
  // int shutdown(int, int how)
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
} as const;

const SHUT_WR = 1;

const sockets = once(() => openLibc(SOCKETS));

/** Sends TCP's end behind what was sent; what comes can still be read. On Windows, whose sockets are no descriptors, it does nothing. */
export function halfClose(fd: number): void {
  if (runtime().os === "windows") return;
  let symbols;
  try {
    symbols = sockets();
  } catch {
    // A program may have given up its right to open libraries since. Closing the socket, soon after, ends both directions.
    return;
  }
  // It fails if the server has reset the connection, and then there is no end to send.
  symbols.shutdown(fd, SHUT_WR);
}
