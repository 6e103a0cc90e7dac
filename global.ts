/**
 * Makes `CurlWebSocket` the global `WebSocket`, for libraries that look nowhere else:
 *
 * ```ts
 * import "@curlws/curlws/global";
 * ```
 *
 * It has to stand before what reads the global when it is imported. Binary messages are what those of the runtime's own
 * class are, until the program sets `binaryType`: Blobs on Deno, Buffers on Bun. Options for all sockets come with
 * {@linkcode install}; {@linkcode NativeWebSocket} is what was there before.
 *
 * @module
 */
import { CurlWebSocket, type CurlWebSocketInit } from "./mod.ts";
import { whenRuntime } from "./src/platform/runtime.ts";
import { type AfterUrl, initOf } from "./src/web/webidl.ts";

export type * from "./mod.ts";

/** What `globalThis.WebSocket` was when this module was imported: the runtime's own. */
export const NativeWebSocket: typeof WebSocket = globalThis.WebSocket;

/** `CurlWebSocket`, whose `binaryType` is at first what that of the runtime's own class is. */
let installed = CurlWebSocket;

// Programs for Bun expect its Buffers, and do not say so: they are the default of Bun's class.
whenRuntime(({ name }) => {
  if (name === "bun") installed = withBuffers();
});

function withBuffers(): typeof CurlWebSocket {
  const made = class extends CurlWebSocket {
    constructor(url: string | URL, ...rest: AfterUrl) {
      if (arguments.length === 0) throw new TypeError("CurlWebSocket needs a URL");
      super(url, initOf(...rest));
      this.binaryType = "nodebuffer";
    }
  };
  Object.defineProperty(made, "name", { value: CurlWebSocket.name });
  return made;
}

/**
 * Makes `CurlWebSocket` the global `WebSocket`, with options for every socket that is made by it; what a caller gives goes
 * before them. Answers the class that is now global. A bad option throws when a socket is made.
 */
export function install(options?: CurlWebSocketInit): typeof CurlWebSocket {
  const made = options === undefined ? installed : installed.with(options);
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
