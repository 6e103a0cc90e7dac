/** Plays a recorded connection to a client. */
import { setImmediate } from "node:timers";
import { shownText } from "../../src/observe/redact.ts";
import type { RecordedConnection, RecordedMessage } from "./har_reader.ts";

/** The client. */
export interface Peer {
  /** Bytes that the kernel has not taken. */
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Closes it: 1005 without a code, 1006 without a closing handshake. */
  close(code: number, reason: string): void;
}

/** What becomes of what the client sends: see {@linkcode PlayerOptions.sent}. */
export type SentMode = "ignore" | "wait" | "compare";

/** The time, which tests make up. */
export interface Clock {
  /** Ms of a clock that is never set. */
  now(): number;
  /** Calls back after some ms. Returns a function that prevents it. */
  after(time: number, callback: () => void): () => void;
}

const CLOCK: Clock = {
  now: () => performance.now(),
  after: (time, callback) => {
    const timer = setTimeout(callback, time);
    return () => clearTimeout(timer);
  },
};

export interface PlayerOptions {
  /** How much faster than recorded; Infinity for as fast as the client reads. */
  readonly speed: number;
  /**
   * `"ignore"`: nothing. `"wait"`: what the server sent behind a message of the client waits for one. `"compare"`: that must
   * also be as recorded, or the connection is closed with 1008.
   */
  readonly sent: SentMode;
  /** Called with what was not as recorded. */
  onDifference(words: string): void;
  readonly clock?: Clock;
}

/** Sending waits while this many bytes are unsent, and goes on when half of them are: enough to keep a connection busy. */
const HIGH_WATER = 1024 * 1024;
/** How often that is looked at, as no event tells of it on Deno: after 1 ms, then twice as long each time, up to 16 ms. */
const FIRST_LOOK = 1, LAST_LOOK = 16;
/** After this many messages without a wait the event loop has a turn, in which the client is read. */
const MESSAGES_A_TURN = 256;
/** The longest time that a timer takes, ms. */
const MAX_TIMER = 0x7fff_ffff;
/** Policy violation: the client does not do what it did when it was recorded. */
const CLOSE_DIFFERENT = 1008;

/** Plays once. */
export class Player {
  readonly #connection: RecordedConnection;
  readonly #peer: Peer;
  readonly #options: PlayerOptions;
  readonly #expected: readonly RecordedMessage[];
  /** Messages that the client has sent, and those of them that the recording has passed. */
  #sent = 0;
  #passed = 0;
  /** When the recording's time 0 is, by the monotonic clock. */
  #start = 0;
  #isOpen = true;
  #wake: () => void = () => {};
  readonly #clock: Clock;

  constructor(connection: RecordedConnection, peer: Peer, options: PlayerOptions) {
    this.#connection = connection;
    this.#peer = peer;
    this.#options = options;
    this.#clock = options.clock ?? CLOCK;
    this.#expected = connection.messages.filter(({ from }) => from === "client");
  }

  /** Plays to the end. Resolves when it has asked for the close, or the client is gone. */
  async play(): Promise<void> {
    this.#start = this.#clock.now();
    const { messages, close } = this.#connection, peer = this.#peer, isInStep = this.#options.sent !== "ignore";
    let inTurn = 0;
    for (const message of messages) {
      if (message.from === "client") {
        if (isInStep) await this.#client(message.at);
      } else {
        if (await this.#until(message.at)) inTurn = 0;
        if (this.#isOpen) peer.send(message.data);
        if (peer.bufferedAmount > HIGH_WATER) await this.#drained();
        else if (++inTurn % MESSAGES_A_TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      }
      if (!this.#isOpen) return;
    }
    await this.#until(close.at);
    if (this.#isOpen) this.#end(close.code, close.reason);
  }

  /** The client has sent a message. */
  received(data: string | Uint8Array): void {
    if (!this.#isOpen) return;
    const number = ++this.#sent, expected = this.#expected[number - 1]?.data;
    if (this.#options.sent === "compare" && !isSame(data, expected)) {
      const instead = expected === undefined ? "there is none in the recording" : `recorded is ${shown(expected)}`;
      this.#options.onDifference(`message ${number} of the client is ${shown(data)}; ${instead}`);
      return this.#end(CLOSE_DIFFERENT, "not as recorded");
    }
    this.#wake();
  }

  /** The connection is closed. */
  closed(): void {
    if (this.#isOpen && this.#options.sent === "compare" && this.#sent < this.#expected.length) {
      const next = shown(this.#expected[this.#sent]!.data);
      this.#options.onDifference(`the client has closed instead of sending its message ${this.#sent + 1}, ${next}`);
    }
    this.#stop();
  }

  #end(code: number, reason: string): void {
    this.#stop();
    this.#peer.close(code, reason);
  }

  #stop(): void {
    this.#isOpen = false;
    this.#wake();
  }

  /** Waits for the client's next message. What follows comes as long after it as recorded. */
  async #client(at: number): Promise<void> {
    const number = ++this.#passed;
    while (this.#isOpen && this.#sent < number) await new Promise<void>((resolve) => this.#wake = resolve);
    this.#start = Math.max(this.#start, this.#clock.now() - this.#scaled(at));
  }

  /** Waits until a time of the recording; returns whether it had to. Less than 1 ms, which no timer can, is no wait. */
  async #until(at: number): Promise<boolean> {
    const due = this.#start + this.#scaled(at);
    let waited = false;
    for (let left = due - this.#clock.now(); this.#isOpen && left >= 1; left = due - this.#clock.now()) {
      waited = true;
      await this.#wait(Math.min(left, MAX_TIMER));
    }
    return waited;
  }

  #scaled(at: number): number {
    // Infinity would make 0 of 0.
    return this.#options.speed === Infinity ? 0 : at / this.#options.speed;
  }

  async #drained(): Promise<void> {
    for (let wait = FIRST_LOOK; this.#isOpen && this.#peer.bufferedAmount > HIGH_WATER / 2;) {
      await this.#wait(wait);
      wait = Math.min(wait * 2, LAST_LOOK);
    }
  }

  /** Waits this long, ms, or until something happens: the callers look again. */
  async #wait(time: number): Promise<void> {
    let cancel: () => void;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      cancel = this.#clock.after(time, resolve);
    });
    cancel!();
  }
}

function isSame(data: string | Uint8Array, other: string | Uint8Array | undefined): boolean {
  if (typeof data === "string" || typeof other === "string" || other === undefined) return data === other;
  return data.length === other.length && data.every((byte, index) => byte === other[index]);
}

function shown(data: string | Uint8Array): string {
  return typeof data === "string" ? JSON.stringify(shownText(data)) : `${data.length} bytes`;
}
