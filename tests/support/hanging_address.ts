/** An address of this machine that neither accepts nor refuses connections: it listens with a full queue. */
import { Buffer } from "node:buffer";
import process from "node:process";
import { allocate } from "../../src/platform/ffi.ts";
import { openLibc } from "../../src/platform/libc.ts";

const SOCKETS = {
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int bind(int, const struct sockaddr *, socklen_t)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int listen(int, int backlog)
  listen: { parameters: ["i32", "i32"], result: "i32" },
  // int connect(int, const struct sockaddr *, socklen_t)
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int close(int)
  close: { parameters: ["i32"], result: "i32" },
} as const;

const AF_INET = 2, SOCK_STREAM = 1, SOCK_NONBLOCK = 0o4000;
/** More connections than a backlog of 0 holds. */
const QUEUED = 4;

/** 127.0.0.2 with a port; `using` ends it. */
export class HangingAddress {
  /** Why it is not available, for the `skip` of a test. */
  static readonly reason: string | undefined = process.platform === "linux"
    ? undefined
    : "a full queue drops connections on Linux alone";

  readonly port: number;
  readonly #libc = openLibc(SOCKETS);
  readonly #sockets: number[] = [];

  private constructor(port: number) {
    this.port = port;
    const { socket, bind, listen, connect } = this.#libc;
    // struct sockaddr_in { sa_family_t sin_family; in_port_t sin_port; struct in_addr sin_addr; … }
    const address = allocate(16), bytes = Buffer.from(address.buffer);
    bytes.writeUInt16LE(AF_INET, 0);
    bytes.writeUInt16BE(port, 2);
    bytes.set([127, 0, 0, 2], 4);
    const open = (flags: number) => {
      const fd = socket(AF_INET, SOCK_STREAM | flags, 0);
      this.#sockets.push(fd);
      return fd;
    };
    const listener = open(0);
    if (bind(listener, address, 16) !== 0 || listen(listener, 0) !== 0) {
      throw new Error(`nothing can listen at 127.0.0.2:${port}`);
    }
    for (let i = 0; i < QUEUED; i++) connect(open(SOCK_NONBLOCK), address, 16);
  }

  static open(port: number): HangingAddress {
    return new HangingAddress(port);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#sockets) this.#libc.close(fd);
  }
}
