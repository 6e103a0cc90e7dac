/** What a reactor waits by. Handed in: the reactor knows neither libcurl nor threads, and tests are exact. */
import type { CurlWebSocketError } from "../errors.ts";

/** Sockets by their numbers, with what each is waited for: bits of `READABLE` and `WRITABLE`, never 0. */
export type Interests = ReadonlyMap<number, { readonly events: number }>;

/** Is called when a wait is over: with null, or with the reason why waiting cannot go on. */
export type WaitDone = (error: CurlWebSocketError | null) => void;

/**
 * Waits for sockets on another thread, one wait at a time. What it throws is a `CurlWebSocketError`, and means that
 * waiting cannot go on.
 */
export interface Waiter {
  /** Makes what waiting takes, before the first wait; nothing if that is there already. */
  open(): void;
  /**
   * Waits, without a time limit, until a socket is ready or {@linkcode wake} is called. It reads `interests` during this
   * call alone. `done` is called once, never inside this call: in a task, or in a microtask that somebody's
   * checkpoint may have run. Until then the kernel may look at these sockets' numbers, so none of them may be closed: the
   * next socket that is opened would get its number.
   */
  wait(interests: Interests, done: WaitDone): void;
  /** Looks which sockets are ready, without waiting. Only while no wait is out. */
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
  /** Frees what {@linkcode open} made, which can be made again. Only while no wait is out. */
  close(): void;
}
