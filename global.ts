/**
 * Makes `CurlWebSocket` the global `WebSocket`, for libraries that look nowhere else:
 *
 * ```ts
 * import "@curlws/curlws/global";
 * ```
 *
 * It has to stand before what reads the global when it is imported. Options for all sockets come with
 * {@linkcode install}; {@linkcode NativeWebSocket} is what was there before.
 *
 * @module
 */
import { CurlWebSocket, type CurlWebSocketInit } from "./mod.ts";

export type * from "./mod.ts";

/** What `globalThis.WebSocket` was when this module was imported: the runtime's own. */
export const NativeWebSocket: typeof WebSocket = globalThis.WebSocket;

/**
 * Makes `CurlWebSocket` the global `WebSocket`, with options for every socket that is made by it; what a caller gives goes
 * before them. Answers the class that is now global. A bad option throws when a socket is made.
 */
export function install(options?: CurlWebSocketInit): typeof CurlWebSocket {
  const made = options === undefined ? CurlWebSocket : CurlWebSocket.with(options);
  define(made);
  return made;
}

/** Makes {@linkcode NativeWebSocket} the global `WebSocket` again. */
export function uninstall(): void {
  define(NativeWebSocket);
}

/** As Web IDL has the property: not enumerable, and replaceable. */
function define(value: unknown): void {
  Object.defineProperty(globalThis, "WebSocket", { value, writable: true, enumerable: false, configurable: true });
}

install();
