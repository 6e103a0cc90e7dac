/** How a message that came reaches the program: by the listeners of `message`, and by the iterator. */
import type { CurlWebSocketError } from "../errors.ts";
import { FastMessageEvent } from "./message_events.ts";
import { MessageListeners } from "./message_listeners.ts";
import { MessageQueue, type QueuedSocket } from "./message_queue.ts";

export class MessageDelivery {
  readonly listeners: MessageListeners;
  binaryType: "blob" | "arraybuffer" = "blob";
  readonly #socket: EventTarget & QueuedSocket;
  readonly #url: Pick<URL, "origin">;
  /** The URL's origin, from the first message on. */
  #origin: string | null = null;
  readonly #highWaterMark: number;
  #queue: MessageQueue | null = null;
  /** Who gets each message as it came, before all others, and returns as {@linkcode deliver}; null for nobody. */
  tap: ((data: string | ArrayBuffer) => boolean) | null = null;
  /** Whether the connection has ended, and with which error. */
  #end: { readonly error: CurlWebSocketError | null } | null = null;

  constructor(socket: EventTarget & QueuedSocket, url: Pick<URL, "origin">, highWaterMark: number) {
    this.#socket = socket;
    this.#url = url;
    this.#highWaterMark = highWaterMark;
    this.listeners = new MessageListeners(socket);
  }

  /**
   * Delivers a message to the iterator first, then to the listeners. Returns whether microtasks should run now: an event is
   * a task of its own, and messages that only wait for a loop are not.
   */
  deliver(message: string | ArrayBuffer): boolean {
    const tapped = this.tap?.(message) ?? false;
    const data = typeof message === "string" || this.binaryType === "arraybuffer" ? message : new Blob([message]);
    const full = this.#queue?.push(data) ?? false;
    if (!this.listeners.any) return full || tapped;
    this.#origin ??= this.#url.origin;
    this.listeners.dispatch(new FastMessageEvent(data, this.#origin, this.#socket));
    return true;
  }

  /** Returns the iterator over the messages from now on. There is only one. */
  iterate(): MessageQueue {
    const queue = this.#queue ??= new MessageQueue(this.#socket, this.#highWaterMark);
    if (this.#end !== null) queue.end(this.#end.error);
    return queue;
  }

  /** The connection has ended: the iterator ends too, or throws the error. */
  end(error: CurlWebSocketError | null): void {
    this.#end = { error };
    this.#queue?.end(error);
  }
}
