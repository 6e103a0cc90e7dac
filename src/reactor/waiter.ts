/** What a reactor waits by. Handed in: the reactor knows neither libcurl nor threads, and tests are exact. */
import type { CurlWebSocketError } from "../errors.ts";

/** Sockets by their numbers, with what each is waited for: bits of `READABLE` and `WRITABLE`, never 0. */
export type Interests = ReadonlyMap<number, { readonly events: number }>;

/**
 * Through which one event at a time passes: a descriptor that is readable if one of many sockets is ready *and* the gate
 * is open. Who takes that closes it.
 */
export interface Gate {
  readonly fd: number;
  /** The queue behind it: readable while a socket is ready, whatever the gate is. */
  readonly queue: number;
  /** What a `TakeFunction` is called with to take what passed: then the gate is closed. */
  readonly take: readonly number[];
  /**
   * Opens it, from whichever thread, also while another polls it: no call is woken by that, unless a socket is ready, also
   * one that was before. Returns false if the system would not.
   */
  open(): boolean;
}

/** Is called when a wait is over: with null, or with the reason why waiting cannot go on. */
export type WaitDone = (error: CurlWebSocketError | null) => void;

/**
 * Waits for sockets on another thread, one wait at a time. What it throws is a `CurlWebSocketError`, and means that
 * waiting cannot go on.
 */
export interface Waiter {
  /** Whether another thread takes part in waiting, as far as is known: before the first wait it may turn out otherwise. */
  readonly hasThread: boolean;
  /** Whether {@linkcode waitAt} can be called. Known once it is open. */
  readonly canStand: boolean;
  /** Makes what waiting takes, before the first wait; nothing if that is there already. */
  open(): void;
  /**
   * Waits, without a time limit, until a socket is ready or {@linkcode wake} is called. It reads `interests` during this
   * call alone. `done` is called once, never inside this call: in a task, or in a microtask that somebody's
   * checkpoint may have run. Until then the kernel may look at these sockets' numbers, so none of them may be closed: the
   * next socket that is opened would get its number.
   */
  wait(interests: Interests, done: WaitDone): void;
  /**
   * Opens a gate, and waits until something has passed it. The thread that waits there stays there: while none of these
   * waits is out, the gate is closed and it sleeps. It uses the gate until {@linkcode stop}, but no number of a socket.
   * Returns false if the gate cannot be opened: then no wait is out.
   */
  waitAt(gate: Gate, done: WaitDone): boolean;
  /** Looks which sockets are ready, without waiting. Only while no wait is out, and none stays at a gate. */
  look(interests: Interests): void;
  /** Calls `ready` for each socket that the last wait or look found ready; a second call finds none. */
  collect(ready: (fd: number, events: number) => void): void;
  /**
   * Ends the wait that is out; if that is over already, and its `done` yet to come, the next one may end at once. If this
   * throws, the wait goes on, and may never end.
   */
  wake(): void;
  /** A wait that is out keeps the process alive. */
  ref(): void;
  /** A wait that is out lets the process end: so it is until {@linkcode ref} is called. */
  unref(): void;
  /**
   * Nothing uses any longer what waits were given, nor calls their `done`. It may block for as long as it takes to wake
   * another thread. Returns false if that cannot be had: then all of it has to be left as it is.
   */
  stop(): boolean;
  /** Frees what {@linkcode open} made, which can be made again; or leaves it if {@linkcode stop} returned false. */
  close(): void;
}
