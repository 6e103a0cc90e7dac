/** How a message that came reaches the program: by the listeners of `message`, and by the iterator. */
import type { CurlWebSocketError } from "../errors.ts";
import { binaryData, type BinaryType } from "./binary_type.ts";
import { FastMessageEvent } from "./message_events.ts";
import { MessageListeners } from "./message_listeners.ts";
import type { Data, QueuedSocket } from "./loop_queue.ts";
import { type BatchOptions, BatchQueue } from "./batch_queue.ts";
import { LatestQueue } from "./latest_queue.ts";
import { MessageQueue } from "./message_queue.ts";
import { type ReadQueue, ReadQueues } from "./read_queues.ts";

export class MessageDelivery {
  readonly listeners: MessageListeners;
  binaryType: BinaryType = "blob";
  readonly #socket: EventTarget & QueuedSocket;
  readonly #url: Pick<URL, "origin">;
  /** The URL's origin, from the first message on. */
  #origin: string | null = null;
  readonly #highWaterMark: number;
  #queue: MessageQueue | null = null;
  /** The loops over batches and latest messages; null as long as there is none. */
  reads: ReadQueues | null = null;
  /** Who gets each message as it came, before all others, and returns as {@linkcode deliver}; null for nobody. */
  tap: ((data: string | ArrayBuffer) => boolean) | null = null;
  /** Whether the one who taps is the reader now, whom no loop may hold up. */
  #isTapped = false;
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
    const data = typeof message === "string" ? message : binaryData(message, this.binaryType);
    let full = this.#queue?.push(data) ?? false;
    if (this.reads?.push(data)) full = true;
    if (!this.listeners.any) return full || tapped;
    this.#origin ??= this.#url.origin;
    this.listeners.dispatch(new FastMessageEvent(data, this.#origin, this.#socket));
    return true;
  }

  /** Returns the iterator over the messages from now on. There is only one. */
  iterate(): MessageQueue {
    const queue = this.#queue ??= new MessageQueue(this.#socket, this.#highWaterMark);
    if (this.#isTapped) queue.holdNothingUp();
    if (this.#end !== null) queue.end(this.#end.error);
    return queue;
  }

  /** Returns a loop of its own over batches of the messages from now on; throws as {@linkcode BatchQueue}. */
  batches(options: BatchOptions | undefined): BatchQueue {
    return this.#begin(new BatchQueue(this.#socket, this.#highWaterMark, options));
  }

  /** Returns a loop of its own over the newest message of each key from now on; throws as {@linkcode LatestQueue}. */
  latest<Key>(keyOf: (data: Data) => Key | undefined): LatestQueue<Key> {
    return this.#begin(new LatestQueue(this.#socket, this.#highWaterMark, keyOf));
  }

  #begin<Queue extends ReadQueue>(queue: Queue): Queue {
    if (this.#isTapped) queue.holdNothingUp();
    if (this.#end !== null) queue.end(this.#end.error);
    else (this.reads ??= new ReadQueues()).add(queue);
    return queue;
  }

  /** From now on the socket's own loops hold nothing up: who taps reads. */
  onlyTap(): void {
    this.#isTapped = true;
    this.#queue?.holdNothingUp();
    this.reads?.holdNothingUp();
  }

  /** The connection has ended: the loops end too, or throw the error. */
  end(error: CurlWebSocketError | null): void {
    this.#end = { error };
    this.#queue?.end(error);
    this.reads?.end(error);
  }
}
