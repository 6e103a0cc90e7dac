/** The primitives of `src/platform/runtime.ts` on Bun. */
import { createHash } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import { isMainThread } from "node:worker_threads";
import type { FFIFunction, Pointer as Address } from "bun:ffi";
import type {
  Callback,
  CFunction,
  CType,
  Pointer,
  PollDone,
  Poller,
  Runtime,
  Symbols,
  SymbolTable,
  Timer,
} from "../src/platform/runtime.ts";
import { startPollWorker } from "./bun_poll_worker.ts";

const BUN_TYPES: Record<CType, FFIFunction["returns"]> = {
  void: "void",
  i32: "i32",
  u32: "u32",
  i64: "i64",
  usize: "usize",
  pointer: "ptr",
  buffer: "ptr",
};

const native = (pointer: Pointer): Address => pointer as unknown as Address;
const opaque = (address: Address | null): Pointer => address as unknown as Pointer;

function definition({ parameters, result }: CFunction): FFIFunction {
  return { args: parameters.map((type) => BUN_TYPES[type]!), returns: BUN_TYPES[result]! } as FFIFunction;
}

/** The words that the main thread and the poll's Worker share. */
const ARMED = 0, ANSWERED = 1, CODE = 2;

/**
 * How long a Worker that polls nothing is kept, ms. To start one takes 4 ms, ten times what the rest of a connection to a
 * near server takes: a program that reconnects is not to pay that each time. Deno's own pool keeps a thread as long.
 */
const KEPT = 10_000;

/** Blocks a Worker in `curl_multi_poll`; armed and answered by two counters in shared memory. */
class BunPoller implements Poller {
  readonly #libraryPath: string;
  #words: Int32Array = new Int32Array(new SharedArrayBuffer(12));
  /** The arguments of the call: multi, fds, count, milliseconds. Addresses have 48 bits, so a double holds one. */
  #call: Float64Array = new Float64Array(new SharedArrayBuffer(32));
  /** Held: Bun collects a Worker, and its thread with it, that nothing references. Null while none is needed. */
  #worker: Worker | null = null;
  #started = false;
  #refed = true;
  #turn = 0;
  /** Who waits for the call that is out. */
  #done: PollDone | null = null;
  /** Ends the Worker, unless it is needed before. */
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(libraryPath: string) {
    this.#libraryPath = libraryPath;
  }

  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#worker === null) this.#start();
    this.#call[0] = Number(multi);
    this.#call[1] = Number(fds);
    this.#call[2] = count;
    this.#call[3] = milliseconds;
    this.#done = done;
    if (this.#started) this.#arm();
  }

