/** The primitives of `src/curl/ffi.ts` on Bun. */
import { createHash } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import type { FFIFunction, Pointer as Address } from "bun:ffi";
import type { CFunction, CType, Pointer, Poller, Runtime, Symbols, SymbolTable, Timer } from "../src/curl/ffi.ts";
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
const ARMED = 0, ANSWERED = 1;

/** Blocks a Worker in `curl_multi_poll`; armed and answered by two counters in shared memory. */
class BunPoller implements Poller {
  readonly #libraryPath: string;
  readonly #words: Int32Array = new Int32Array(new SharedArrayBuffer(8));
  /** The arguments of the call: multi, fds, count, milliseconds. Addresses have 48 bits, so a double holds one. */
  readonly #call: Float64Array = new Float64Array(new SharedArrayBuffer(32));
  /** Held: Bun collects a Worker, and its thread with it, that nothing references. */
  readonly #worker: Worker;
  readonly #started: Promise<void>;
  #turn = 0;

  constructor(libraryPath: string) {
    this.#libraryPath = libraryPath;
    this.#worker = startPollWorker();
    this.#started = new Promise((resolve, reject) => {
      this.#worker.onmessage = () => resolve();
      this.#worker.onerror = (event) => reject(new Error(`the poll's Worker failed: ${event.message}`));
    });
  }

  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: (error?: unknown) => void): void {
    this.#poll(multi, fds, count, milliseconds).then(() => done(), done);
  }

  async #poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number): Promise<void> {
    if (this.#turn === 0) {
      this.#worker.postMessage({ libraryPath: this.#libraryPath, words: this.#words, call: this.#call });
      await this.#started;
    }
    const turn = ++this.#turn;
    this.#call.set([Number(multi), Number(fds), count, milliseconds]);
    Atomics.store(this.#words, ARMED, turn);
    Atomics.notify(this.#words, ARMED);
    // The Worker stores its answer before it notifies, so a late notify of the last turn can wake this one: only the
    // number counts. Taking the wake for the answer left the counters apart, and the event loop in a busy loop.
    for (let answered = Atomics.load(this.#words, ANSWERED); answered !== turn;) {
      const change = Atomics.waitAsync(this.#words, ANSWERED, answered);
      if (change.async) await change.value;
      answered = Atomics.load(this.#words, ANSWERED);
    }
  }

  ref(): void {
    (this.#worker as unknown as { ref(): void }).ref();
  }

  unref(): void {
    (this.#worker as unknown as { unref(): void }).unref();
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

    callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Pointer {
      const callback = new ffi.JSCallback(fn as (...args: unknown[]) => number, definition({ parameters, result }));
      return opaque(callback.ptr);
    },

    createPoller: (libraryPath: string): Poller => new BunPoller(libraryPath),

    checkpoint(): boolean {
      // It works inside a microtask as well.
      drainMicrotasks();
      return true;
    },

    defer: (fn: () => void): void => void setImmediate(fn),

    channel,

    setTimer(fn: () => void, milliseconds: number): Timer {
      const timer = setTimeout(fn, milliseconds);
      return { clear: () => clearTimeout(timer), ref: () => void timer.ref(), unref: () => void timer.unref() };
    },
  };
}
