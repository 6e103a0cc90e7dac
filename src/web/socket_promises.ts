/** What a socket promises beside its events: that it opens, drains, gets a message or a pong, and closes. */
import { equalBytes } from "../connection/heartbeat.ts";
import { CurlWebSocketError } from "../errors.ts";
import { numberOf } from "../options/validate.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { droppable, giveUpBy, type WaitOptions, waitOptions } from "./wait.ts";
import { abandoned, closedBefore } from "./websocket_error.ts";

/** Whose bytes drain. */
export interface Draining {
  readonly bufferedAmount: number;
  /** As {@linkcode Sender.onProgress}. */
  onProgress(look: (isOver: boolean) => boolean): void;
}

/** Whose messages are received, one by one. */
export interface Receiving<Data> {
  next(): Promise<IteratorResult<Data>>;
  /**
   * What {@linkcode next} promised rejects with the reason, if it is not there yet; the message is then for the next one who
   * asks. Returns whether it was not.
   */
  giveUp(promise: Promise<IteratorResult<Data>>, reason: unknown): boolean;
}

interface Drain extends PromiseWithResolvers<void> {
  readonly limit: number;
}

interface Ping extends PromiseWithResolvers<number> {
  readonly at: number;
  /** Null before it is sent. */
  payload: Uint8Array | null;
}

/** Pings that wait for their pongs, at most: a server that sends none takes no memory. */
const MAX_PINGS = 64;

/** One socket's; it is made when the first of its promises is asked for. */
export class SocketPromises<Socket> {
  readonly #socket: Socket;
  #hasOpened: boolean;
  #end: ConnectionEnd | null;
  #opened: PromiseWithResolvers<Socket> | null = null;
  #closed: PromiseWithResolvers<ConnectionEnd> | null = null;
  #drains: Drain[] = [];
  #pings: Ping[] = [];

  constructor(socket: Socket, hasOpened: boolean, end: ConnectionEnd | null) {
    this.#socket = socket;
    this.#hasOpened = hasOpened;
    this.#end = end;
  }

  get opened(): Promise<Socket> {
    if (this.#opened === null) {
      this.#opened = Promise.withResolvers();
      droppable(this.#opened.promise);
      if (this.#hasOpened) this.onOpen();
      else if (this.#end !== null) this.onFailed(this.#end);
    }
    return this.#opened.promise;
  }

  get closed(): Promise<ConnectionEnd> {
    if (this.#closed === null) {
      this.#closed = Promise.withResolvers();
      if (this.#end !== null) this.onClosed(this.#end);
    }
    return this.#closed.promise;
  }

  /** Resolves when no more than `limit` bytes wait; throws and rejects as `CurlWebSocket.drained`. */
  drained(sender: Draining, limit: number, options: WaitOptions | undefined): Promise<void> {
    numberOf("limit", limit, 0, Number.MAX_SAFE_INTEGER);
    const wait = waitOptions(options);
    const drain = { ...Promise.withResolvers<void>(), limit };
    droppable(drain.promise);
    if (wait.signal?.aborted) drain.reject(wait.signal.reason);
    else if (sender.bufferedAmount <= limit) drain.resolve();
    else if (this.#end !== null) drain.reject(closedBefore("what was sent had left", this.#end));
    else {
      this.#drains.push(drain);
      sender.onProgress((isOver) => {
        const { bufferedAmount } = sender;
        this.#drains = this.#drains.filter(({ limit, resolve }) => bufferedAmount > limit || void resolve());
        return isOver || this.#drains.length === 0;
      });
      giveUpBy(drain.promise, wait, `more than ${limit} bytes still wait: they did not leave`, (reason) => {
        this.#drains = this.#drains.filter((other) => other !== drain);
        drain.reject(reason);
      });
    }
    return drain.promise;
  }

  /** Resolves with the next message; throws and rejects as `CurlWebSocket.receive`. */
  receive<Data>(queue: Receiving<Data>, options: WaitOptions | undefined): Promise<Data> {
    const wait = waitOptions(options);
    if (wait.signal?.aborted) return droppable(Promise.reject(wait.signal.reason));
    const next = queue.next();
    giveUpBy(next, wait, "no message came", (reason) => queue.giveUp(next, reason));
    return droppable(next.then(({ done, value }) => {
      if (done) throw closedBefore("a message came", this.#end!);
      return value;
    }));
  }

  /** Resolves with the time to its pong. `send` sends the ping, and calls `onSent` then; it may throw. */
  ping(send: (onSent: (payload: Uint8Array) => void) => void, options: WaitOptions | undefined): Promise<number> {
    const wait = waitOptions(options);
    const ping: Ping = { ...Promise.withResolvers<number>(), at: performance.now(), payload: null };
    droppable(ping.promise);
    if (wait.signal?.aborted) {
      ping.reject(wait.signal.reason);
      return ping.promise;
    }
    this.#pings.push(ping);
    try {
      send((payload) => {
        ping.payload = payload.slice();
        // Pongs come in the order in which the pings went; a Blob's goes when it is read.
        this.#pings = [...this.#pings.filter((other) => other !== ping), ping];
      });
    } catch (error) {
      this.#pings = this.#pings.filter((other) => other !== ping);
      throw error;
    }
    if (this.#pings.length > MAX_PINGS) {
      const message = `${MAX_PINGS} more pings were sent, and no pong came`;
      this.#pings.shift()!.reject(new CurlWebSocketError("ERR_PING_TIMEOUT", message));
    }
    // It stays in the list: its pong may still come, and is not that of a later ping with the same payload.
    giveUpBy(ping.promise, wait, "no pong came", ping.reject);
    return ping.promise;
  }

  /** The connection is open. */
  onOpen(): void {
    this.#hasOpened = true;
    this.#opened?.resolve(this.#socket);
  }

  /** A pong came. RFC 6455 section 5.5.3: it may be the only one for this ping and those before it. */
  onPong(payload: Uint8Array): void {
    const last = this.#pings.findIndex((ping) => ping.payload !== null && equalBytes(ping.payload, payload));
    const now = performance.now();
    this.#pings = this.#pings.filter((ping, index) =>
      index > last || ping.payload === null || void ping.resolve(now - ping.at)
    );
  }

  /** Nothing can be sent any more. */
  onSendFailed(error: CurlWebSocketError): void {
    for (const { reject } of this.#drains.splice(0)) reject(error);
  }

  /** The connection has ended, or there was none: all who wait learn it, but those who wait for this. */
  onFailed(end: ConnectionEnd): void {
    this.#end = end;
    this.#opened?.reject(end.error ?? abandoned("terminate"));
    for (const { reject } of this.#drains.splice(0)) reject(closedBefore("what was sent had left", end));
    for (const { reject } of this.#pings.splice(0)) reject(closedBefore("the pong came", end));
  }

  /** The close event is about to come. */
  onClosed(end: ConnectionEnd): void {
    this.#closed?.resolve(Object.freeze({ ...end }));
  }
}
