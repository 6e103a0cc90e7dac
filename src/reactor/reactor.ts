/** One a thread and library: waits for the sockets of all its sources, and gives the ready ones their turns. */
import { CurlWebSocketError, errorOf, wordsOf } from "../errors.ts";
import type { ConnectBudget } from "../platform/fair_queue.ts";
import { apart, type Clock } from "./clock.ts";
import type { Kernel } from "./kernel.ts";
import { Moderation } from "./moderation.ts";
import { PlannedLook } from "./planned_look.ts";
import { READABLE } from "./readiness.ts";
import { ReadySet } from "./ready_set.ts";
import { SocketWait } from "./socket_wait.ts";
import type { Source, Turn } from "./source.ts";
import { Sources } from "./sources.ts";
import { beginTurn, endTurn, isTurning, postpone } from "./turn_guard.ts";
import { mergeTurns, StepQueue, TurnQueue } from "./turn_queue.ts";
import type { Waiter } from "./waiter.ts";

/** How long one turn may keep the event loop, ms; what is left comes after the loop's own turn. */
const TURN_TIME = 5;

const NONE: Turn[] = [];

/** What it waits by, its time and its kernel are handed in; it knows neither libcurl nor a runtime. */
export class Reactor {
  readonly #clock: Clock;
  readonly #onLost: () => void;
  readonly #set: ReadySet;
  readonly #wait: SocketWait;
  readonly #moderation: Moderation;
  readonly #sources: Sources = new Sources();
  /** Of sources that want one before any wait. */
  readonly #queue: TurnQueue = new TurnQueue();
  /** Of sources that connect, which wait for time. */
  readonly #steps: StepQueue = new StepQueue();
  readonly #budget: ConnectBudget;
  #inTurn = false;
  /** Whether the microtasks are still to run that a turn has left. */
  #isSettling = false;
  readonly #planned: PlannedLook;
  /** Why the waiting cannot go on; null as long as it can. Sources are told in a task of its own. */
  #failed: CurlWebSocketError | null = null;
  /** Bytes that were read in this turn; sources count them. */
  turnBytes = 0;
  /** Whether the turn that is under way came from a wake-up. */
  woke = false;
  /** When the turn that is under way should end, by the clock. */
  turnEnd = 0;
  /** How many waits have returned, since the start: each woke this thread. */
  wakeups = 0;
  /** How many turns were taken: after waits, from timers and at once. */
  turns = 0;
  /** How many waits were begun, how often it was looked without waiting, and how many of those times from a timer. */
  polls = 0;
  looks = 0;
  timers = 0;

  /** `onLost` is called if a wait is out that nothing ends: from then on {@linkcode attach} throws. */
  constructor(waiter: Waiter, clock: Clock, kernel: Kernel, budget: ConnectBudget, onLost: () => void) {
    this.#clock = clock;
    this.#budget = budget;
    this.#onLost = onLost;
    this.#set = new ReadySet(kernel);
    this.#wait = new SocketWait(waiter, clock, this.#set, budget);
    this.#moderation = new Moderation(() => clock.now());
    this.#planned = new PlannedLook(clock, (timed) => this.#look(timed));
  }

  /** How often timers took over from wake-ups, as messages came densely. */
  get moderations(): number {
    return this.#moderation.moderations;
  }

  /** Whether another thread waits, and wakes this one. */
  get hasThread(): boolean {
    return this.#wait.hasThread;
  }

  /** How many sockets are waited for. */
  get sockets(): number {
    return this.#set.size;
  }

  /** How many sources are attached. */
  get connections(): number {
    return this.#sources.size;
  }

