/** What a `CurlWebSocket`'s connection makes of it: the state that its members show, and its events. */
import type { ConnectionHandler } from "../connection/connection.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { runtime } from "../platform/runtime.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { MessageDelivery } from "./message_delivery.ts";
import type { ReadObserver } from "../connection/receiver.ts";
import type { QueuedSocket } from "./loop_queue.ts";

/** What is agreed on most often. A response's value is a part of its header's text, which it would keep in memory. */
const DEFLATE = "permessage-deflate";

export class SocketState implements ConnectionHandler {
  readonly owner: EventTarget & QueuedSocket;
  readonly delivery: MessageDelivery;
  /** Of `WebSocket`: CONNECTING, OPEN, CLOSING, CLOSED. */
  readyState: 0 | 1 | 2 | 3 = 0;
  /** What was agreed, or `""`. */
  protocol = "";
  extensions = "";
  readonly #url: URL;

  constructor(owner: EventTarget & QueuedSocket, url: URL, highWaterMark: number) {
    this.owner = owner;
    this.#url = url;
    this.delivery = new MessageDelivery(owner, url, highWaterMark);
  }

  readonly onMessage = (data: string | ArrayBuffer): boolean => this.readyState === 1 && this.delivery.deliver(data);

  /** As {@linkcode ConnectionHandler.reads}. */
  get reads(): ReadObserver | null {
    return this.delivery.reads;
  }

  onOpen({ protocol, extensions }: Agreement): void {
    // close() may have been called since.
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.protocol = protocol;
    this.extensions = extensions === DEFLATE ? DEFLATE : extensions;
    this.owner.dispatchEvent(new Event("open"));
  }

  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.owner.dispatchEvent(new MessageEvent("pong", { data: payload.buffer, origin: this.#url.origin }));
  }

  onClosing(): void {
    this.readyState = 2;
  }

  onSendFailed(): void {}

  onClosed({ code, reason, wasClean, error }: ConnectionEnd): void {
    this.readyState = 3;
    this.delivery.end(error);
    if (error !== null) {
      this.owner.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
      runtime().checkpoint();
    }
    this.owner.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }
}
