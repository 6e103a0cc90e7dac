/** A socket that Bun's event loop reads. */
import type { Bell } from "../src/platform/runtime.ts";

/** What is used of a socket of `Bun.connect`; Bun's types are not known to whoever imports this on Deno. */
interface BunSocket {
  ref(): void;
  unref(): void;
  terminate(): void;
}

/** The handlers of such a socket. */
interface Handlers {
  open(socket: BunSocket): void;
  data(): void;
  close(): void;
  error(): void;
  connectError(): void;
}

/** `fd` is an open descriptor, which Bun's types do not know. */
interface WithConnect {
  readonly Bun: { connect(options: { fd: number; socket: Handlers }): Promise<unknown> };
}

/** Returns null if Bun does not take the descriptor at once, as versions without `fd`. */
export function openBunBell(fd: number, onRing: () => void, onClosed: () => void): Bell | null {
  const opened: BunSocket[] = [];
  let closed = false;
  const handlers: Handlers = {
    open: (socket) => void opened.push(socket),
    data: onRing,
    close: () => closed || onClosed(),
    error: () => {},
    connectError: () => {},
  };
  (globalThis as unknown as WithConnect).Bun.connect({ fd, socket: handlers }).catch(() => {});
  const [socket] = opened;
  return socket === undefined ? null : {
    ref: () => socket.ref(),
    unref: () => socket.unref(),
    close(): void {
      closed = true;
      socket.terminate();
    },
  };
}
