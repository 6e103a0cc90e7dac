/**
 * Lets a call that can fail do so, the n-th time it is made: a runtime around the real one, which counts every call
 * into C and into the runtime, and keeps the books of what was made and not given back.
 *
 * A failing call does what the real one does when it fails: it is not made, and returns what C documents for that case.
 * A call that cannot fail in reality does not fail here; `CANNOT_FAIL` in failures.ts says why.
 */
import {
  type Callback,
  type CArgument,
  type CType,
  type Ffi,
  isNull,
  type Pointer,
  type PollDone,
  type Poller,
  type Symbols,
  type SymbolTable,
  type TakeFunction,
} from "../../src/platform/ffi.ts";
import type { Runtime, Timer } from "../../src/platform/runtime.ts";
import {
  type Breakable,
  CANNOT_FAIL,
  type CCall,
  CURLE_AGAIN,
  CURLE_BAD_FUNCTION_ARGUMENT,
  CURLE_RECV_ERROR,
  CURLE_SEND_ERROR,
  CURLM_BAD_HANDLE,
  CURLM_WAKEUP_FAILURE,
  FAILURES,
  THROWS,
} from "./failures.ts";

/** What is to fail: the `n`-th call of `name`, counted from {@linkcode Faults.arm}, in the way `kind`. */
export interface Fault {
  readonly name: string;
  readonly kind: string;
  readonly n: number;
  /** All calls from the `n`-th on fail. */
  readonly lasting: boolean;
}

/** What was made and not yet given back. */
export interface Books {
  easy: number;
  multi: number;
  slist: number;
  zlib: number;
  files: number;
  descriptors: number;
  memory: number;
  timers: number;
}

/** A call that was made more often than that in one run belongs to a loop without end. */
const RUNAWAY = 30_000;

/** Counts calls, lets one fail, and keeps the books. */
export class Faults implements Breakable {
  #fault: Fault | null = null;
  #counts: Map<string, number> = new Map();
  /** Whether the fault came to pass. */
  fired = 0;
  /** What no run may do, whatever fails: a handle that is freed twice, or used after. */
  problems: string[] = [];
  /** Functions that are neither known to fail nor known not to. */
  readonly unknown: Set<string> = new Set();
  readonly #alive: Map<bigint, "easy" | "multi" | "share" | "slist" | "zlib"> = new Map();
  readonly #descriptors: Set<number> = new Set();
  readonly #memory: Set<bigint> = new Set();
  readonly #timers: Set<Timer> = new Set();
  #files = 0;
  /** Handles that were there before: what others send and receive does not fail. */
  #spared: Set<bigint> = new Set();
  readonly #broken: Map<bigint, Set<"send" | "recv" | "end">> = new Map();
  readonly #unwakeable: Set<bigint> = new Set();
  /** What TLS was given to send, and did not take. */
  readonly #retries: Map<bigint, { buffer: ArrayBufferLike; offset: number; length: number }> = new Map();
  /**
   * Whether connections of this run are encrypted: then a spurious "try again" would never be followed by a wake-up.
   */
  encrypted = false;
  #real: Ffi | null = null;

  /** From now on calls are counted, and the one fails. */
  arm(fault: Fault | null): void {
    this.#fault = fault;
    this.#counts = new Map();
    this.#spared = new Set(this.#alive.keys());
    this.fired = 0;
    this.problems = [];
  }

  /** Nothing fails any more, but a connection that is broken stays so. Gives how often each call was made. */
  disarm(): ReadonlyMap<string, number> {
    const counts = this.#counts;
    this.#fault = null;
    this.#counts = new Map();
    return counts;
  }

  get books(): Books {
    const count = (kind: string) => [...this.#alive.values()].filter((other) => other === kind).length;
    return {
      easy: count("easy"),
      multi: count("multi"),
      slist: count("slist"),
      zlib: count("zlib"),
      files: this.#files,
      descriptors: this.#descriptors.size,
      memory: this.#memory.size,
      timers: this.#timers.size,
    };
  }

  /** A call of `name` is made: in which way is it to fail, if at all? */
  called(name: string, allowed: (kind: string) => boolean = () => true): string | null {
    const fault = this.#fault;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    if (count === RUNAWAY) this.problems.push(`${name} was called ${RUNAWAY} times: a loop without end`);
    if (fault === null || fault.name !== name || !(fault.lasting ? count >= fault.n : count === fault.n)) return null;
    if (!allowed(fault.kind)) return null;
    this.fired++;
    return fault.kind;
  }

  breakConnection(easy: Pointer, direction: "send" | "recv" | "end"): void {
    const key = this.#address(easy);
    const broken = this.#broken.get(key) ?? new Set();
    this.#broken.set(key, broken.add(direction));
  }

  unwakeable(multi: Pointer): Pointer {
    if (!isNull(multi)) this.#unwakeable.add(this.#address(multi));
    return multi;
  }

  #address(pointer: Pointer): bigint {
    return isNull(pointer) ? 0n : this.#real!.address(pointer);
  }