  /**
   * Registers a source, before it watches a socket. What it receives waits for `maxDelay` ms at most, if it comes
   * densely; a source that receives no messages leaves it out. The process lives while a source that is `ref`ed is
   * attached.
   *
   * @throws {CurlWebSocketError} `ERR_LIBCURL`, `ERR_TOO_MANY_OPEN_FILES` if the system has not what waiting takes
   */
  attach(source: Source, maxDelay: number = Infinity): void {
    if (this.#wait.isLost) throw failure("the thread that waits for the sockets was lost: connect anew");
    this.#wait.open();
    this.#sources.add(source, maxDelay);
    this.#moderation.addDelay(maxDelay);
    this.setRef(source, true);
    this.#arm();
  }

  /** Forgets a source. Its sockets must no longer be watched, or at once be watched for another. */
  detach(source: Source): void {
    if (!this.#sources.has(source)) return;
    this.setRef(source, false);
    this.#moderation.removeDelay(this.#sources.remove(source));
    this.#queue.drop(source);
    if (this.#sources.size > 0) return;
    this.#clearSteps();
    this.#planned.cancelTimer();
    // What the wait returns to frees it all.
    if (this.#wait.isOut) this.#wake();
    else this.#releaseSoon();
  }

  /** Whether an attached source keeps the process alive. */
  setRef(source: Source, refed: boolean): void {
    if (!this.#sources.setRef(source, refed)) return;
    this.#wait.setRef(refed);
    this.#planned.setRef(refed);
  }

  /** Waits for `events` of a socket, bits of `READABLE` and `WRITABLE`; 0 waits for nothing. */
  watch(fd: number, source: Source, events: number): void {
    if (!this.#set.watch(fd, source, events)) return;
    if (this.#wait.isOut) this.#set.settle();
    if (this.#set.isStale) this.#wake();
    this.#wait.closeOutgrown();
    this.#arm();
  }

  /** Gives a source another turn after the event loop has had its own. */
  again(source: Source, fd: number, events: number): void {
    this.#queue.add(source, fd, events);
    this.#planned.cancelTimer();
    this.#wake();
    this.#arm();
  }

  /** A message was sent: its answer is not to wait for anything. */
  expectAnswer(): void {
    this.#moderation.messageSent();
    if (this.#planned.cancelTimer()) this.#arm();
  }

  /**
   * Runs `close`, which closes a socket, when no wait that is out can hold its number: at once, or after that wait was woken
   * and has returned; of many that wait for that, some at a time.
   */
  whenUnpolled(close: () => void): void {
    if (this.#wait.closeWhenOver(close)) this.#wake();
  }

  /** The thread's JavaScript ends: closes all connections now, since no later task will. */
  end(): void {
    this.#wait.isLost = true;
    this.#planned.cancelTimer();
    const error = new CurlWebSocketError("ERR_ABORTED", "the program or the Worker ended");
    for (const source of this.#sources.all()) this.#endSource(source, error);
    this.#wait.end();
  }

  /** Goes on: to the next turn if there may be something to do, else to sleep. */
  #arm(): void {
    if (this.#wait.isOut || this.#inTurn || this.#isSettling || this.#planned.isPlanned || this.#failed !== null) {
      return;
    }
    const delay = this.#moderation.untilNextTurn(!this.#queue.isEmpty || !this.#steps.isEmpty);
    if (delay === 0) this.#planned.soon();
    else if (this.#sources.size === 0) this.#releaseSoon();
    else if (delay === Infinity) this.#beginWait();
    else this.#planned.after(delay, this.#sources.areRefed);
  }

  #beginWait(): void {
    try {
      this.#wait.begin(this.#onWaited);
      this.polls++;
    } catch (cause) {
      this.#fail(errorOf("waiting for the sockets", cause));
    }
  }

  #wake(): void {
    try {
      this.#wait.wake();
    } catch (cause) {
      // It sleeps on. Connections to come have a reactor of their own.
      this.#onLost();
      this.#fail(errorOf("waking the thread that waits for the sockets", cause));
    }
  }

  readonly #onWaited = (error: CurlWebSocketError | null): void => {
    if (isTurning()) return this.#postponeWaited(error);
    this.#wait.over();
    if (error !== null) return this.#fail(error);
    this.wakeups++;
    this.woke = true;
    // Of one socket it is known which one ended the wait: not asking saves a call. After one that found nothing it is asked.
    const only = this.#wait.wasWoken || !this.#moderation.isTrusted ? null : this.#set.only;
    if (only === null) this.#turn(NONE, true);
    else {
      this.#turnOf(only);
      this.#moderation.waitEnds(this.turnBytes, false);
    }
    this.woke = false;
    if (!this.#moderation.isStuck) return;
    // A queue that is always ready and never says for whom is broken, or was closed by someone else.
    if (this.#set.hasQueue) this.#set.useArray();
    this.#wait.closeOutgrown();
    this.#endClosedSockets();
  };

  #postponeWaited(error: CurlWebSocketError | null): void {
    postpone(this.#clock, () => this.#onWaited(error));
  }

  /** A turn without a wait before it: what is ready is asked for, on this thread. */
  #look(timed: boolean): void {
    if (timed) this.timers++;
    this.looks++;
    const queued = this.#queue.take();
    // The last source went, or the waiting failed, after this had been planned.
    if (this.#sources.size === 0 || this.#failed !== null) return this.#arm();
    const { only } = this.#set;
    if (only !== null && queued.length === 0) return this.#turnOf(only);
    if (only !== null) return this.#turn(queued, false);
    try {
      this.#wait.look();
    } catch (cause) {
      return this.#fail(errorOf("looking for sockets that are ready", cause));
    }
    this.#turn(queued, true);
  }

  /** The turn of the one socket there is, to be read. */
  #turnOf(only: Turn[]): void {
    only[0]!.events |= READABLE;
    this.#turn(only, false);
  }

  /** One turn: the sockets that were found ready first, if any were looked for, then those that were queued. */
  #turn(queued: Turn[], looked: boolean): void {
    beginTurn();
    this.#inTurn = true;
    this.turns++;
    this.turnBytes = 0;
    this.#moderation.turnBegins();
    const now = this.#clock.now();
    this.turnEnd = now + TURN_TIME;
    let isSettled = true;
    try {
      this.#serve(looked ? mergeTurns(this.#collect(), queued) : queued);
      // What handlers go on to do, such as to reply or to end the connection, comes before the thread is sent to sleep, which
      // would have to be woken for it. At a gate it would not.
      isSettled = this.#set.gate !== null || this.#clock.checkpoint();
    } catch (cause) {
      this.#fail(failure(`a turn failed: ${wordsOf(cause)}`, cause));
    } finally {
      this.#inTurn = false;
      endTurn();
    }
    this.#moderation.turnEnds(now, this.turnBytes, this.woke);
    if (isSettled) return this.#arm();
    this.#isSettling = true;
    this.#clock.microtask(this.#onSettled);
  }

  readonly #onSettled = (): void => {
    this.#isSettling = false;
    this.#arm();
  };

  #collect(): Turn[] {
    const ready = this.#wait.collect(), { found } = this.#set;
    if (this.woke) this.#moderation.waitEnds(found, this.#wait.wasWoken);
    else this.#moderation.lookEnds(found);
    return ready;
  }

  #serve(turns: Turn[]): void {
    for (let i = 0; i < turns.length; i++) {
      const turn = turns[i]!;
      if (turn.source.isConnecting) {
        this.#steps.add(turn);
        continue;
      }
      if (!this.#sources.has(turn.source)) continue;
      if (this.#take(turn)) this.#queue.push(turn);
      if (i + 1 === turns.length && this.#steps.isEmpty) return;
      // The next source's events are tasks of their own.
      if (this.#clock.now() > this.turnEnd || !this.#clock.checkpoint()) {
        this.#queue.putBack(turns.slice(i + 1));
        break;
      }
    }
    if (this.#steps.isEmpty) return;
    this.#serveSteps();
    this.#budget.setWaiting(this, !this.#steps.isEmpty);
  }

  #clearSteps(): void {
    this.#steps.clear();
    this.#budget.setWaiting(this, false);
  }

  /** Steps of connecting, in what time is left: one at least, so that messages do not keep it from going on. */
  #serveSteps(): void {
    let done = 0;
    while ((this.#budget.allows() && this.#clock.now() <= this.turnEnd) || done === 0) {
      const turn = this.#steps.shift();
      if (turn === undefined) return;
      if (!this.#sources.has(turn.source)) continue;
      if (this.#take(turn)) this.#steps.add(turn);
      done++;
      if (!this.#clock.checkpoint()) return;
    }
  }

  /** Gives a source its turn. Returns whether it wants another one. */
  #take(turn: Turn): boolean {
    const { events } = turn;
    turn.events = 0;
    try {
      if (!turn.source.onReady(turn.fd, events)) return false;
      turn.events |= events;
      return true;
    } catch (cause) {
      // Its own end, and nobody else's.
      this.#endSource(turn.source, errorOf("a step of the connection", cause));
      return false;
    }
  }

  /**
   * The waiting cannot go on: ends everything that depends on it, in a task of its own, and frees what it took. What is
   * attached later finds it made anew.
   */
  #fail(error: CurlWebSocketError): void {
    if (this.#failed !== null) return;
    this.#failed = error;
    this.#planned.cancelTimer();
    this.#clock.defer(() => {
      for (const source of this.#sources.all()) this.#endSource(source, error);
      this.#queue.take();
      this.#clearSteps();
      this.#moderation.reset();
      this.#failed = null;
      // The wait that is out is lost: what is to be closed when it is over never would be.
      if (this.#wait.isOut) return this.#wait.closeSockets();
      this.#wait.release();
      if (this.#sources.size === 0) return;
      // They were attached while the others were told.
      try {
        this.#wait.open();
        this.#arm();
      } catch (cause) {
        this.#fail(errorOf("waiting for the sockets", cause));
      }
    });
  }

  /** Tells a source of its end, and sees to it that it is gone. */
  #endSource(source: Source, error: CurlWebSocketError): void {
    apart(this.#clock, () => source.onReactorError(error));
    if (!this.#sources.has(source)) return;
    for (const fd of this.#set.fdsOf(source)) this.watch(fd, source, 0);
    this.detach(source);
  }

  /** Waits return at once, and nothing is ready: sockets may have been closed by someone else, which no wait reports. */
  #endClosedSockets(): void {
    for (const fd of this.#set.closedFds()) {
      const message = `the connection's socket, file descriptor ${fd}, was closed by another part of this process`;
      const source = this.#set.sourceOf(fd);
      if (source !== undefined) this.#endSource(source, new CurlWebSocketError("ERR_CONNECTION_LOST", message));
    }
  }

  /** Frees what waiting takes, as nothing is attached any more. */
  #releaseSoon(): void {
    this.#wait.releaseSoon(() => this.#sources.size === 0 && !this.#inTurn);
  }
}

function failure(message: string, cause?: unknown): CurlWebSocketError {
  return new CurlWebSocketError("ERR_LIBCURL", message, cause === undefined ? {} : { cause });
}
