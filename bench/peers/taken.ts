/** The loops over a `CurlWebSocket`, and `CurlWebSocketStream`, behind the interface that the peers share. */
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

/** By one of the loops of a `CurlWebSocket`. */
abstract class Looped extends Taken {
  readonly #socket: CurlWebSocket;

  constructor(url: string, options: CurlWebSocketInit) {
    super();
    this.#socket = new CurlWebSocket(url, options);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.onopen?.({});
    void this.loop(this.#socket);
  }

  protected abstract loop(socket: CurlWebSocket): Promise<void>;

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** By `for await` over messages. */
export class IteratedSocket extends Looped {
  protected override loop(socket: CurlWebSocket): Promise<void> {
    return this.take(Promise.resolve(socket));
  }
}

/** Over batches. */
export class BatchedSocket extends Looped {
  protected override async loop(socket: CurlWebSocket): Promise<void> {
    for await (const batch of socket.batches()) for (const data of batch) this.onmessage?.({ data });
    this.onclose?.({});
  }
}

/** How many keys the messages have, in turn: instruments of an exchange. */
const KEYS = 1000;

/** Over the newest message of each key. What was superseded counts too: it has come. */
export class LatestSocket extends Looped {
  protected override async loop(socket: CurlWebSocket): Promise<void> {
    let count = 0;
    for await (const { data, dropped } of socket.latest(() => count++ % KEYS)) {
      for (let i = 0; i <= dropped; i++) this.onmessage?.({ data });
    }
    this.onclose?.({});
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
