/** A feed: messages of one connection after another, or of several at once, until it is closed or cannot go on. */
import { CurlWebSocketError } from "../errors.ts";
import { NO_STATS } from "../connection/socket_stats.ts";
import { CLOSE_ABNORMAL } from "../protocol/constants.ts";
import type { CurlWebSocket } from "../web/websocket.ts";
import type { Sendable } from "../web/webidl.ts";
import type { FeedClock } from "./clock.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import type { ConnectionInit, ConnectionPlan } from "./connection_plan.ts";
import { isFatalEnd } from "./fatal.ts";
import type { Gap, Reconnecting, Warning } from "./events.ts";
import { FeedDrain } from "./feed_drain.ts";
import { addStats, FirstCounter, noSum, type ReconnectingStats } from "./feed_stats.ts";
import type { Key } from "./handover.ts";
import { Lane, type LaneHost } from "./lane.ts";
import type { Data, Member } from "./member.ts";
import type { CompleteFeedOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { SeenKeys } from "./seen_keys.ts";

/** Receives what becomes of a feed, in this order: `onGap` and `onOpen` before the messages, `onEnd` last. */
export interface FeedHost {
  onOpen(member: Member): void;
  /** Returns whether microtasks should run now. */
  onMessage(data: Data): boolean;
  /** No connection is open any more, and the next one is to come. */
  onDown(): void;
  onReconnecting(event: Reconnecting): void;
  onGap(gap: Gap): void;
  onWarning(warning: Warning): void;
  onEnd(end: ConnectionEnd): void;
}

/** What a feed is made with. */
export interface FeedInit {
  readonly options: CompleteFeedOptions;
  /** What each connection is made with. */
  readonly plans: readonly ConnectionPlan[];
  /** Bytes that a handover holds at most. */
  readonly highWaterMark: number;
  readonly clock: FeedClock;
  create(init: ConnectionInit, onMessage: (data: Data) => boolean): CurlWebSocket;
  /** As {@linkcode Dialing.takeOver}. */
  takeOver(socket: CurlWebSocket): void;
}

export class Feed implements LaneHost {
  readonly #options: CompleteFeedOptions;
  readonly #clock: FeedClock;
  readonly #host: FeedHost;
  readonly #lanes: readonly Lane[];
  readonly #outbox: Outbox;
  /** Lanes of which a connection stands, in the order in which they came. */
  readonly #up: Set<Lane> = new Set();
  /** Lanes that cannot go on. */
  readonly #dead: Set<Lane> = new Set();
  /** Keys of what was delivered; looked at while several connections may bring the same. */
  readonly #seen: SeenKeys;
  #looksAtKeys: boolean;
  /** Whether they were looked at for a rotation that is over: the next connection may still repeat what the old one brought. */
  #isRotated = false;
  /** When the last message came that was delivered, or when a connection stood if none has since; epoch ms. */
  #lastMessageAt = 0;
  /** The last connection that was lost; null before, and while one stands. */
  #lost:
    | { readonly from: number; readonly lostAt: number; readonly at: number; readonly reason: ConnectionEnd }
    | null = null;
  /** How it is to end, once it is to: when all connections have. */
  #ending: ConnectionEnd | null = null;
  #isOver = false;
  #stopListening: () => void = () => {};
  isPaused = false;
  /** Looks whether what was sent has left. */
  readonly drain: FeedDrain = new FeedDrain(this);
  readonly #sum = noSum();
  readonly #first: readonly FirstCounter[];
  #attempts = 0;
  #failures = 0;
  #connections = 0;
  #rotations = 0;
  #rotationFailures = 0;
  #gaps = 0;
  #downTime = 0;
  #duplicates = 0;
  #unsent = 0;
  #unacknowledged: number | null = null;

  constructor({ options, plans, highWaterMark, clock, create, takeOver }: FeedInit, host: FeedHost) {
    this.#options = options;
    this.#clock = clock;
    this.#host = host;
    this.#outbox = new Outbox(options.buffer);
    this.#seen = new SeenKeys(options.window);
    this.#looksAtKeys = options.isRedundant;
    this.#first = options.isRedundant ? plans.map(() => new FirstCounter()) : [];
    const { after, jitter } = options.rotate;
    this.#lanes = plans.map((plan, index) =>
      new Lane(index, {
        ...options,
        clock,
        highWaterMark,
        create,
        takeOver,
        rotate: after === undefined ? null : { after, jitter },
        keyOf: options.keyOf === null ? null : (data) => this.#keyOf(data),
        isFatal: (end) => this.#isFatal(end),
        wasDelivered: (key) => this.#seen.find(key) !== undefined,
        initOf: (attempt, index) => {
          this.#attempts++;
          return plan.initOf(attempt, index);
        },
      }, this)
    );
  }

  /** Begins the first attempts. */
  start(): void {
    const { signal } = this.#options;
    const onAbort = () => {
      const cause: unknown = signal!.reason;
      this.#abandon({ ...NO_END, error: new CurlWebSocketError("ERR_ABORTED", "the signal ended it", { cause }) });
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#stopListening = () => signal?.removeEventListener("abort", onAbort);
    for (const lane of this.#lanes) lane.start();
  }

  /** Connections that are open, the one in use first. */
  get sockets(): CurlWebSocket[] {
    return [...this.#up].flatMap(({ current }) => current?.socket ?? []).filter(({ readyState }) => readyState === 1);
  }

  /**
   * Returns the connection that has stood longest.
   *
   * @throws {DOMException} `InvalidStateError` if none is open
   */
  socket(method: string): CurlWebSocket {
    const [socket] = this.sockets;
    if (socket !== undefined) return socket;
    throw new DOMException(`${method}() while no connection is open`, "InvalidStateError");
  }

  /** Those that are alive. */
  get alive(): CurlWebSocket[] {
    return this.#lanes.flatMap(({ members }) => members).flatMap(({ socket }) => socket ?? []);
  }

  /** Payload bytes that were given to `send`, and that no kernel has taken. */
  get bufferedAmount(): number {
    return this.#outbox.size + this.alive.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0);
  }

  get stats(): ReconnectingStats {
    const sum = { ...this.#sum };
    for (const socket of this.alive) addStats(sum, socket.stats);
    const { compressionRatioReceived, compressionRatioSent, roundTripTime } = this.sockets[0]?.stats ?? NO_STATS;
    const down = this.#lost === null ? 0 : this.#clock.now() - this.#lost.at;
    return Object.freeze({
      ...sum,
      compressionRatioReceived,
      compressionRatioSent,
      roundTripTime,
      attempts: this.#attempts,
      failures: this.#failures,
      connections: this.#connections,
      rotations: this.#rotations,
      rotationFailures: this.#rotationFailures,
      gaps: this.#gaps,
      downTime: this.#downTime + down,
      duplicates: this.#duplicates,
      unsentBytes: this.#unsent,
      bytesUnacknowledged: this.#unacknowledged,
      redundancy: Object.freeze(this.#first.map((counter) => counter.stats)),
    });
  }

  /**
   * Sends over the connection that has stood longest; while there is none, keeps the message.
   *
   * @throws {DOMException} as {@linkcode Outbox.push}
   */
  send(data: Sendable): void {
    const [socket] = this.sockets;
    if (socket === undefined || !this.#outbox.isEmpty) this.#outbox.push(data);
    else socket.send(data);
  }

  pause(): void {
    this.isPaused = true;
    for (const lane of this.#lanes) lane.pause();
  }

  resume(): void {
    this.isPaused = false;
    for (const lane of this.#lanes) {
      // Delivering what was held may pause it again.
      if (!this.isPaused) lane.resume();
    }
  }

  setRef(refed: boolean): void {
    for (const lane of this.#lanes) lane.setRef(refed);
  }

  /** Begins the next connection of each lane that has one. Returns whether any was begun. */
  rotate(): boolean {
    return this.#lanes.map((lane) => lane.rotate()).includes(true);
  }

  /** Closes all connections, and makes no more. */
  close(code?: number, reason?: string): void {
    if (this.#ending !== null) return;
    this.#stop(NO_END);
    for (const lane of this.#lanes) lane.stop(code, reason);
    this.#endIfClosed();
  }

  /** Ends all connections at once. */
  terminate(): void {
    this.#abandon(NO_END);
  }

  #abandon(end: ConnectionEnd): void {
    if (this.#isOver) return;
    this.#stop(end);
    this.#ending = end;
    for (const lane of this.#lanes) {
      const { members } = lane;
      lane.abandon();
      for (const { socket } of members) if (socket !== null) this.#count(socket);
    }
    this.#endIfClosed();
  }

  #stop(end: ConnectionEnd): void {
    this.#ending ??= end;
    this.#stopListening();
  }

  /** Ends when no connection is left. */
  #endIfClosed(): void {
    if (this.#isOver || this.#ending === null || this.#lanes.some(({ members }) => members.length > 0)) return;
    this.#isOver = true;
    const end = this.#ending;
    this.#clock.defer(() => this.#host.onEnd(end));
  }

  #count(socket: CurlWebSocket): void {
    addStats(this.#sum, socket.stats);
    this.#unsent += socket.bufferedAmount;
    const { bytesUnacknowledged } = socket.stats;
    if (bytesUnacknowledged !== null) this.#unacknowledged = (this.#unacknowledged ?? 0) + bytesUnacknowledged;
  }

  #keyOf(data: Data): Key | undefined {
    return this.#call(() => this.#options.keyOf!(data), undefined);
  }

  #isFatal(end: ConnectionEnd): boolean {
    const byDefault = isFatalEnd(end);
    return this.#call(() => this.#options.isFatal(end, byDefault), byDefault);
  }

  /** Calls a function of the user's; what it throws is reported as an uncaught error. */
  #call<Value>(fn: () => Value, otherwise: Value): Value {
    try {
      return fn();
    } catch (error) {
      this.#clock.defer(() => {
        throw error;
      });
      return otherwise;
    }
  }

  deliver(member: Member, data: Data): boolean {
    if (this.#looksAtKeys && !this.#isNew(member, data)) return false;
    if (this.#isRotated) this.#stopLooking();
    this.#lastMessageAt = member.lastMessageAt;
    return this.#host.onMessage(data);
  }

  /** The next connection has brought something new, so nothing old comes from it any more. */
  #stopLooking(): void {
    this.#isRotated = false;
    if (this.#options.isRedundant) return;
    this.#looksAtKeys = false;
    this.#seen.clear();
  }

  /** Whether a message has not been delivered. One without a key is new. */
  #isNew({ index }: Member, data: Data): boolean {
    const key = this.#keyOf(data);
    if (key === undefined) return true;
    const first = this.#seen.find(key), now = this.#clock.now();
    if (first === undefined) {
      this.#seen.add(key, { index, at: now });
      const counter = this.#first[index];
      if (counter !== undefined) counter.first++;
      return true;
    }
    this.#duplicates++;
    if (first.index !== index) this.#first[first.index]?.add(now - first.at);
    return false;
  }

  onUp(lane: Lane, member: Member): void {
    this.#connections++;
    this.#up.add(lane);
    // Also if another one stands: it may be closing, and what was sent then waits.
    this.#flush();
    if (this.#up.size > 1) return;
    const lost = this.#lost;
    this.#lost = null;
    this.#lastMessageAt = member.stoodSince;
    // The old connection may have ended in a rotation.
    this.#isRotated = this.#looksAtKeys;
    if (lost !== null) {
      this.#gaps++;
      this.#downTime += this.#clock.now() - lost.at;
      this.#host.onGap({ from: lost.from, lostAt: lost.lostAt, to: this.#clock.date(), reason: lost.reason });
    }
    if (this.#ending === null) this.#host.onOpen(member);
  }

  #flush(): void {
    this.#outbox.flush((data) => {
      const [socket] = this.sockets;
      socket?.send(data);
      return socket !== undefined;
    });
    this.drain.look();
  }

  onDown(lane: Lane, end: ConnectionEnd): void {
    this.#up.delete(lane);
    if (this.#up.size > 0) return;
    const lostAt = this.#clock.date();
    this.#lost = { from: this.#lastMessageAt, lostAt, at: this.#clock.now(), reason: end };
    this.#host.onDown();
  }

  onRetry({ index }: Lane, attempt: number, delay: number, end: ConnectionEnd): void {
    this.#host.onReconnecting({ attempt, delay, index, reason: end });
  }

  onFatal(lane: Lane, end: ConnectionEnd): void {
    this.#dead.add(lane);
    if (this.#ending !== null) return;
    if (this.#dead.size < this.#lanes.length) {
      return this.#host.onWarning({ problem: "redundancy", index: lane.index, delay: null, reason: end });
    }
    this.#stop(end);
    this.#endIfClosed();
  }

  onRotationFailed({ index }: Lane, delay: number | null, end: ConnectionEnd): void {
    this.#rotationFailures++;
    this.#host.onWarning({ problem: "rotation", index, delay, reason: end });
  }

  onRotating(): void {
    this.#looksAtKeys = this.#options.keyOf !== null;
    this.#isRotated = false;
  }

  onRotated(): void {
    this.#connections++;
    this.#rotations++;
    this.#isRotated = true;
    // The old connection may have begun to close, which left no other one to send over.
    this.#flush();
  }

  onEnded(member: Member, end: ConnectionEnd): void {
    if (member.socket !== null) this.#count(member.socket);
    this.#clock.defer(() => this.drain.look());
    if (!member.isStanding) this.#failures++;
    if (this.#ending === null) return;
    // What the server replied to close() is how the feed ended, not what it replied when a connection was replaced.
    if (this.#ending === NO_END && member.isStanding && !member.isReplaced) this.#ending = end;
    this.#clock.defer(() => this.#endIfClosed());
  }
}

/** There was no connection to close. */
const NO_END: ConnectionEnd = Object.freeze({ error: null, code: CLOSE_ABNORMAL, reason: "", wasClean: false });
