/** Watches what was sent on all connections of a feed leave. */
import type { Draining } from "../web/socket_promises.ts";
import type { CurlWebSocket } from "../web/websocket.ts";

/** What is watched. */
export interface Drained {
  /** With what waits for a connection. */
  readonly bufferedAmount: number;
  /** Connections that are alive. */
  readonly alive: readonly Pick<CurlWebSocket, "bufferedAmount" | "drained">[];
}

export class FeedDrain implements Draining {
  readonly #feed: Drained;
  #look: ((isOver: boolean) => boolean) | null = null;
  /** The sockets of which the next bytes to leave are waited for. */
  readonly #watched: Set<object> = new Set();

  constructor(feed: Drained) {
    this.#feed = feed;
  }

  get bufferedAmount(): number {
    return this.#feed.bufferedAmount;
  }

  /** As `CurlWebSocket`'s; there is one who looks, and who comes later looks for those before. */
  onProgress(look: (isOver: boolean) => boolean): void {
    this.#look = look;
    this.look();
  }

  /** Bytes have left, or are lost, or a connection has come. */
  look(): void {
    if (this.#look === null) return;
    if (this.#look(false)) {
      this.#look = null;
      return;
    }
    for (const socket of this.#feed.alive) {
      if (socket.bufferedAmount === 0 || this.#watched.has(socket)) continue;
      this.#watched.add(socket);
      const again = () => {
        this.#watched.delete(socket);
        this.look();
      };
      // It rejects if the connection ends; the feed looks when it has.
      socket.drained(socket.bufferedAmount - 1).then(again, () => this.#watched.delete(socket));
    }
  }
}
