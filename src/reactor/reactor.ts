/** One a thread and library: sleeps in `curl_multi_poll` for all its sockets, and gives the ready ones their turns. */
import { CurlWebSocketError, errorOf, wordsOf } from "../errors.ts";
import { READABLE } from "./readiness.ts";
import { createMulti, isWakeable } from "../curl/create_multi.ts";
import { isOpen } from "../platform/descriptors.ts";
import { ffi, isNull, type Pointer, type Poller } from "../platform/ffi.ts";
import { reportLater, runtime, type Timer } from "../platform/runtime.ts";
import type { Curl } from "../curl/library.ts";
import { noHandle } from "../platform/out_of_files.ts";
import { ArraySet, createQueueSet, type ReadySet } from "./ready_set.ts";

/** What the reactor serves: a connection, from its first packet to its last. */
export interface Source {
  /** The socket `fd` is ready. Returns whether it has more to do at once and wants another turn before any wait. */
  onReady(fd: number, events: number): boolean;
  /** The source cannot go on: the waiting failed, or the source itself threw. It detaches itself. */
  onReactorError(error: CurlWebSocketError): void;
}

/** What a source is to do in a turn. */
interface Turn {
  readonly source: Source;
  readonly fd: number;
  events: number;
}

/** Up to this many sockets are passed to `curl_multi_poll` as they are; more go into a kernel queue. */
const FEW_SOCKETS = 8;
/** The poll's time-out, ms: not a period, a far deadline. A day. */
const FAR = 86_400_000;
/** A turn that read this many bytes was part of a flood: the next one looks again before any wait. */
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
/**
 * Polls in a row that may end with nothing ready, though nothing woke them. Some do: what was ready may be gone, and a
 * signal ends a poll. More than these are a busy loop, and each waits before it.
 */
const MAX_EMPTY_POLLS = 100;
/** How long, ms: a hundredth of a core at most goes into it. */
const EMPTY_DELAY = 20;

const reactors = new Map<Curl, Reactor>();

/**
 * Whether a turn is under way on this thread, of any reactor. Sources read into one buffer, so no turn may begin inside
 * another: and a turn lets microtasks run, which may bring another reactor's poll, and handlers may run an event loop.
 */
let turning = false;
/** What came meanwhile. */
const postponed: (() => void)[] = [];

/** Runs `step`, which takes a turn: at once, or in a task after the turn that is under way. */
function outsideTurns(step: () => void): void {
  if (turning) postponed.push(step);
  else step();
}

function endTurn(): void {
  turning = false;
  if (postponed.length === 0) return;
  for (const step of postponed.splice(0)) runtime().defer(() => outsideTurns(step));
}

/** Runs a step that others do not depend on: what it throws is reported, and they go on. */
function apart(step: () => void): void {
  try {
    step();
  } catch (error) {
    reportLater(error);
  }
}

