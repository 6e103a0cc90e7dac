/** One place in a feed for a connection: it is made, replaced when it ends, and rotated. Redundant feeds have several. */
import type { Timer } from "../platform/runtime.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import { Handover, type HandoverHost, type HandoverSettings } from "./handover.ts";
import { type Data, type Dialing, Member } from "./member.ts";
import { Retry, type RetrySettings } from "./retry.ts";

/** How the connections of a lane are made, kept and replaced. */
export interface LaneSettings extends Dialing, HandoverSettings {
  readonly retry: RetrySettings;
  isFatal(end: ConnectionEnd): boolean;
  /** When a connection is replaced by a new one, ms; null for never. `jitter` is how much of it chance may take off. */
  readonly rotate: { readonly after: number; readonly jitter: number } | null;
}

/** Receives what becomes of a lane, until it is stopped. */
export interface LaneHost {
  /** Returns whether microtasks should run now. */
  deliver(member: Member, data: Data): boolean;
  /** A connection stands, where none did. */
  onUp(lane: Lane, member: Member): void;
  /** The connection that stood has ended, and no other took over. */
  onDown(lane: Lane, end: ConnectionEnd): void;
  /** The next attempt begins in `delay` ms. */
  onRetry(lane: Lane, attempt: number, delay: number, end: ConnectionEnd): void;
  /** An attempt to rotate failed; the next one begins in `delay` ms, or never. The connection that stands goes on. */
  onRotationFailed(lane: Lane, delay: number | null, end: ConnectionEnd): void;
  /** There will be no other attempt. */
  onFatal(lane: Lane, end: ConnectionEnd): void;
  /** A new connection is begun while another one stands; and has taken over from it. */
  onRotating(lane: Lane): void;
  onRotated(lane: Lane): void;
  /** A connection, or attempt, has ended: for the statistics. */
  onEnded(member: Member, end: ConnectionEnd): void;
  readonly isPaused: boolean;
}

export class Lane {
  readonly index: number;
  readonly #settings: LaneSettings;
  readonly #host: LaneHost;
  readonly #retry: Retry;
  /** The one that stands, and delivers. */
  #current: Member | null = null;
  /** That to the connection which is being made. */
  #handover: Handover | null = null;
  /** That from which messages are still to be delivered, when reading goes on. */
  #backlog: Handover | null = null;
  /** Connections that have been replaced, or told to close, and have not ended. */
  readonly #closing: Set<Member> = new Set();
  /** Until the next attempt. */
  #retryTimer: Timer | null = null;
  /** Until the next rotation, and attempts to rotate that failed in a row. */
  #rotateTimer: Timer | null = null;
  readonly #rotations: Retry;
  #refed = true;
  #isStopped = false;

  constructor(index: number, settings: LaneSettings, host: LaneHost) {
    this.index = index;
    this.#settings = settings;
    this.#host = host;
    const random = () => settings.clock.random();
    this.#retry = new Retry(settings.retry, random);
    this.#rotations = new Retry(settings.retry, random);
  }

  /** The connection that stands; null if none does. */
  get current(): Member | null {
    return this.#current;
  }

