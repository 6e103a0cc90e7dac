/** Two connected sockets by their numbers, for what waits for descriptors. Not on Windows, whose sockets are no descriptors. */
import { allocate } from "../../src/platform/ffi.ts";
import { openLibc } from "../../src/platform/libc.ts";
import { once } from "../../src/platform/once.ts";

const SOCKETS = {
  // int socketpair(int domain, int type, int protocol, int sv[2])
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // ssize_t write(int, const void *, size_t)
  write: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // ssize_t read(int, void *, size_t)
  read: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // int close(int)
  close: { parameters: ["i32"], result: "i32" },
} as const;

const libc = once(() => openLibc(SOCKETS));

/** What is written to `peer` can be read from `fd`. */
export class SocketPair implements Disposable {
  readonly fd: number;
  readonly peer: number;
  #peerIsOpen = true;

  constructor() {
    const AF_UNIX = 1, SOCK_STREAM = 1, numbers = allocate(8);
    if (libc().socketpair(AF_UNIX, SOCK_STREAM, 0, numbers) !== 0) throw new Error("socketpair failed");
    const view = new DataView(numbers.buffer);
    this.fd = view.getInt32(0, true);
    this.peer = view.getInt32(4, true);
  }

  /** Makes `fd` readable. */
  write(): void {
    libc().write(this.peer, allocate(1), 1);
  }

  /** Reads what {@linkcode write} wrote once. */
  read(): void {
    libc().read(this.fd, allocate(1), 1);
  }

  /** Ends the stream to `fd`. */
  closePeer(): void {
    if (this.#peerIsOpen) libc().close(this.peer);
    this.#peerIsOpen = false;
  }

  [Symbol.dispose](): void {
    this.closePeer();
    libc().close(this.fd);
  }
}