  #start(): void {
    const worker = this.#worker = startPollWorker();
    if (!this.#refed) this.unref();
    // A new one may not see what an old one still writes.
    this.#words = new Int32Array(new SharedArrayBuffer(12));
    this.#call = new Float64Array(new SharedArrayBuffer(32));
    this.#turn = 0;
    worker.onmessage = () => {
      if (worker !== this.#worker) return;
      this.#started = true;
      if (this.#done !== null) this.#arm();
    };
    const failed = (why: string) => worker === this.#worker && this.#fail(new Error(`the poll's Worker ${why}`));
    worker.onerror = ({ message }) => failed(`failed: ${message}`);
    worker.addEventListener("close", () => failed("ended"));
    worker.postMessage({ libraryPath: this.#libraryPath, words: this.#words, call: this.#call });
  }

  #arm(): void {
    Atomics.store(this.#words, ARMED, ++this.#turn);
    Atomics.notify(this.#words, ARMED);
    this.#await();
  }

  /** Waits for the next answer. */
  #await(): void {
    const answered = Atomics.load(this.#words, ANSWERED);
    const change = answered === this.#turn ? null : Atomics.waitAsync(this.#words, ANSWERED, answered);
    if (change?.async) change.value.then(this.#look);
    // It came just now. Were each answer so quick, microtasks would never let the event loop have its turn.
    else setImmediate(this.#look);
  }

  /**
   * The Worker stores its answer before it notifies, so a late notify of the last turn can wake this one: only the number
   * counts. Taking the wake for the answer left the counters apart, and the event loop in a busy loop.
   */
  readonly #look = (): void => {
    const done = this.#done;
    if (done === null) return;
    if (Atomics.load(this.#words, ANSWERED) !== this.#turn) return this.#await();
    this.#done = null;
    done(Atomics.load(this.#words, CODE));
  };

  #fail(error: Error): void {
    const done = this.#done;
    this.#done = null;
    this.#stop();
    done?.(-1, error);
  }

  #stop(): void {
    this.#timer = null;
    const worker = this.#worker;
    this.#worker = null;
    this.#started = false;
    worker?.terminate();
  }

  ref(): void {
    this.#refed = true;
    (this.#worker as unknown as { ref(): void } | null)?.ref();
  }

  unref(): void {
    this.#refed = false;
    (this.#worker as unknown as { unref(): void } | null)?.unref();
  }

  close(): void {
    if (this.#worker === null || this.#timer !== null) return;
    this.#timer = setTimeout(() => this.#stop(), KEPT);
    this.#timer.unref();
  }
}

const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bun. */
export function createBunRuntime(): Runtime {
  // Not imported, so that this file loads on Deno too, and `mod.ts` needs no top-level await: with one, a Worker that
  // imports it may miss messages that were posted before it was ready.
  const ffi = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  const { drainMicrotasks } = process.getBuiltinModule("bun:jsc") as typeof import("bun:jsc");
  const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice(from: number, to: number): string };
  return {
    name: "bun",
    os: process.platform === "win32"
      ? "windows"
      : process.platform === "linux" || process.platform === "darwin"
      ? process.platform
      : "other",
    arch: process.arch === "x64" || process.arch === "arm64" ? process.arch : "other",
    env: (name: string): string | undefined => process.env[name],

    mayCallC: (): boolean => true,

    open<Table extends SymbolTable>(path: string, table: Table): Symbols<Table> {
      // Bun knows a function by its C name alone: a second signature of the same function needs a second dlopen.
      const rounds: Record<string, { key: string; fn: CFunction }>[] = [];
      for (const [key, fn] of Object.entries(table)) {
        const name = fn.name ?? key;
        let round = rounds.find((names) => !(name in names));
        if (round === undefined) rounds.push(round = {});
        round[name] = { key, fn };
      }
      const symbols: Record<string, unknown> = {};
      for (const round of rounds) {
        const definitions = Object.fromEntries(Object.entries(round).map(([name, { fn }]) => [name, definition(fn)]));
        const library = ffi.dlopen(path, definitions);
        for (const [name, { key }] of Object.entries(round)) symbols[key] = library.symbols[name];
      }
      return symbols as Symbols<Table>;
    },

    isPermissionError: (): boolean => false,
    view: (pointer: Pointer, length: number): Uint8Array =>
      new Uint8Array(ffi.toArrayBuffer(native(pointer), 0, length)),
    pointerAt: (pointer: Pointer, offset: number): Pointer => opaque(ffi.read.ptr(native(pointer), offset) as Address),
    pointerTo: (buffer: Uint8Array): Pointer => opaque(ffi.ptr(buffer)),
    address: (pointer: Pointer): bigint => BigInt(native(pointer)),
    cString: (pointer: Pointer): string => pointer === null ? "" : String(new ffi.CString(native(pointer))),

    latin1: (bytes: Uint8Array, from: number, to: number): string => latin1Slice.call(bytes, from, to),
    copy: ({ buffer, byteOffset }: Uint8Array, from: number, to: number): ArrayBuffer =>
      buffer.slice(byteOffset + from, byteOffset + to) as ArrayBuffer,
    utf8: (bytes: Uint8Array): string => fatal.decode(bytes),

    sha1: (text: string): Uint8Array => createHash("sha1").update(text).digest(),
    hash: (algorithm, bytes) => createHash(algorithm).update(bytes).digest("hex"),

    callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Callback {
      const callback = new ffi.JSCallback(fn as (...args: unknown[]) => number, definition({ parameters, result }));
      return { pointer: opaque(callback.ptr), close: () => callback.close() };
    },

    createPoller: (libraryPath: string): Poller => new BunPoller(libraryPath),

    checkpoint(): boolean {
      // It works inside a microtask as well.
      drainMicrotasks();
      return true;
    },

    defer: (fn: () => void): void => void setImmediate(fn),

    // Where the whole process ends, the system closes everything; `--watch` starts a new one.
    onThreadEnd(fn: () => void): void {
      if (!isMainThread) process.on("exit", fn);
    },

    channel,

    setTimer(fn: () => void, milliseconds: number): Timer {
      const timer = setTimeout(fn, milliseconds);
      return { clear: () => clearTimeout(timer), ref: () => void timer.ref(), unref: () => void timer.unref() };
    },
  };
}
