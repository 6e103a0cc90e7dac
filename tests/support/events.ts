/** Waits for the events of a socket. */
import type { CurlWebSocket, CurlWebSocketError } from "../../mod.ts";

/** The next event of a type. */
export function next<T extends Event = Event>(target: EventTarget, type: string): Promise<T> {
  return new Promise((resolve) => target.addEventListener(type, (event) => resolve(event as T), { once: true }));
}

/** Resolves once the socket is open; rejects with its error if it fails. */
export async function opened(socket: CurlWebSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("error", (event) => reject(event.error), { once: true });
    socket.addEventListener("close", () => reject(new Error("closed before it opened")), { once: true });
  });
}

/** The close event. */
export function closed(socket: CurlWebSocket): Promise<CloseEvent> {
  return next<CloseEvent>(socket, "close");
}

/** The next message's data. */
export async function message(socket: CurlWebSocket): Promise<unknown> {
  return (await next<MessageEvent>(socket, "message")).data;
}

/** The error of a socket that fails, and the close event after it. */
export async function failed(socket: CurlWebSocket): Promise<{ error: CurlWebSocketError; close: CloseEvent }> {
  let error: CurlWebSocketError | undefined;
  socket.addEventListener("error", (event) => {
    error = event.error;
  });
  const close = await closed(socket);
  if (!error) throw new Error(`closed with ${close.code} "${close.reason}" and no error event`);
  return { error, close };
}

/** The name of the DOMException that a call throws. */
export function domException(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof DOMException) return error.name;
    throw error;
  }
  throw new Error("nothing was thrown");
}
