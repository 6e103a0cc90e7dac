/** A multi that connections are made in, and that they need for as long as they live: libcurl looks them up in it. */
import { CurlWebSocketError } from "../errors.ts";
import { Deadline } from "../platform/deadline.ts";
import { closeOnExec } from "../platform/descriptors.ts";
import { connectBudget, paced } from "../platform/fair_queue.ts";
import { allocate, ffi, isNull, type Pointer } from "../platform/ffi.ts";
import { noHandle } from "../platform/out_of_files.ts";
import type { Reactor } from "../reactor/reactor.ts";
import type { Source } from "../reactor/source.ts";
import { addressOf, dropMulti, holdForMulti, type MultiReceiver } from "./connect_callbacks.ts";
import * as C from "./constants.ts";
import { createMulti } from "./create_multi.ts";
import type { Curl } from "./library.ts";

/** An easy handle of a driver. */
export interface Driven {
  readonly easy: Pointer;
  /** The same as libcurl's callbacks name it. */
  readonly address: number;
  /** Who is attached to the reactor for it, and is to call {@linkcode Driver.act} when a socket is ready. */
  readonly source: Source;
  /** Whether it keeps the process alive while it connects. */
  readonly refed: boolean;
  /** Whether TLS is a part of connecting. */
  readonly hasTls: boolean;
  /** The sockets that libcurl waits for to connect it; the driver fills it. */
  readonly fds: Set<number>;
  /** The last socket of it that the driver has kept from child processes, or -1; the driver writes it. */
  sealed: number;
  /** libcurl is done, with a CURLcode. Called outside of libcurl, and for the last time. */
  onResult(code: number): void;
  /** It cannot go on: a call into libcurl failed, or one of its callbacks threw. As {@linkcode onResult}. */
  onFailure(error: unknown): void;
}

/** Who made a driver, and frees it. */
export interface DriverOwner {
  /** A handle is out of it, maybe the last one. */
  onLeft(driver: Driver): void;
}

/**
 * libcurl calls back only inside our own calls, on the JavaScript thread. A handle is added, and begins, in one step, when
 * nothing else is due: before 8.22 libcurl closes idle connections that have something to read when it makes a new one, and
 * idle is one that it has just made, until the first byte is sent. What is done is told of, and sends, behind each call.
 */
export class Driver implements MultiReceiver {
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #owner: DriverOwner;
  readonly #multi: Pointer;
  readonly #address: number;
  /** All handles in it, by address. */
  readonly #handles: Map<number, Driven> = new Map();
  /** Those that are not done. */
  readonly #connecting: Set<Driven> = new Set();
  /** Whose sockets libcurl waits for; null: its own, such as the one that a thread wakes it by. */
  readonly #fds: Map<number, Driven | null> = new Map();
  /** What libcurl waits for on its own sockets. They are watched for one of those that connect. */
  readonly #own: Map<number, number> = new Map();
  readonly #timer: Deadline = new Deadline(paced);
  /** When libcurl wants to be called, by `performance.now()`; Infinity if it does not. */
  #dueAt = Infinity;
  /** When the timer runs out: it may be earlier, since libcurl puts off far more often than it is late. Infinity: it is not set. */
  #timerAt = Infinity;
  /** Whether libcurl wants to be called now. */
  #isDue = false;
  /** Whether a step is to come that calls it then. */
  #isStepPlanned = false;
  /** An `int` that libcurl writes inside a call. */
  readonly #count: Uint8Array<ArrayBuffer> = allocate(4);
  readonly #messages: Int32Array = new Int32Array(this.#count.buffer);
  /** Calls into libcurl that are on the stack: inside one no handle can be added, removed or freed. */
  #calls = 0;
  #isFreed = false;
  readonly #whenIdle: (() => void)[] = [];
  /** Those with a callback that threw inside the call that is on the stack. */
  readonly #thrown: Map<Driven, unknown> = new Map();
  /** The same of the multi's own. */
  #failure: { error: unknown } | null = null;

