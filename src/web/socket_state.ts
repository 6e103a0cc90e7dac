/** What a `CurlWebSocket`'s connection makes of it: the state that its members show, and its events. */
import type { ConnectionHandler } from "../connection/connection.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { type HandshakeResponse, refusalOf, responseOf } from "../handshake/response_head.ts";
import type { CurlWebSocketError } from "../errors.ts";
import { runtime } from "../platform/runtime.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { MessageDelivery } from "./message_delivery.ts";
import type { ReadObserver } from "../connection/receiver.ts";
import type { QueuedSocket } from "./loop_queue.ts";
import { controlData } from "./binary_type.ts";
import { SocketPromises } from "./socket_promises.ts";

export class SocketState implements ConnectionHandler {
  readonly owner: EventTarget & QueuedSocket;
  readonly delivery: MessageDelivery;
  /** Of `WebSocket`: CONNECTING, OPEN, CLOSING, CLOSED. */
  readyState: 0 | 1 | 2 | 3 = 0;
  /** What was agreed, or `""`. */
  protocol = "";
  extensions = "";
  /** The response to the handshake: its text until it is asked for. */
  #response: HandshakeResponse | string | null = null;
  readonly #url: URL;
  /** Null until one of them is asked for; and until then, what they will say. */
  #promises: SocketPromises<SocketState["owner"]> | null = null;
  #hasOpened = false;
  #end: ConnectionEnd | null = null;

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

  get promises(): SocketPromises<SocketState["owner"]> {
    return this.#promises ??= new SocketPromises(this.owner, this.#hasOpened, this.#end);
  }

  get response(): HandshakeResponse | null {
    if (typeof this.#response === "string") this.#response = responseOf(this.#response);
    return this.#response;
  }

  onOpen({ protocol, extensions, head }: Agreement): void {
    this.#response = head;
    // close() may have been called since.
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.protocol = protocol;
    this.extensions = extensions;
    this.#hasOpened = true;
    this.#promises?.onOpen();
    this.owner.dispatchEvent(new Event("open"));
  }

  onPing(payload: Uint8Array<ArrayBuffer>): boolean {
    const { hearsPings } = this.delivery.listeners;
    // A copy: the payload may be kept until its pong goes out.
    if (hearsPings) this.#dispatch("ping", payload.slice());
    return hearsPings;
  }

  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.#promises?.onPong(payload);
    this.#dispatch("pong", payload);
  }

  #dispatch(type: "ping" | "pong", { buffer }: Uint8Array<ArrayBuffer>): void {
    const data = controlData(buffer, this.delivery.binaryType);
    this.owner.dispatchEvent(new MessageEvent(type, { data, origin: this.#url.origin }));
  }

  onClosing(): void {
    this.readyState = 2;
  }

  onSendFailed(error: CurlWebSocketError): void {
    this.#promises?.onSendFailed(error);
  }

  onClosed(end: ConnectionEnd): void {
    const { code, reason, wasClean, error } = this.#end = end;
    this.readyState = 3;
    if (error !== null) this.#response ??= refusalOf(error);
    this.#promises?.onFailed(end);
    this.delivery.end(error);
    if (error !== null) {
      this.owner.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
      runtime().checkpoint();
    }
    this.#promises?.onClosed(end);
    this.owner.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }
}
