/** A socket that Deno's event loop reads. */
import type { Bell } from "../src/platform/runtime.ts";
import { denoCore, inMicrotask } from "./deno_core.ts";

type Net = typeof import("node:net");

/** `SocketOptions` of Node 12 and later, which the types leave out: each read is in `buffer`, without a stream about it. */
interface ReadInto {
  onread: { buffer: Uint8Array; callback(): boolean };
}

/** Deno reads it as `node:net` does. Returns null if it does not, as versions that ignored `fd`. */
export function openDenoBell(fd: number, onRing: () => void, onClosed: () => void): Bell | null {
  // Not imported: it takes some 2 ms to load, and who connects to nothing is not to pay that.
  const net = process.getBuiltinModule("node:net") as Net;
  let ring = (): void => {
    ring = isInMicrotask() ? () => marked(onRing) : onRing;
    ring();
  };
  const into: ReadInto = { onread: { buffer: new Uint8Array(64), callback: () => (ring(), true) } };
  const socket = new net.Socket({ fd, readable: true, writable: false, ...into });
  socket.on("error", () => {});
  // It has taken nothing over.
  if (socket.pending) return null;
  socket.on("close", onClosed);
  socket.read(0);
  return {
    ref: () => void socket.ref(),
    unref: () => void socket.unref(),
    close(): void {
      socket.off("close", onClosed);
      socket.destroy();
    },
  };
}

/** Whether Deno calls from a microtask: then the library runs no others inside it. */
function isInMicrotask(): boolean {
  let ran = false;
  queueMicrotask(() => ran = true);
  denoCore().runMicrotasks?.();
  return !ran;
}

function marked(fn: () => void): void {
  inMicrotask.isTrue = true;
  try {
    fn();
  } finally {
    inMicrotask.isTrue = false;
  }
}
