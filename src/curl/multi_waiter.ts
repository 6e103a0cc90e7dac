/** Waits for sockets with libcurl: another thread sleeps in `curl_multi_poll`, and `curl_multi_wakeup` wakes it. */
import { CurlWebSocketError, wordsOf } from "../errors.ts";
import { ffi, isNull, type Pointer, type Poller, type TakeFunction } from "../platform/ffi.ts";
import { allocateNative, type NativeMemory } from "../platform/native_memory.ts";
import { noHandle } from "../platform/out_of_files.ts";
import { runtime } from "../platform/runtime.ts";
import { READABLE, WRITABLE } from "../reactor/readiness.ts";
import type { Gate, Interests, WaitDone, Waiter } from "../reactor/waiter.ts";
import { CURL_WAIT_POLLIN, CURL_WAIT_POLLOUT } from "./constants.ts";
import { createMulti, isWakeable } from "./create_multi.ts";
import type { Curl } from "./library.ts";

/** The time-out of a wait, ms: not a period, but a far deadline, as `curl_multi_poll` takes an `int`. A day. */
const FAR = 86_400_000;
/** Room for this many sockets at least: twice as many as a reactor passes one by one before it tries a kernel queue. */
const LEAST_ROOM = 16;

/** One a reactor. Its multi has no easy handles: it is only polled and woken. */
export class MultiWaiter implements Waiter {
  readonly hasThread: boolean = true;
  readonly #curl: Curl;
  /** Null while it is closed. */
  #multi: Pointer = null;
  /** Made by the first {@linkcode open}; keeps by itself, for a while, what takes long to make. */
  #poller: Poller | null = null;
  #refed = false;
  /** `struct curl_waitfd {curl_socket_t fd; short events; short revents}`: a Windows SOCKET has 64 bits. */
  readonly #wide: boolean = runtime().os === "windows";
  readonly #size: number = this.#wide ? 16 : 8;
  readonly #eventsAt: number = this.#wide ? 8 : 4;
  /** An array of `curl_waitfd`, null before the first wait. Another thread writes it while a wait is out. */
  #waitfds: NativeMemory | null = null;
  /** How many of them the last wait, or look, was given, until they are collected. */
  #count = 0;
  #done: WaitDone | null = null;
  readonly #take: TakeFunction | null;
  /** Where the thread stands, or stood last; null if the last wait was not at a gate. */
  #gate: Gate | null = null;

  /** `take` is how to take what has passed a gate, if there are gates. */
  constructor(curl: Curl, take: TakeFunction | null = null) {
    this.#curl = curl;
    this.#take = take;
  }

  get canStand(): boolean {
    return this.#take !== null && (this.#poller?.standing ?? null) !== null;
  }

