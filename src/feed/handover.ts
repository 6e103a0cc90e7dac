/**
 * How the messages of a feed pass from one connection to the next. Until it is over, the old connection, if there is one, still
 * delivers; what the next one brings is held, or delivered beside it.
 */
import type { Timer } from "../platform/runtime.ts";
import { costOf } from "../web/loop_queue.ts";
import type { Data, Member } from "./member.ts";

export type Key = string | number;

/** How a handover is done. Times are ms, and stand still while reading is paused. */
export interface HandoverSettings {
  /**
   * With a key: how long the old connection may bring nothing before what it still lacks is not waited for. Without: how
   * long both deliver.
   */
  readonly overlap: number;
  /** How long the next connection may bring nothing before it takes over nevertheless. */
  readonly patience: number;
  /** How many bytes are held before the next connection is no longer read. */
  readonly highWaterMark: number;
  /** The key of a message; null without one. */
  readonly keyOf: ((data: Data) => Key | undefined) | null;
  /** Whether a message with that key was delivered. */
  wasDelivered(key: Key): boolean;
}

export interface HandoverHost {
  /** Passes a message on. Returns whether microtasks should run now. */
  deliver(member: Member, data: Data): boolean;
  /** The next connection takes over: {@linkcode Handover.release} is to be called when it has. */
  onOver(): void;
  /** A timer that keeps the process alive as the connections do. */
  setTimer(fn: () => void, milliseconds: number): Timer;
}

/**
 * With a key the order is kept: what the next connection brings is held until the old one has brought as much, which is when it
 * brings the first message that the next one began with. Without a key, or if that never comes, messages may come twice.
 */
export class Handover {
  readonly next: Member;
  #old: Member | null;
  readonly #settings: HandoverSettings;
  readonly #host: HandoverHost;
  #held: Data[] = [];
  #heldSize = 0;
  #firstKey: Key | undefined;
  /** Whether the next connection stands, and has brought something; whether the old one has brought as much. */
  #isReady = false;
  #hasBegun = false;
  #isCaughtUp = false;
  #isOver = false;
  /** What limits the wait for the end, and its timer, which does not run while reading is paused. */
  #limit: "patience" | "overlap" | null = null;
  #timer: Timer | null = null;
  #isPaused = false;

  constructor(old: Member | null, next: Member, settings: HandoverSettings, host: HandoverHost) {
    this.#old = old;
    this.next = next;
    this.#settings = settings;
    this.#host = host;
  }

  /** Whether nothing is missed if the old connection ends now: both deliver. With a key it is over as soon as that is so. */
  get isGapless(): boolean {
    return this.#isReady && this.#hasBegun && this.#settings.keyOf === null;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether what the next connection brings is held: in order behind the old one's, or for the time when it stands. */
  get #holds(): boolean {
    return this.#old === null ? !this.#isReady : this.#settings.keyOf !== null;
  }

  /** A message of the old connection. */
  fromOld(data: Data): boolean {
    const delivered = this.#host.deliver(this.#old!, data);
    if (this.#isOver || this.#firstKey === undefined || this.#isCaughtUp) return delivered;
    if (this.#settings.keyOf!(data) === this.#firstKey) this.#isCaughtUp = true;
    this.#advance();
    return true;
  }

  /** A message of the next connection. */
  fromNext(data: Data): boolean {
    this.#hasBegun = true;
    const delivered = !this.#holds && this.#host.deliver(this.next, data);
    if (this.#holds) this.#hold(data);
    if (!this.#isOver && this.#isReady) this.#advance();
    return delivered;
  }

  #hold(data: Data): void {
    const { keyOf, wasDelivered, highWaterMark } = this.#settings;
    this.#held.push(data);
    this.#heldSize += costOf(data);
    if (this.#heldSize >= highWaterMark) this.next.socket!.pause();
    if (this.#old === null || keyOf === null || this.#firstKey !== undefined) return;
    this.#firstKey = keyOf(data);
    // A message without a key says nothing of the order.
    if (this.#firstKey !== undefined && wasDelivered(this.#firstKey)) this.#isCaughtUp = true;
  }

  /** The next connection stands. */
  ready(): void {
    this.#isReady = true;
    this.#advance();
  }

  /** The old connection has ended: nothing more is waited for. */
  oldEnded(): void {
    this.#old = null;
    if (this.#isReady) this.#finish();
  }

  /** Goes on: to the end, or to the wait for what is missing. */
  #advance(): void {
    if (!this.#isReady || this.#isOver) return;
    if (this.#old === null || this.#isCaughtUp) return this.#finish();
    if (!this.#hasBegun) return this.#wait("patience");
    // Both deliver from the first message on, for a time; with a key, the time begins anew with each message of the old one.
    if (this.#settings.keyOf !== null || this.#limit !== "overlap") this.#wait("overlap");
  }

  /** Waits for the end until this limit has passed, or no longer. */
  #wait(limit: "patience" | "overlap" | null): void {
    this.#limit = limit;
    this.#timer?.clear();
    const isRunning = limit !== null && !this.#isPaused;
    this.#timer = isRunning ? this.#host.setTimer(() => this.#finish(), this.#settings[limit]) : null;
  }

  /** Reading is paused: what the old connection still has cannot come. */
  pause(): void {
    this.#isPaused = true;
    this.#wait(this.#limit);
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#wait(this.#limit);
  }

  /** A timer keeps the process alive as its connections do. */
  setRef(refed: boolean): void {
    this.#timer?.[refed ? "ref" : "unref"]();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wait(null);
    this.#host.onOver();
  }

  /** Gives it up. */
  cancel(): void {
    this.#isOver = true;
    this.#held = [];
    this.#wait(null);
  }

  /** Delivers what was held, in order, until `goesOn` returns false: the rest stays. Returns whether all went. */
  release(goesOn: () => boolean): boolean {
    let released = 0;
    while (released < this.#held.length && goesOn()) this.#host.deliver(this.next, this.#held[released++]!);
    this.#held.splice(0, released);
    return this.#held.length === 0;
  }
}
