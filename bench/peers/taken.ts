/** `CurlWebSocket` by its async iterator, and `CurlWebSocketStream`, behind the interface that the peers share. */
import { CurlWebSocket, type CurlWebSocketInit, CurlWebSocketStream } from "../../mod.ts";
import type { Socket } from "./socket.ts";

/** Passes each message that a loop takes to `onmessage`, as an event is. */
abstract class Taken implements Socket {
  binaryType = "arraybuffer";
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onerror: Socket["onerror"] = null;
  onclose: Socket["onclose"] = null;

  abstract send(data: string | Uint8Array): void;
  abstract close(): void;

  protected async take(messages: Promise<AsyncIterable<unknown>>): Promise<void> {
    try {
      for await (const data of await messages) this.onmessage?.({ data });
    } catch (error) {
      this.onerror?.({ error });
    }
    this.onclose?.({});
  }
}

/** By `for await`. */
export class IteratedSocket extends Taken {
  readonly #socket: CurlWebSocket;

  constructor(url: string, options: CurlWebSocketInit) {
    super();
    this.#socket = new CurlWebSocket(url, options);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.onopen?.({});
    void this.take(Promise.resolve(this.#socket));
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** By the stream's `readable`. */
export class StreamedSocket extends Taken {
  readonly #socket: CurlWebSocketStream;

  constructor(url: string, options: CurlWebSocketInit) {
    super();
    const { protocols: _, ...rest } = options;
    this.#socket = new CurlWebSocketStream(url, rest);
    const opened = this.#socket.opened;
    opened.then(() => this.onopen?.({}), () => {});
    void this.take(opened.then(({ readable }) => readable));
  }

  send(): void {
    throw new Error("this peer only receives");
  }

  close(): void {
    this.#socket.close();
  }
}