  /** All connections that are alive. */
  get members(): Member[] {
    const next = this.#handover?.next;
    return [this.#current, next, ...this.#closing].filter((member) => member !== null && member !== undefined);
  }

  start(): void {
    this.#dial(this.#retry.attempt);
  }

  #dial(attempt: number): void {
    const settings = this.#settings;
    const next = new Member(attempt, this.index, settings, {
      onStanding: (member) => this.#onStanding(member),
      onMessage: (member, data) => this.#onMessage(member, data),
      onEnded: (member, end) => this.#onEnded(member, end),
    });
    const host: HandoverHost = {
      deliver: (member, data) => this.#host.deliver(member, data),
      onOver: () => this.#handOver(),
      setTimer: (fn, milliseconds) => this.#timer(fn, milliseconds),
    };
    this.#handover = new Handover(this.#current, next, settings, host);
    next.setRef(this.#refed);
    next.start();
  }

  /** Begins the next connection while the present one stands. Returns false if none does, or one is being made. */
  rotate(): boolean {
    if (this.#current === null || this.#handover !== null || this.#isStopped) return false;
    this.#clearRotation();
    this.#host.onRotating(this);
    this.#dial(1);
    return true;
  }

  #onMessage(member: Member, data: Data): boolean {
    const handover = this.#handover;
    if (member === handover?.next) return handover.fromNext(data);
    if (member !== this.#current) return false;
    return handover !== null ? handover.fromOld(data) : this.#host.deliver(member, data);
  }

  #onStanding(member: Member): void {
    if (member !== this.#handover?.next) return;
    this.#handover.ready();
    if (this.#host.isPaused) this.pause();
  }

  /** The next connection takes over. */
  #handOver(): void {
    const handover = this.#handover!, old = this.#current;
    this.#handover = null;
    this.#current = handover.next;
    // From here on it has one owner, whatever those do who are called.
    if (old !== null && !old.isEnded) this.#closing.add(old);
    if (old !== null) old.isReplaced = true;
    this.#scheduleRotation();
    if (old === null) this.#host.onUp(this, handover.next);
    this.#backlog = handover;
    this.#release();
    if (this.#isStopped || old === null) return;
    this.#rotations.reset();
    this.#host.onRotated(this);
    old.close(1000);
  }

  /** Delivers what a handover held; the connection is read when that is done, and if the others are. */
  #release(): void {
    if (this.#backlog?.release(() => !this.#isStopped && !this.#host.isPaused)) this.#backlog = null;
    if (this.#isStopped) return;
    if (this.#host.isPaused) this.pause();
    else if (this.#current?.socket?.isPaused) this.#current.socket.resume();
  }

  /** Returns when it is to be, ms; null for never. */
  #scheduleRotation(): number | null {
    const { rotate, clock } = this.#settings;
    this.#clearRotation();
    if (rotate === null) return null;
    // Earlier, never later: what ends connections after 24 hours does not wait.
    const delay = rotate.after * (1 - rotate.jitter * clock.random());
    this.#rotateIn(delay);
    return delay;
  }

  #rotateIn(milliseconds: number): void {
    this.#clearRotation();
    this.#rotateTimer = this.#timer(() => {
      this.#rotateTimer = null;
      this.rotate();
    }, milliseconds);
  }

  #clearRotation(): void {
    this.#rotateTimer?.clear();
    this.#rotateTimer = null;
  }

  #onEnded(member: Member, end: ConnectionEnd): void {
    this.#host.onEnded(member, end);
    if (this.#closing.delete(member) || this.#isStopped) return;
    if (member === this.#handover?.next) this.#onNextEnded(member, end);
    else if (member === this.#current) this.#onCurrentEnded(member, end);
  }

  #onNextEnded(member: Member, end: ConnectionEnd): void {
    const handover = this.#handover!;
    this.#handover = null;
    handover.cancel();
    if (this.#current === null) return this.#onLost(member, end);
    // The present connection goes on; the rotation is tried again, or with the next one if that is of no use.
    const delay = this.#settings.isFatal(end) ? null : this.#rotations.next(end, 0, this.#settings.clock.date());
    // The user's isFatal may have closed the feed.
    if (this.#isStopped) return;
    if (delay !== null) this.#rotateIn(delay);
    this.#host.onRotationFailed(this, delay ?? this.#scheduleRotation(), end);
  }

  #onCurrentEnded(member: Member, end: ConnectionEnd): void {
    const handover = this.#handover;
    this.#clearRotation();
    this.#backlog?.release(() => !this.#isStopped);
    this.#backlog = null;
    if (handover?.isGapless) return handover.oldEnded();
    this.#host.onDown(this, end);
    this.#current = null;
    if (this.#isStopped) return;
    // The next one takes over now, or when it stands: whether it goes on from where this one ended is not known.
    if (handover !== null) handover.oldEnded();
    else this.#onLost(member, end);
  }

  /** There is no connection, and none is being made. */
  #onLost(member: Member, end: ConnectionEnd): void {
    const { isFatal, clock } = this.#settings;
    const delay = isFatal(end) ? null : this.#retry.next(end, member.stoodFor, clock.date());
    if (this.#isStopped) return;
    if (delay === null) {
      this.#isStopped = true;
      return this.#host.onFatal(this, end);
    }
    this.#retryTimer = this.#timer(() => {
      this.#retryTimer = null;
      this.#dial(this.#retry.attempt);
    }, delay);
    this.#host.onRetry(this, this.#retry.attempt, delay, end);
  }

  /** Makes no attempt any more, and closes what is open; {@linkcode LaneHost.onEnded} tells when each has ended. */
  stop(code?: number, reason?: string): void {
    this.#settle();
    for (const member of this.#closing) member.close(code, reason);
  }

  /** Ends at once what there is; nothing more is told. */
  abandon(): void {
    this.#settle();
    for (const member of this.#closing) member.abandon();
    this.#closing.clear();
  }

  #settle(): void {
    this.#isStopped = true;
    this.#retryTimer?.clear();
    this.#retryTimer = null;
    this.#clearRotation();
    const members = this.members;
    this.#handover?.cancel();
    this.#handover = this.#current = this.#backlog = null;
    for (const member of members) {
      // An attempt has nothing to say goodbye with.
      if (member.socket?.readyState === 1 || member.socket?.readyState === 2) this.#closing.add(member);
      else member.abandon();
    }
  }

  pause(): void {
    this.#current?.socket?.pause();
    if (this.#handover?.isReady) this.#handover.next.socket?.pause();
    this.#handover?.pause();
  }

  resume(): void {
    this.#release();
    if (this.#isStopped || this.#host.isPaused) return;
    if (this.#handover?.isReady) this.#handover.next.socket?.resume();
    this.#handover?.resume();
  }

  setRef(refed: boolean): void {
    this.#refed = refed;
    for (const member of this.members) member.setRef(refed);
    this.#handover?.setRef(refed);
    for (const timer of [this.#retryTimer, this.#rotateTimer]) timer?.[refed ? "ref" : "unref"]();
  }

  #timer(fn: () => void, milliseconds: number): Timer {
    const timer = this.#settings.clock.setTimer(fn, milliseconds);
    if (!this.#refed) timer.unref();
    return timer;
  }
}
