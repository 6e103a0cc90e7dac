/** One a thread and library: sleeps in `curl_multi_poll` for all its sockets, and gives the ready ones their turns. */
import { CurlWebSocketError } from "../errors.ts";
import { READABLE } from "./constants.ts";
import { type Pointer, type Poller, runtime, type Timer } from "./ffi.ts";
import type { Curl } from "./library.ts";
import { ArraySet, createQueueSet, type ReadySet } from "./ready_set.ts";

/** What the reactor serves: a connection, from its first packet to its last. */
export interface Source {
  /** The socket `fd` is ready. Answers whether it has more to do at once and wants another turn before any wait. */
  onReady(fd: number, events: number): boolean;
  /** The reactor cannot go on. */
  onReactorError(error: CurlWebSocketError): void;
}

/** What a source is to do in a turn. */
interface Turn {
  readonly source: Source;
  readonly fd: number;
  readonly events: number;
}

/** Up to so many sockets are passed to `curl_multi_poll` as they are; more go into a kernel queue. */
const FEW_SOCKETS = 8;
/** The poll's time-out, ms: not a period, a far deadline. A day. */
const FAR = 86_400_000;
/** A turn that read so many bytes was part of a flood: the next one looks again before any wait. */
const FLOOD = 32 * 1024;
/**
 * How long after a message was sent the answer is looked for without going to sleep, ms: no longer than going to sleep
 * and waking up takes. A peer further away than that makes it rare.
 */
const NEAR = 0.1;
/** How many sends pass at most without looking for their answer that way. */
const MAX_PATIENCE = 256;
/** How long one turn may keep the event loop, ms; what is left comes after the loop's own turn. */
const TURN_TIME = 5;

const reactors = new Map<Curl, Reactor>();

/** Which ready set to use; `"auto"` picks by the number of sockets, the others are for tests. */
export type ReadySetKind = "auto" | "array" | "queue";

export class Reactor {
  /** The ready set of reactors to come; tests force one. */
  static kind: ReadySetKind = "auto";

  /** This thread's reactor for a library. */
  static of(curl: Curl): Reactor {
    let reactor = reactors.get(curl);
    if (reactor === undefined) reactors.set(curl, reactor = new Reactor(curl));
    return reactor;
  }

  /** This thread's reactors. */
  static all(): Iterable<Reactor> {
    return reactors.values();
  }

  readonly #curl: Curl;
  readonly #poller: Poller;
  /** Has no easy handles: only polled and woken. */
  readonly #multi: Pointer;
  readonly #watched: Map<number, { source: Source; events: number }> = new Map();
  readonly #sources: Map<Source, { refed: boolean; maxDelay: number }> = new Map();
  /** How many sources have which `maxReceiveDelay`, and the least of them. */
  readonly #delays: Map<number, number> = new Map();
  #maxDelay = Infinity;
  readonly #kind: ReadySetKind;
  #refs = 0;
  #set: ReadySet = new ArraySet();
  /** The set that the last poll was given; `#set` may have changed while it was out. */
  #polled: ReadySet = this.#set;
  #hot: Turn[] = [];
  #closing: (() => void)[] = [];
  #polling = false;
  #woken = false;
  #inTurn = false;
  #deferred = false;
  /** Takes the next turn of a dense stream, instead of a poll. */
  #timer: Timer | null = null;
  /** Whether the turn that is under way was taken from it. */
  #timed = false;
  /** When the last turn that found anything began. */
  #lastTurn = -Infinity;
  #dense = false;
  #lookAgain = false;
  /** Until when the answer to what was sent is looked for; 0 where none is. */
  #nearUntil = 0;
  /** Sends to pass before that is tried again, and how many it was last time. */
  #patience = 0;
  #passed = 0;
  /** Whether anything was sent in this turn. */
  #asked = false;
  /** Bytes that were read in this turn; sources count them. */
  turnBytes = 0;
  /** Polls that returned, since the start: what wakes this thread. */
  wakeups = 0;
  /** Turns that were taken, since the start: after polls, from timers and at once. */
  turns = 0;
  /** Polls that were begun, looks without sleeping, and turns from timers, since the start. */
  polls = 0;
  looks = 0;
  timers = 0;
  /** Whether the turn that is under way came from a wake-up. */
  woke = false;
  /** When the turn that is under way should end, by `performance.now()`. */
  turnEnd = 0;