  open(): void {
    if (!isNull(this.#multi)) return;
    const multi = createMulti(this.#curl);
    if (isNull(multi)) throw noHandle();
    try {
      if (!isWakeable(this.#curl, multi)) throw noHandle();
      this.#poller ??= ffi().createPoller(this.#curl.info.path, this.#take);
      this.#poller[this.#refed ? "ref" : "unref"]();
    } catch (cause) {
      this.#curl.curl_multi_cleanup(multi);
      if (cause instanceof CurlWebSocketError) throw cause;
      throw failure(`the thread that waits in curl_multi_poll could not be made: ${wordsOf(cause)}`, cause);
    }
    this.#multi = multi;
  }

  wait(interests: Interests, done: WaitDone): void {
    this.#leaveGate();
    try {
      const waitfds = this.#layOut(interests);
      this.#done = done;
      this.#poller!.poll(this.#multi, waitfds, this.#count, FAR, this.#onPolled);
    } catch (cause) {
      throw failure(`the thread that waits in curl_multi_poll could not be used: ${wordsOf(cause)}`, cause);
    }
  }

  waitAt(gate: Gate, done: WaitDone): boolean {
    if (gate !== this.#gate) this.#leaveGate();
    try {
      const standing = this.#poller!.standing!;
      if (!standing.isStanding()) {
        standing.start(this.#multi, this.#layOut(new Map([[gate.fd, { events: READABLE }]])), FAR, gate.take);
        // What passes is taken by the thread, and not to be collected.
        this.#count = 0;
      }
      this.#gate = gate;
      this.#done = done;
      standing.next(this.#onPolled);
    } catch (cause) {
      throw failure(`the thread that waits in curl_multi_poll could not be used: ${wordsOf(cause)}`, cause);
    }
    // Only now: what passes from here on is what this wait is for.
    const isOpen = gate.open();
    if (!isOpen) this.#done = null;
    return isOpen;
  }

  readonly #onPolled = (code: number, error?: unknown): void => {
    const done = this.#done;
    this.#done = null;
    done?.(code === 0 ? null : pollFailure(code, error));
  };

  /** No thread stands at a gate. */
  #leaveGate(): void {
    if (this.#gate !== null && !this.stop()) throw failure("the thread that waits in curl_multi_poll does not answer");
    this.#gate = null;
  }

  look(interests: Interests): void {
    let code: number;
    try {
      const waitfds = this.#layOut(interests);
      code = this.#curl.curl_multi_poll(this.#multi, waitfds, this.#count, 0, null);
    } catch (cause) {
      throw failure(`looking for sockets that are ready failed: ${wordsOf(cause)}`, cause);
    }
    if (code !== 0) throw pollFailure(code);
  }

  /** Writes the array of `curl_waitfd` that the next poll is given; no poll is out. */
  #layOut(interests: Interests): Pointer {
    const needed = interests.size * this.#size;
    let waitfds = this.#waitfds;
    if (waitfds === null || needed > waitfds.view.byteLength) {
      this.#waitfds = allocateNative(Math.max(needed * 2, this.#size * LEAST_ROOM));
      waitfds?.free();
      waitfds = this.#waitfds;
    }
    const { view, pointer } = waitfds;
    let at = 0;
    for (const [fd, { events }] of interests) {
      if (this.#wide) view.setBigInt64(at, BigInt(fd), true);
      else view.setInt32(at, fd, true);
      const wanted = (events & READABLE ? CURL_WAIT_POLLIN : 0) | (events & WRITABLE ? CURL_WAIT_POLLOUT : 0);
      view.setInt16(at + this.#eventsAt, wanted, true);
      view.setInt16(at + this.#eventsAt + 2, 0, true);
      at += this.#size;
    }
    this.#count = interests.size;
    return pointer;
  }

  collect(ready: (fd: number, events: number) => void): void {
    if (this.#waitfds === null) return;
    const { view } = this.#waitfds, end = this.#count * this.#size;
    this.#count = 0;
    for (let at = 0; at < end; at += this.#size) {
      const revents = view.getInt16(at + this.#eventsAt + 2, true);
      if (revents === 0) continue;
      const events = (revents & CURL_WAIT_POLLIN ? READABLE : 0) | (revents & CURL_WAIT_POLLOUT ? WRITABLE : 0);
      ready(this.#wide ? Number(view.getBigInt64(at, true)) : view.getInt32(at, true), events);
    }
  }

  wake(): void {
    if (this.#gate !== null) return this.#poller!.standing!.cancel();
    const code = this.#curl.curl_multi_wakeup(this.#multi);
    if (code === 0) return;
    throw failure(`waking the thread that waits for the sockets failed in curl_multi_wakeup (CURLMcode ${code})`);
  }

  ref(): void {
    this.#refed = true;
    this.#poller?.ref();
  }

  unref(): void {
    this.#refed = false;
    this.#poller?.unref();
  }

  stop(): boolean {
    if (this.#poller === null || isNull(this.#multi)) return true;
    return this.#poller.stop(() => void this.#curl.curl_multi_wakeup(this.#multi));
  }

  close(): void {
    const isFree = this.stop();
    const multi = this.#multi, waitfds = this.#waitfds;
    this.#multi = this.#waitfds = this.#gate = null;
    this.#count = 0;
    if (!isFree) {
      // The thread may go on to use all this, whenever that will be: another one is made for what is to come.
      this.#poller!.unref();
      this.#poller = null;
      return;
    }
    try {
      waitfds?.free();
      if (!isNull(multi)) this.#curl.curl_multi_cleanup(multi);
    } finally {
      this.#poller?.close();
    }
  }
}

function failure(message: string, cause?: unknown): CurlWebSocketError {
  return new CurlWebSocketError("ERR_LIBCURL", message, cause === undefined ? {} : { cause });
}

function pollFailure(code: number, cause?: unknown): CurlWebSocketError {
  const why = cause === undefined ? `CURLMcode ${code}` : wordsOf(cause);
  return failure(`waiting for the sockets failed in curl_multi_poll (${why})`, cause);
}