  /** @throws {CurlWebSocketError} if libcurl makes no multi: out of memory or file descriptors */
  constructor(curl: Curl, reactor: Reactor, owner: DriverOwner) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.#owner = owner;
    this.#multi = createMulti(curl);
    if (isNull(this.#multi)) throw noHandle();
    this.#address = addressOf(this.#multi);
    try {
      this.#setCallbacks();
    } catch (error) {
      this.free();
      throw error;
    }
  }

  #setCallbacks(): void {
    const { socket, timer } = holdForMulti(this.#address, this);
    const options: [number, Pointer][] = [
      [C.CURLMOPT_SOCKETFUNCTION, socket.pointer],
      [C.CURLMOPT_SOCKETDATA, this.#multi],
      [C.CURLMOPT_TIMERFUNCTION, timer.pointer],
    ];
    for (const [option, value] of options) {
      const code = this.#curl.setMultiPointer(this.#multi, option, value);
      // Without one of them libcurl would not go on, and nothing would say why.
      if (code !== 0) throw failed(`curl_multi_setopt(${option})`, code);
    }
  }

  /** How many handles it has. */
  get size(): number {
    return this.#handles.size;
  }

  /** How many of them connect. */
  get connecting(): number {
    return this.#connecting.size;
  }

  /** Whether {@linkcode free} was called. */
  get isFreed(): boolean {
    return this.#isFreed;
  }

  /** Whether a call into libcurl is on the stack. */
  get isBusy(): boolean {
    return this.#calls > 0;
  }

  /** Runs `then` when no call into libcurl is on the stack. */
  whenIdle(then: () => void): void {
    if (this.isBusy) this.#whenIdle.push(then);
    else then();
  }

  /** Does what is due, before {@linkcode add}: the ends of others may be told inside this call. */
  catchUp(): void {
    if (this.#isDue) this.act(C.CURL_SOCKET_TIMEOUT, 0);
  }

  /** Adds a handle, and begins to connect it. Not while it {@linkcode isBusy}. Its end may be told inside this call. */
  add(handle: Driven): void {
    this.#handles.set(handle.address, handle);
    this.#connecting.add(handle);
    if (handle.hasTls) connectBudget.underway++;
    this.setRef();
    for (const [fd, what] of this.#own) this.#reactor.watch(fd, this.#deputy()!, what);
    const code = this.#call(() => this.#curl.curl_multi_add_handle(this.#multi, handle.easy));
    if (code === 0) return this.act(C.CURL_SOCKET_TIMEOUT, 0);
    this.#handles.delete(handle.address);
    this.settle(handle);
    handle.onFailure(failed("curl_multi_add_handle", code));
  }

  /** Takes a handle out, which closes its connection. Not while it {@linkcode isBusy}. */
  remove(handle: Driven): void {
    this.settle(handle);
    if (this.#handles.has(handle.address)) {
      this.#call(() => this.#curl.curl_multi_remove_handle(this.#multi, handle.easy));
      this.#handles.delete(handle.address);
    }
    this.#owner.onLeft(this);
  }

  /** A handle no longer connects: it is told nothing more. */
  settle(handle: Driven): void {
    if (!this.#connecting.delete(handle)) return;
    if (handle.hasTls) connectBudget.underway--;
    this.#thrown.delete(handle);
    for (const fd of handle.fds) {
      this.#fds.delete(fd);
      this.#reactor.watch(fd, handle.source, 0);
    }
    handle.fds.clear();
    const next = this.#deputy();
    for (const [fd, what] of this.#own) this.#reactor.watch(fd, next ?? handle.source, next === null ? 0 : what);
    if (next === null) this.#clearTimer();
    this.setRef();
  }

  /** Whether one of the handles keeps the process alive has changed. */
  setRef(): void {
    let refed = false;
    for (const handle of this.#connecting) refed ||= handle.refed;
    this.#timer.setRef(refed);
  }

  /** Frees the multi, which has no handles. */
  free(): void {
    this.#isFreed = true;
    this.#clearTimer();
    this.#call(() => this.#curl.curl_multi_cleanup(this.#multi));
    dropMulti(this.#address);
  }

  /** Lets libcurl work on a socket of `by` that is ready, or on one of its own, or on all that is due. */
  act(fd: number, events: number, by: Driven | null = null): void {
    if (this.isBusy) return this.whenIdle(() => this.act(fd, events, by));
    const isTimer = fd === C.CURL_SOCKET_TIMEOUT;
    const handle = isTimer ? null : this.#fds.get(fd);
    // Steps wait: another one may have closed the socket meanwhile, and its number be another's.
    if (handle === undefined || (handle !== null && handle !== by)) return;
    if (isTimer) this.#isDue = false;
    const { curl_multi_socket_action } = this.#curl;
    let what = "curl_multi_socket_action";
    let code = this.#call(() => curl_multi_socket_action(this.#multi, fd, events, this.#count));
    let results = this.#results(NONE);
    if (code === 0 && this.#isStalled(results)) {
      what = "curl_multi_socket_all";
      code = this.#call(() => this.#curl.curl_multi_socket_all(this.#multi, this.#count));
      results = this.#results(results);
    }
    this.#tell(handle, code === 0 ? null : failed(what, code), results);
  }

  /** Tells handles of what became of them in a call for `handle`, or for all. */
  #tell(handle: Driven | null, failure: CurlWebSocketError | null, results: ReadonlyMap<Driven, number>): void {
    const error = failure ?? this.#failure?.error ?? null;
    this.#failure = null;
    // So it is with most calls: nothing ended, or one handle.
    if (error === null && this.#thrown.size === 0) {
      for (const [each, code] of results) this.#end(each, () => each.onResult(code));
      return;
    }
    const failing = new Map(this.#thrown);
    if (error !== null) { for (const each of handle === null ? this.#connecting : [handle]) failing.set(each, error); }
    this.#thrown.clear();
    // Each may close others.
    for (const [each, code] of results) {
      if (!failing.has(each)) this.#end(each, () => each.onResult(code));
    }
    for (const [each, why] of failing) this.#end(each, () => each.onFailure(why));
  }

  #end(handle: Driven, tell: () => void): void {
    if (!this.#connecting.has(handle)) return;
    this.settle(handle);
    tell();
  }

  /** Those that are done since the last call, with their CURLcodes, and those that are known already. */
  #results(known: ReadonlyMap<Driven, number>): ReadonlyMap<Driven, number> {
    let message = this.#curl.curl_multi_info_read(this.#multi, this.#count);
    if (isNull(message)) return known;
    const results = new Map(known);
    for (;;) {
      // struct CURLMsg {CURLMSG msg; CURL *easy_handle; union {void *whatever; CURLcode result} data}: with pointers of 8
      // bytes it has 24, and these begin at the 8th and the 16th.
      const bytes = ffi().view(message, 24), fields = new DataView(bytes.buffer, bytes.byteOffset);
      const handle = this.#handles.get(Number(fields.getBigUint64(8, true)));
      if (handle !== undefined) results.set(handle, fields.getInt32(16, true));
      // How many are left.
      if (this.#messages[0] === 0) return results;
      message = this.#curl.curl_multi_info_read(this.#multi, this.#count);
      if (isNull(message)) return results;
    }
  }

  /**
   * Whether libcurl waits for nothing. From 7.87 to 8.3, when an address fails or takes too long, it prepares the next
   * one but sets no timer to begin with it (fixed by "connect: expire the timeout when trying next" in 8.4).
   */
  #isStalled(results: ReadonlyMap<Driven, number>): boolean {
    const { versionNumber } = this.#curl;
    if (versionNumber < 0x075700 || versionNumber >= 0x080400) return false;
    for (const handle of this.#connecting) if (handle.fds.size === 0 && !results.has(handle)) return true;
    return false;
  }

  /** One of those that connect, or null. */
  #deputy(): Source | null {
    for (const handle of this.#connecting) return handle.source;
    return null;
  }

  /** A callback of a handle threw. */
  onThrown(handle: Driven, error: unknown): void {
    if (this.#connecting.has(handle) && !this.#thrown.has(handle)) this.#thrown.set(handle, error);
  }

  onSocket(easy: number, fd: number, what: number): void {
    const handle = this.#handles.get(easy) ?? null, before = this.#fds.get(fd);
    try {
      if (what === C.CURL_POLL_REMOVE) {
        if (before === undefined) return;
        this.#fds.delete(fd);
        this.#own.delete(fd);
        before?.fds.delete(fd);
        return this.#reactor.watch(fd, before?.source ?? NOBODY, 0);
      }
      // It has been given up.
      if (handle !== null && !this.#connecting.has(handle)) return;
      if (before === undefined) {
        closeOnExec(fd);
        if (handle !== null) handle.sealed = fd;
      }
      if (before !== handle) before?.fds.delete(fd);
      this.#fds.set(fd, handle);
      if (handle === null) this.#own.set(fd, what);
      else this.#own.delete(fd);
      handle?.fds.add(fd);
      const source = handle?.source ?? this.#deputy();
      if (source !== null) this.#reactor.watch(fd, source, what);
    } catch (error) {
      if (handle === null) this.#failure ??= { error };
      else this.onThrown(handle, error);
    }
  }

  onTimer(milliseconds: number): void {
    try {
      this.#setTimer(milliseconds);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #setTimer(milliseconds: number): void {
    this.#isDue = false;
    // What libcurl wants for connections that stand is of no use to them.
    if (milliseconds < 0 || this.#connecting.size === 0) {
      this.#dueAt = Infinity;
      return;
    }
    if (milliseconds > 0) {
      this.#dueAt = performance.now() + milliseconds;
      return this.#armTimer();
    }
    this.#dueAt = Infinity;
    this.#isDue = true;
    // The first steps of many attempts at once are not to be one long task. One that is planned serves them all.
    if (this.#isStepPlanned) return;
    this.#isStepPlanned = true;
    paced(this.#onStep);
  }

  readonly #onStep = (): void => {
    this.#isStepPlanned = false;
    if (this.#isDue) this.act(C.CURL_SOCKET_TIMEOUT, 0);
  };

  /** Sets the timer if it would run out too late. */
  #armTimer(): void {
    if (this.#timerAt <= this.#dueAt) return;
    this.#timerAt = this.#dueAt;
    this.#timer.set(Math.max(1, this.#dueAt - performance.now()), this.#onTime);
  }

  readonly #onTime = (): void => {
    this.#timerAt = Infinity;
    if (this.#dueAt === Infinity) return;
    // libcurl has put it off meanwhile. A timer may be a little early, too, and libcurl would set it anew.
    if (this.#dueAt > performance.now() + 1) return this.#armTimer();
    this.#dueAt = Infinity;
    this.act(C.CURL_SOCKET_TIMEOUT, 0);
  };

  #clearTimer(): void {
    this.#timer.clear();
    this.#timerAt = this.#dueAt = Infinity;
    this.#isDue = false;
  }

  #call(call: () => number): number {
    this.#calls++;
    try {
      return call();
    } finally {
      if (--this.#calls === 0) { for (const then of this.#whenIdle.splice(0)) then(); }
    }
  }
}

/** No handle is done. */
const NONE: ReadonlyMap<Driven, number> = new Map();

/** Whom a socket is no longer watched for. */
const NOBODY: Source = { onReady: () => false, onReactorError: () => {} };

function failed(what: string, code: number): CurlWebSocketError {
  return new CurlWebSocketError("ERR_LIBCURL", `connecting failed: ${what} returned ${code}`);
}
