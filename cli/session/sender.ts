/** Sends a session's messages over the connection that is open; over the next one, what had not left when it ended. */
import { type CurlWebSocket, ReconnectingCurlWebSocket } from "../../mod.ts";
import type { Receiver } from "../terminal/input.ts";

/** What a session talks over: one connection, or a feed of them. */
export type Link = CurlWebSocket | ReconnectingCurlWebSocket;

interface Message {
  readonly data: string | Uint8Array;
  /** Bytes of payload. */
  readonly size: number;
}

/** What a connection was given, less what it is known to have sent. */
interface Given {
  readonly messages: Message[];
  size: number;
  /** What it was given since that was last looked at. */
  fresh: number;
}

/** After this many bytes it is looked at what has left: as many as wait for a connection anyway. */
const LOOK_AFTER = 1024 * 1024;
/** What a message counts beside its content, bytes: a flood of short ones is looked at too. */
const MESSAGE_COST = 64;
/** How often a feed is asked for its next connection while one is being closed, ms: there is no event for that. */
const LOOK = 16;

/**
 * A message is sent again only if the kernel has not taken all of it, so the server cannot have had it whole. What the kernel
 * took is lost with a connection that breaks; nobody can tell which part.
 */
export class Sender implements Receiver {
  readonly #link: Link;
  readonly #isFeed: boolean;
  /** The connection that messages go to; null if it has to be looked for. */
  #current: CurlWebSocket | null = null;
  readonly #given: Map<CurlWebSocket, Given> = new Map();
  /** What had not left when its connection ended. */
  #again: Message[] = [];
  #waiting: (() => void)[] = [];

  constructor(link: Link) {
    this.#link = link;
    this.#isFeed = link instanceof ReconnectingCurlWebSocket;
  }

  /** The connection that is open; null if none is. */
  get socket(): CurlWebSocket | null {
    if (this.#current?.readyState === 1) return this.#current;
    const link = this.#link, [first] = link instanceof ReconnectingCurlWebSocket ? link.sockets : [link];
    return this.#current = first?.readyState === 1 ? first : null;
  }

  get isOpen(): boolean {
    return this.socket !== null;
  }

  /** Resolves when messages can be sent: true, or false when none can be any more. */
  async ready(): Promise<boolean> {
    while (!this.isOpen) {
      const link = this.#link;
      if (link.readyState >= 2) return false;
      if (link.readyState === 1) await new Promise((resolve) => setTimeout(resolve, LOOK));
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return true;
  }

  /** A connection is open, or the last one has ended. */
  wake(): void {
    this.#settle();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Sends a message of `size` bytes, behind those that are to be sent again. */
  send(data: string | Uint8Array, size: number): void {
    const message = { data, size };
    this.#settle();
    const { socket } = this;
    if (socket !== null && this.#again.length === 0) this.#sendOver(socket, message);
    else if (this.#isFeed) this.#again.push(message);
  }

  #sendOver(socket: CurlWebSocket, message: Message): void {
    socket.send(message.data);
    if (!this.#isFeed) return;
    let given = this.#given.get(socket);
    if (given === undefined) this.#given.set(socket, given = { messages: [], size: 0, fresh: 0 });
    given.messages.push(message);
    given.size += message.size;
    given.fresh += message.size + MESSAGE_COST;
    if (given.fresh >= LOOK_AFTER) forgetSent(socket, given);
  }

  /** Bytes that have not left, on any connection. */
  get bufferedAmount(): number {
    if (!this.#isFeed) return this.#link.bufferedAmount;
    this.#settle();
    let size = this.#again.reduce((sum, message) => sum + message.size, 0);
    for (const socket of this.#given.keys()) size += socket.bufferedAmount;
    return size;
  }

  /** Sends again, if a connection is open, what those that have ended had not sent. */
  #settle(): void {
    // The usual case: one connection, which is open.
    if (this.#given.size <= 1 && this.#again.length === 0 && this.#current?.readyState === 1) return;
    for (const [socket, given] of this.#given) {
      if (socket.readyState !== 3) continue;
      forgetSent(socket, given);
      this.#again = this.#again.concat(given.messages);
      this.#given.delete(socket);
    }
    let count = 0;
    for (let socket = this.socket; socket !== null && count < this.#again.length; { socket } = this) {
      this.#sendOver(socket, this.#again[count++]!);
    }
    this.#again.splice(0, count);
  }
}

/** Drops the messages that have left. An empty one counts as sent with the one before. */
function forgetSent(socket: CurlWebSocket, given: Given): void {
  const { messages } = given, left = socket.bufferedAmount;
  let count = 0;
  for (; count < messages.length && given.size - messages[count]!.size >= left; count++) {
    given.size -= messages[count]!.size;
  }
  messages.splice(0, count);
  given.fresh = 0;
}