function failure(message: string, cause?: unknown): CurlWebSocketError {
  return new CurlWebSocketError("ERR_LIBCURL", message, cause === undefined ? {} : { cause });
}

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
  /** Null while nothing is attached, as is the multi. */
  #poller: Poller | null = null;
  /** Has no easy handles: only polled and woken. */
  #multi: Pointer = null;
  readonly #watched: Map<number, { source: Source; events: number }> = new Map();
  readonly #sources: Map<Source, { refed: boolean; maxDelay: number }> = new Map();
  /** How many sources have which `maxReceiveDelay`, and the least of them. */
  readonly #delays: Map<number, number> = new Map();
  #maxDelay = Infinity;
  readonly #kind: ReadySetKind;
  #refs = 0;
  #set: ReadySet = new ArraySet();
  /** From how many sockets on a kernel queue is tried. */
  #queueFrom = FEW_SOCKETS + 1;
  /** The set that the last poll was given; `#set` may have changed while it was out. */
  #polled: ReadySet = this.#set;
  #hot: Turn[] = [];
  /** Sockets to be closed, and sets that gave way to others, when the poll that is out has returned. */
  #closing: (() => void)[] = [];
  #outgrown: ReadySet[] = [];
  #polling = false;
  #woken = false;
  #inTurn = false;
  #deferred = false;
  /** Whether it is about to be looked whether all this can be freed. */
  #releasing = false;
  /** Why the waiting cannot go on; null as long as it can. Told in a task of its own, with everything that it ends. */
  #failed: CurlWebSocketError | null = null;
  /** Polls in a row that found nothing, and that nobody woke. */
  #emptyPolls = 0;
  /** Whether the last poll that returned had been woken. */
  #wasWoken = false;
  /** No poll will return any more, as far as we shall see: what is to be closed is closed at once. */
  #lost = false;
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
    runtime().onThreadEnd(() => this.#end());
  }

  /** Makes what waiting takes. */
  #open(): void {
    if (this.#lost) throw failure("the thread that waits in curl_multi_poll was lost: connect anew");
    if (!isNull(this.#multi)) return;
    const multi = createMulti(this.#curl);
    if (isNull(multi)) throw noHandle();
    try {
      if (!isWakeable(this.#curl, multi)) throw noHandle();
      this.#poller ??= ffi().createPoller(this.#curl.info.path);
      this.#poller[this.#refs > 0 ? "ref" : "unref"]();
    } catch (cause) {
      this.#curl.curl_multi_cleanup(multi);
      if (cause instanceof CurlWebSocketError) throw cause;
      throw failure(`the thread that waits in curl_multi_poll could not be made: ${wordsOf(cause)}`, cause);
    }
    this.#multi = multi;
    if (this.#kind === "queue") this.#useQueue();
  }

  /**
   * Frees what waiting takes, when nothing is attached any more: a thread that has closed its connections has no descriptor
   * left. To make it all again takes 40 us, a fortieth of a connection on loopback; the poller keeps what costs more for a while.
   */
  #releaseSoon(): void {
    if (this.#releasing || isNull(this.#multi)) return;
    this.#releasing = true;
    // A connection that has just been made changes hands: its next source is attached when the last one is gone.
    runtime().defer(() => {
      this.#releasing = false;
      if (this.#sources.size === 0 && !this.#polling && !this.#inTurn) this.#release();
    });
  }

  #release(): void {
    if (isNull(this.#multi)) return;
    const multi = this.#multi, set = this.#set;
    this.#multi = null;
    this.#polled = this.#set = new ArraySet();
    this.#queueFrom = FEW_SOCKETS + 1;
    apart(() => set.close());
    apart(() => this.#curl.curl_multi_cleanup(multi));
    apart(() => this.#poller?.close());
  }

  /**
   * Registers a source, before it watches a socket. What it receives waits for `maxDelay` ms at most, where it comes
   * densely; a source that receives no messages says nothing. The process lives while a source that is `ref`ed is
   * attached.
   *
   * @throws {CurlWebSocketError} `ERR_LIBCURL` where the system has not what waiting takes
   */
  attach(source: Source, maxDelay: number = Infinity): void {
    this.#open();
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
    if (this.#sources.size > 0) return;
    this.#stopTimer();
    // What the poll returns to frees it all.
    if (this.#polling) this.#wake();
    else this.#releaseSoon();
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
    this.#poller?.[refed ? "ref" : "unref"]();
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
      if (this.#watched.size >= this.#queueFrom && this.#kind === "auto" && !this.#set.live) this.#useQueue();
      else if (!this.#set.set(fd, events)) this.#useArray();
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
    const hot = this.#hot.find((hot) => hot.source === source && hot.fd === fd);
    if (hot === undefined) this.#hot.push({ source, fd, events });
    else hot.events |= events;
    this.#stopTimer();
    this.#wake();
    this.#arm();
  }

  /**
   * Runs `close`, which closes a socket, as soon as no poll that is out can hold its number: at once, or after that
   * poll was woken and has returned.
   */
  whenUnpolled(close: () => void): void {
    if (!this.#polling || this.#lost) return apart(close);
    this.#closing.push(close);
    this.#wake();
  }

  /** Goes over to a kernel queue, if one can be had: the array serves as well. */
  #useQueue(): void {
    const queue = createQueueSet();
    if (queue === null) return this.#useArray();
    for (const [fd, { events }] of this.#watched) {
      if (queue.set(fd, events)) continue;
      queue.close();
      return this.#useArray();
    }
    this.#use(queue);
  }

  /** Back to the array, or on with it: the kernel would not make a queue, or take a socket into one. It is asked again later. */
  #useArray(): void {
    this.#queueFrom = 2 * Math.max(this.#queueFrom, this.#watched.size);
    const array = new ArraySet();
    for (const [fd, { events }] of this.#watched) array.set(fd, events);
    this.#use(array);
  }

  #use(set: ReadySet): void {
    this.#outgrown.push(this.#set);
    this.#set = set;
    if (this.#polling) this.#wake();
    else this.#close();
  }

  #wake(): void {
    if (!this.#polling || this.#woken) return;
    this.#woken = true;
    const code = this.#curl.curl_multi_wakeup(this.#multi);
    if (code === 0) return;
    // It sleeps on, for a day. Connections to come have a reactor of their own.
    this.#lost = true;
    if (reactors.get(this.#curl) === this) reactors.delete(this.#curl);
    this.#fail(failure(`waking the thread that waits for the sockets failed in curl_multi_wakeup (CURLMcode ${code})`));
  }

  /** Goes on: to the next turn where there may be something to do, else to sleep. */
  #arm(): void {
    if (this.#polling || this.#inTurn || this.#deferred || this.#timer !== null || this.#failed !== null) return;
    if (this.#hot.length > 0 || this.#lookAgain || this.#near()) {
      this.#deferred = true;
      this.#lookAgain = false;
      runtime().defer(this.#look);
    } else if (this.#sources.size === 0) {
      this.#releaseSoon();
    } else if (this.#emptyPolls >= MAX_EMPTY_POLLS) {
      this.#lookAfter(EMPTY_DELAY);
    } else if (this.#dense && this.#maxDelay < Infinity) {
      this.#lookAfter(this.#maxDelay);
    } else {
      this.#poll();
    }
  }

  #lookAfter(milliseconds: number): void {
    this.#timer = runtime().setTimer(this.#look, milliseconds);
    if (this.#refs === 0) this.#timer.unref();
  }

  #poll(): void {
    try {
      const { fds, count } = this.#set.prepare();
      this.#polled = this.#set;
      this.#poller!.poll(this.#multi, fds, count, FAR, this.#onPolled);
      this.#polling = true;
      this.polls++;
    } catch (cause) {
      this.#fail(failure(`the thread that waits in curl_multi_poll could not be used: ${wordsOf(cause)}`, cause));
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

  readonly #onPolled = (code: number, error?: unknown): void => {
    if (turning) return outsideTurns(() => this.#onPolled(code, error));
    this.#wasWoken = this.#woken;
    this.#polling = this.#woken = this.#timed = false;
    this.#close();
    if (code !== 0) return this.#fail(pollFailure(code, error));
    this.wakeups++;
    this.woke = true;
    this.#turn([], true);
    this.woke = false;
    if (this.#emptyPolls !== MAX_EMPTY_POLLS) return;
    // A queue that is always ready and never says for whom is broken, or was closed by someone else.
    if (this.#set.live) this.#useArray();
    this.#endClosedSockets();
  };

  /** Closes what waited for a poll to return. */
  #close(): void {
    this.#closeSockets();
    if (this.#outgrown.length === 0) return;
    for (const set of this.#outgrown.splice(0)) apart(() => set.close());
  }

  #closeSockets(): void {
    if (this.#closing.length === 0) return;
    for (const close of this.#closing.splice(0)) apart(close);
  }

  /**
   * The waiting cannot go on: ends everything that depends on it, in a task of its own, and frees what it took. What is
   * attached later finds it made anew.
   */
  #fail(error: CurlWebSocketError): void {
    if (this.#failed !== null) return;
    this.#failed = error;
    this.#stopTimer();
    runtime().defer(() => {
      for (const source of [...this.#sources.keys()]) this.#endSource(source, error);
      this.#hot = [];
      this.#lookAgain = false;
      this.#emptyPolls = 0;
      this.#failed = null;
      if (this.#lost) this.#closeSockets();
      if (this.#polling) return;
      this.#close();
      this.#release();
      if (this.#sources.size === 0) return;
      // They were attached while the others were told.
      try {
        this.#open();
        this.#arm();
      } catch (cause) {
        this.#fail(cause as CurlWebSocketError);
      }
    });
  }

  /** Tells a source of its end, and sees to it that it is gone. */
  #endSource(source: Source, error: CurlWebSocketError): void {
    apart(() => source.onReactorError(error));
    if (!this.#sources.has(source)) return;
    for (const [fd, entry] of this.#watched) if (entry.source === source) this.watch(fd, source, 0);
    this.detach(source);
  }

  /**
   * Polls return at once, and nothing is ready: a socket in the array may have been closed by someone else, which libcurl
   * does not tell.
   */
  #endClosedSockets(): void {
    for (const [fd, { source }] of [...this.#watched]) {
      if (isOpen(fd)) continue;
      const message = `the connection's socket, file descriptor ${fd}, was closed by another part of this process`;
      this.#endSource(source, new CurlWebSocketError("ERR_CONNECTION_LOST", message));
    }
  }

  /** The thread's JavaScript ends: closes all connections now, since no later task will. */
  #end(): void {
    this.#lost = true;
    this.#stopTimer();
    const error = new CurlWebSocketError("ERR_ABORTED", "the program or the Worker ended");
    for (const source of [...this.#sources.keys()]) this.#endSource(source, error);
    this.#closeSockets();
    // While a poll is out, its thread uses the multi and the set: they are left.
    if (!this.#polling) this.#release();
  }

  /** A turn without a wait before it: what is ready is asked for, on this thread. */
  readonly #look = (): void => {
    if (turning) return outsideTurns(this.#look);
    this.#deferred = false;
    this.#timed = this.#timer !== null;
    if (this.#timed) this.timers++;
    this.looks++;
    this.#timer = null;
    const hot = this.#hot;
    this.#hot = [];
    // The last source went, or the waiting failed, after this had been planned.
    if (this.#sources.size === 0 || this.#failed !== null) return this.#arm();
    const only = this.#onlySocket();
    if (only !== null) return this.#turn(hot.length > 0 ? hot : [only], false);
    try {
      const { fds, count } = this.#set.prepare();
      this.#polled = this.#set;
      const code = this.#curl.curl_multi_poll(this.#multi, fds, count, 0, null);
      if (code !== 0) return this.#fail(pollFailure(code));
    } catch (cause) {
      return this.#fail(failure(`looking for sockets that are ready failed: ${wordsOf(cause)}`, cause));
    }
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
    turning = this.#inTurn = true;
    this.#asked = false;
    this.turns++;
    this.turnBytes = 0;
    const near = this.#nearUntil;
    const now = performance.now();
    try {
      this.#serve(this.#turns(hot, polled), now);
    } catch (cause) {
      this.#fail(failure(`a turn failed: ${wordsOf(cause)}`, cause));
    } finally {
      this.#inTurn = false;
      endTurn();
    }
    this.#plan(now, near);
    this.#arm();
  }

  #turns(hot: Turn[], polled: boolean): Turn[] {
    const turns: Turn[] = [];
    if (polled) {
      let found = 0;
      this.#polled.collect((fd, events) => {
        found++;
        const entry = this.#watched.get(fd);
        if (entry !== undefined) turns.push({ source: entry.source, fd, events });
      });
      if (found > 0 || this.#wasWoken) this.#emptyPolls = 0;
      else if (this.woke) this.#emptyPolls++;
    }
    if (hot.length === 0) return turns;
    const ready = new Map(turns.map((turn) => [turn.fd, turn]));
    for (const turn of hot) {
      const found = ready.get(turn.fd);
      // Both: a socket that was found writable alone may still have bytes to tell that were read before.
      if (found?.source === turn.source) found.events |= turn.events;
      else turns.push(turn);
    }
    return turns;
  }

  #serve(turns: Turn[], now: number): void {
    const end = this.turnEnd = now + TURN_TIME;
    for (const [i, turn] of turns.entries()) {
      if (!this.#sources.has(turn.source)) continue;
      try {
        if (turn.source.onReady(turn.fd, turn.events)) this.#hot.push(turn);
      } catch (cause) {
        // Its own end, and nobody else's.
        this.#endSource(turn.source, errorOf("a step of the connection", cause));
      }
      // The next source's events are tasks of their own.
      if (performance.now() > end || !runtime().checkpoint()) {
        this.#hot.unshift(...turns.slice(i + 1));
        break;
      }
    }
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

function pollFailure(code: number, cause?: unknown): CurlWebSocketError {
  const why = cause === undefined ? `CURLMcode ${code}` : wordsOf(cause);
  return failure(`waiting for the sockets failed in curl_multi_poll (${why})`, cause);
}