  constructor(curl: Curl) {
    this.#curl = curl;
    this.#kind = Reactor.kind;
    this.#multi = curl.curl_multi_init();
    this.#poller = runtime().createPoller(curl.info.path);
    this.#poller.unref();
    if (this.#kind === "queue") this.#useQueue();
  }

  /**
   * Registers a source, before it watches a socket. What it receives waits for `maxDelay` ms at most, where it comes
   * densely; a source that receives no messages says nothing. The process lives while a source that is `ref`ed is
   * attached.
   */
  attach(source: Source, maxDelay: number = Infinity): void {
    this.#sources.set(source, { refed: false, maxDelay });
    this.#countDelay(maxDelay, 1);
    this.setRef(source, true);
    this.#arm();
  }

  /** Sockets that are waited for. */
  get sockets(): number {
    return this.#watched.size;
  }

  /** Sources that are attached. */
  get connections(): number {
    return this.#sources.size;
  }

  /** Forgets a source. Its sockets must no longer be watched. */
  detach(source: Source): void {
    const entry = this.#sources.get(source);
    if (entry === undefined) return;
    this.setRef(source, false);
    this.#sources.delete(source);
    this.#countDelay(entry.maxDelay, -1);
    this.#hot = this.#hot.filter((hot) => hot.source !== source);
    if (this.#sources.size === 0) {
      this.#stopTimer();
      this.#wake();
    }
  }

  #countDelay(delay: number, change: 1 | -1): void {
    const count = (this.#delays.get(delay) ?? 0) + change;
    if (count > 0) this.#delays.set(delay, count);
    else this.#delays.delete(delay);
    this.#maxDelay = Math.min(Infinity, ...this.#delays.keys());
  }

  setRef(source: Source, refed: boolean): void {
    const entry = this.#sources.get(source);
    if (entry === undefined || entry.refed === refed) return;
    entry.refed = refed;
    this.#refs += refed ? 1 : -1;
    if (this.#refs !== (refed ? 1 : 0)) return;
    this.#poller[refed ? "ref" : "unref"]();
    this.#timer?.[refed ? "ref" : "unref"]();
  }

  /** Waits for `events` of a socket; 0 waits for nothing. */
  watch(fd: number, source: Source, events: number): void {
    const entry = this.#watched.get(fd);
    if (events === 0) {
      if (entry === undefined) return;
      this.#watched.delete(fd);
      this.#set.delete(fd);
    } else {
      if (entry?.source === source && entry.events === events) return;
      this.#watched.set(fd, { source, events });
      if (this.#watched.size > FEW_SOCKETS && this.#kind === "auto" && !this.#set.live) this.#useQueue();
      else this.#set.set(fd, events);
    }
    if (!this.#set.live) this.#wake();
    this.#arm();
  }

  /** A message was sent: its answer is not to wait for anything. */
  expectAnswer(): void {
    this.#dense = false;
    this.#asked = true;
    if (this.#passed < this.#patience) this.#passed++;
    else this.#nearUntil = performance.now() + NEAR;
    if (this.#timer === null) return;
    this.#stopTimer();
    this.#arm();
  }

  #stopTimer(): void {
    this.#timer?.clear();
    this.#timer = null;
  }

  /** Gives a source another turn after the event loop has had its own. */
  again(source: Source, fd: number, events: number): void {
    if (this.#hot.some((hot) => hot.source === source)) return;
    this.#hot.push({ source, fd, events });
    this.#stopTimer();
    this.#wake();
    this.#arm();
  }

  /**
   * Runs `close`, which closes a socket, as soon as no poll that is out can hold its number: at once, or after that
   * poll was woken and has returned.
   */
  whenUnpolled(close: () => void): void {
    if (!this.#polling) return close();
    this.#closing.push(close);
    this.#wake();
  }

  #useQueue(): void {
    const queue = createQueueSet();
    if (queue === null) return;
    for (const [fd, { events }] of this.#watched) queue.set(fd, events);
    this.#wake();
    this.#set = queue;
  }

  #wake(): void {
    if (!this.#polling || this.#woken) return;
    this.#woken = true;
    this.#curl.curl_multi_wakeup(this.#multi);
  }

  /** Goes on: to the next turn where there may be something to do, else to sleep. */
  #arm(): void {
    if (this.#polling || this.#inTurn || this.#deferred || this.#timer !== null) return;
    if (this.#hot.length > 0 || this.#lookAgain || this.#near()) {
      this.#deferred = true;
      this.#lookAgain = false;
      runtime().defer(this.#look);
    } else if (this.#sources.size === 0) {
      return;
    } else if (this.#dense && this.#maxDelay < Infinity) {
      this.#timer = runtime().setTimer(this.#look, this.#maxDelay);
      if (this.#refs === 0) this.#timer.unref();
    } else {
      this.#polling = true;
      this.polls++;
      this.#polled = this.#set;
      const { fds, count } = this.#set.prepare();
      this.#poller.poll(this.#multi, fds, count, FAR, this.#onPolled);
    }
  }

  /** Whether an answer may come sooner than a thread could be put to sleep and woken. */
  #near(): boolean {
    if (this.#nearUntil === 0) return false;
    if (performance.now() < this.#nearUntil) return true;
    this.#nearUntil = this.#passed = 0;
    this.#patience = Math.min(MAX_PATIENCE, this.#patience * 2 + 1);
    return false;
  }

  readonly #onPolled = (error?: unknown): void => {
    if (error !== undefined) return this.#onError(error);
    this.wakeups++;
    this.#polling = this.#woken = this.#timed = false;
    const closing = this.#closing;
    this.#closing = [];
    for (const close of closing) close();
    this.woke = true;
    this.#turn([], true);
    this.woke = false;
  };

  #onError(cause: unknown): void {
    this.#polling = false;
    const error = new CurlWebSocketError("ERR_LIBCURL", `waiting in curl_multi_poll failed: ${cause}`, { cause });
    for (const source of [...this.#sources.keys()]) source.onReactorError(error);
  }

  /** A turn without a wait before it: what is ready is asked for, on this thread. */
  readonly #look = (): void => {
    this.#deferred = false;
    this.#timed = this.#timer !== null;
    if (this.#timed) this.timers++;
    this.looks++;
    this.#timer = null;
    const hot = this.#hot;
    this.#hot = [];
    const only = this.#onlySocket();
    if (only !== null) return this.#turn(hot.length > 0 ? hot : [only], false);
    const { fds, count } = this.#set.prepare();
    this.#polled = this.#set;
    this.#curl.curl_multi_poll(this.#multi, fds, count, 0, null);
    this.#turn(hot, true);
  };

  /** The one socket there is, if it only waits to be read: reading it tells as much as asking, with one call less. */
  #onlySocket(): Turn | null {
    if (this.#watched.size !== 1) return null;
    const [[fd, { source, events }]] = this.#watched as unknown as [[number, { source: Source; events: number }]];
    return events === READABLE ? { source, fd, events } : null;
  }

  /** One turn: the ready sockets first, if `polled` tells them, then those that were hot. */
  #turn(hot: Turn[], polled: boolean): void {
    this.#inTurn = true;
    this.#asked = false;
    this.turns++;
    this.turnBytes = 0;
    const near = this.#nearUntil;
    const turns: Turn[] = [];
    if (polled) {
      this.#polled.collect((fd, events) => {
        const entry = this.#watched.get(fd);
        if (entry !== undefined) turns.push({ source: entry.source, fd, events });
      });
    }
    const ready = new Set(turns.map(({ source }) => source));
    for (const turn of hot) if (!ready.has(turn.source)) turns.push(turn);
    const now = performance.now();
    const end = this.turnEnd = now + TURN_TIME;
    for (const [i, turn] of turns.entries()) {
      if (!this.#sources.has(turn.source)) continue;
      if (turn.source.onReady(turn.fd, turn.events)) this.#hot.push(turn);
      // The next source's events are tasks of their own.
      if (performance.now() > end || !runtime().checkpoint()) {
        this.#hot.unshift(...turns.slice(i + 1));
        break;
      }
    }
    this.#inTurn = false;
    this.#plan(now, near);
    this.#arm();
  }

  /** What follows a turn that began at `now`, when answers were looked for until `near`: moderation, as network cards do it. */
  #plan(now: number, near: number): void {
    // A timer costs a fraction of a wake-up. Messages that are up to two delays apart are worth one.
    const close = !this.#asked && now - this.#lastTurn < 2 * this.#maxDelay;
    if (this.turnBytes === 0) {
      this.#dense &&= close;
      return;
    }
    // The runtime's timers are late, by more than that on Deno: what one of them found came in its time.
    this.#dense = close || (this.#timed && !this.#asked);
    if (near !== 0) {
      this.#patience = this.#passed = 0;
      if (this.#nearUntil === near) this.#nearUntil = 0;
    }
    this.#lastTurn = now;
    // A flood: once more before any wait.
    if (this.turnBytes >= FLOOD) this.#lookAgain = true;
  }
}
