/** What the tests of the interface of `ws` share. */
import { once } from "node:events";
import type { Buffer } from "node:buffer";
import { WebSocket } from "../../ws/mod.ts";

/** The proxies of the environment are for others. */
export const DIRECT = { proxy: false } as const;

/** Waits until a socket is open. */
export async function opened(socket: WebSocket): Promise<WebSocket> {
  await once(socket, "open");
  return socket;
}

/** Waits for the end of a socket; what goes wrong is among it. */
export async function closed(socket: WebSocket): Promise<{ code: number; reason: string; error: Error | null }> {
  let error: Error | null = null;
  socket.once("error", (cause) => error = cause);
  return await new Promise((resolve) =>
    socket.once("close", (code: number, reason: Buffer) => resolve({ code, reason: reason.toString(), error }))
  );
}

/** Waits for so many messages, as text. */
export async function messages(socket: WebSocket, count: number): Promise<string[]> {
  const all: string[] = [];
  return await new Promise((resolve) =>
    socket.on("message", (data) => {
      if (all.push(data.toString()) === count) resolve(all);
    })
  );
}

/** Calls what takes a callback, and waits for it: the error, or undefined. */
export async function sent(send: (callback: (error?: Error) => void) => void): Promise<Error | undefined> {
  return await new Promise((resolve) => send(resolve));
}