  /** These functions, and they throw when it is their turn to fail. */
  #throwing<Name extends string, Of extends Record<Name, unknown>>(real: Of, ...names: Name[]): Pick<Of, Name> {
    const throwing = names.map((name) => {
      const call = real[name] as (...args: unknown[]) => unknown;
      return [name, (...args: unknown[]) => {
        if (this.called(name) !== null) throw THROWS[name]!();
        return call(...args);
      }];
    });
    return Object.fromEntries(throwing) as Pick<Of, Name>;
  }

  /** An FFI whose calls can fail. */
  aroundFfi(real: Ffi, { defer }: Runtime): Ffi {
    this.#real = real;
    const throwing = this.#throwing(real, "callback", "createPoller");
    return {
      ...real,
      open: <Table extends SymbolTable>(path: string, table: Table): Symbols<Table> => {
        if (this.called("open") !== null) throw THROWS.open!();
        const symbols = real.open(path, table) as Record<string, CCall>;
        return Object.fromEntries(
          Object.keys(table).map((name) => [name, this.#wrap(name, symbols[name]!)]),
        ) as unknown as Symbols<Table>;
      },
      callback: (parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Callback => {
        // Nothing may be thrown into C: Bun lets it pass through libcurl's frames.
        const guarded = (...args: never[]) => {
          try {
            return fn(...args);
          } catch (error) {
            this.problems.push(`a callback from C threw ${error}`);
            return 0;
          }
        };
        return throwing.callback(parameters, result, guarded);
      },
      createPoller: (path: string, take: TakeFunction | null): Poller => {
        const poller = throwing.createPoller(path, take);
        const { standing } = poller;
        const fail = (done: PollDone) => defer(() => done(-1, new Error("torture: the poll failed")));
        return {
          standing: standing === null ? null : {
            start: (...args) => standing.start(...args),
            isStanding: () => standing.isStanding(),
            next: (done) => this.called("StandingPoll.next") === null ? standing.next(done) : fail(done),
            cancel: () => standing.cancel(),
          },
          poll: (multi, fds, count, milliseconds, done) => {
            if (this.called("Poller.poll") === null) poller.poll(multi, fds, count, milliseconds, done);
            else fail(done);
          },
          ref: () => poller.ref(),
          unref: () => poller.unref(),
          stop: (wake) => poller.stop(wake),
          close: () => poller.close(),
        };
      },
    };
  }

  /** A runtime whose calls can fail. */
  aroundRuntime(real: Runtime): Runtime {
    return {
      ...real,
      ...this.#throwing(real, "sha1", "hash", "copy", "utf8"),
      checkpoint: () => this.called("checkpoint") === null && real.checkpoint(),
      openBell: (fd, onRing, onClosed) => {
        const kind = this.called("openBell");
        if (kind === "throws") throw new Error("torture: no such descriptor can be read");
        const bell = kind === "null" ? null : real.openBell(fd, onRing, onClosed);
        if (bell === null) return null;
        const close = () => {
          if (this.#descriptors.delete(fd)) bell.close();
        };
        // Somebody else closes it.
        if (kind === "closes") {
          real.defer(() => {
            if (!this.#descriptors.has(fd)) return;
            close();
            onClosed();
          });
        }
        return { ref: () => bell.ref(), unref: () => bell.unref(), close };
      },
      setTimer: (fn: () => void, milliseconds: number): Timer => {
        const timer = real.setTimer(() => {
          this.#timers.delete(around);
          fn();
        }, milliseconds);
        const around: Timer = {
          clear: () => {
            this.#timers.delete(around);
            timer.clear();
          },
          ref: () => timer.ref(),
          unref: () => timer.unref(),
        };
        this.#timers.add(around);
        return around;
      },
    };
  }

  #wrap(name: string, real: CCall): CCall {
    const failures = FAILURES[name];
    if (failures === undefined && !(name in CANNOT_FAIL)) this.unknown.add(name);
    return (...args) => {
      const misused = this.#misuse(name, args);
      if (misused !== null) return misused;
      const broken = this.#afterwards(name, args);
      if (broken !== null) return broken;
      const kind = this.called(name, (kind) => this.#allows(name, kind, args));
      const result = kind === null ? real(...args) : failures![kind]!(real, args, this);
      this.#book(name, args, result);
      return result;
    };
  }

  #allows(name: string, kind: string, [handle]: CArgument[]): boolean {
    if (name !== "curl_easy_recv" && name !== "curl_easy_send") return true;
    if (this.#spared.has(this.#address(handle as Pointer))) return false;
    return !(name === "curl_easy_recv" && kind === "again" && this.encrypted);
  }

  /** What a connection that was broken before gives. */
  #afterwards(name: string, [handle, , , count]: CArgument[]): number | null {
    if (name === "curl_multi_wakeup") {
      return this.#unwakeable.has(this.#address(handle as Pointer)) ? CURLM_WAKEUP_FAILURE : null;
    }
    if (name !== "curl_easy_recv" && name !== "curl_easy_send") return null;
    const broken = this.#broken.get(this.#address(handle as Pointer));
    if (broken === undefined) return null;
    if (name === "curl_easy_send") return broken.has("send") ? CURLE_SEND_ERROR : null;
    if (broken.has("recv")) return CURLE_RECV_ERROR;
    if (!broken.has("end")) return null;
    (count as Uint8Array).fill(0);
    return 0;
  }

  /** A handle that is used or freed after it was freed: noted, and not passed to C, which would crash. */
  #misuse(name: string, [first, second, third]: CArgument[]): unknown {
    if (
      !/^(curl_easy_(?!init|strerror|option)|curl_multi_(?!init)|curl_share_(?!init)|setopt|getinfo|multi_setopt|share_setopt)/
        .test(name)
    ) {
      return null;
    }
    for (const handle of name.endsWith("_handle") ? [first, second] : [first]) {
      if (this.#alive.has(this.#address(handle as Pointer))) continue;
      this.problems.push(`${name} was given a handle that is not there${isNull(handle as Pointer) ? ": NULL" : ""}`);
      return name.startsWith("curl_multi_") ? CURLM_BAD_HANDLE : CURLE_BAD_FUNCTION_ARGUMENT;
    }
    if (name !== "curl_easy_send") return null;
    // TLS may have encrypted some of it: the same bytes have to come again.
    const key = this.#address(first as Pointer), before = this.#retries.get(key);
    const { buffer, byteOffset } = second as Uint8Array;
    if (
      before !== undefined &&
      (before.buffer !== buffer || before.offset !== byteOffset || before.length !== Number(third))
    ) {
      this.problems.push("after EAGAIN, curl_easy_send was given other bytes than before");
    }
    return null;
  }

  #book(name: string, [first, second, third, fourth]: CArgument[], result: unknown): void {
    const made = (kind: "easy" | "multi" | "share" | "slist") => {
      const key = this.#address(result as Pointer);
      if (key !== 0n) this.#alive.set(key, kind);
      this.#broken.delete(key);
      this.#retries.delete(key);
    };
    switch (name) {
      case "curl_easy_init":
        return made("easy");
      case "curl_multi_init":
        return made("multi");
      case "curl_share_init":
        return made("share");
      case "curl_share_cleanup":
        if (result !== 0) this.problems.push("curl_share_cleanup of one that is in use");
        return void this.#alive.delete(this.#address(first as Pointer));
      case "curl_slist_append":
        if (isNull(first as Pointer)) made("slist");
        return;
      case "curl_easy_cleanup":
      case "curl_multi_cleanup":
      case "curl_slist_free_all":
        this.#unwakeable.delete(this.#address(first as Pointer));
        return void this.#alive.delete(this.#address(first as Pointer));
      case "curl_easy_send": {
        const key = this.#address(first as Pointer), { buffer, byteOffset } = second as Uint8Array;
        if (result === CURLE_AGAIN) this.#retries.set(key, { buffer, offset: byteOffset, length: Number(third) });
        else this.#retries.delete(key);
        return;
      }
      case "inflateInit2_":
      case "deflateInit2_":
        if (result === 0) this.#alive.set(this.#address(first as Pointer), "zlib");
        return;
      case "inflateEnd":
      case "deflateEnd":
        if (!this.#alive.delete(this.#address(first as Pointer))) {
          this.problems.push(`${name} was given a stream that is not there`);
        }
        return;
      case "dup":
      case "memfd_create":
      case "epoll_create1":
      case "kqueue":
      case "io_uring_setup":
        if (Number(result) >= 0) this.#descriptors.add(Number(result));
        return;
      case "socketpair": {
        if (result !== 0) return;
        const pair = new Int32Array(this.#real!.view(fourth as Pointer, 8).slice().buffer);
        for (const fd of pair) this.#descriptors.add(fd);
        return;
      }
      case "mmap":
        if (this.#address(result as Pointer) < 2n ** 63n) this.#memory.add(this.#address(result as Pointer));
        return;
      case "close":
        if (!this.#descriptors.delete(Number(first))) this.problems.push(`close() of a descriptor that is not ours`);
        return;
      case "fopen":
      case "opendir":
        if (!isNull(result as Pointer)) this.#files++;
        return;
      case "fclose":
      case "closedir":
        return void this.#files--;
      case "calloc":
        if (!isNull(result as Pointer)) this.#memory.add(this.#address(result as Pointer));
        return;
      case "munmap":
      case "free":
        if (!isNull(first as Pointer) && !this.#memory.delete(this.#address(first as Pointer))) {
          this.problems.push(`${name}() of memory that is not ours`);
        }
    }
  }
}
