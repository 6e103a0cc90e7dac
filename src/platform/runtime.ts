/**
 * What a runtime must provide: primitives only. Everything about libcurl itself is shared code that is written against
 * this file, so that `runtimes/deno.ts` and `runtimes/bun.ts` stay small and alike.
 */

import { CurlWebSocketError } from "../errors.ts";

/** An address in C memory. Opaque: an object on Deno, a number on Bun. */
export type Pointer = { readonly pointer: unique symbol } | null;

/** The C types that the symbol table uses. `buffer` is a `Uint8Array` passed by address, `i64` a C `long`. */
export type CType = "void" | "i32" | "u32" | "i64" | "usize" | "pointer" | "buffer";

/** One C function; `name` is its C name where the table's key differs. */
export interface CFunction {
  readonly name?: string;
  readonly parameters: readonly CType[];
  readonly result: CType;
}

/** A table of C functions by the name under which we call them. */
export type SymbolTable = Readonly<Record<string, CFunction>>;

/** What a call takes. */
export type CArgument = number | bigint | Pointer | Uint8Array;

/** The opened functions of a table; what each takes and gives stands in the table. */
export type Symbols<Table extends SymbolTable> = {
  readonly [Name in keyof Table]: (...args: CArgument[]) => Table[Name]["result"] extends "pointer" ? Pointer : number;
};

/** A C function of ours. On Deno an open one keeps two descriptors of a Worker's thread when that has ended. */
export interface Callback {
  readonly pointer: Pointer;
  /** Frees it: no C code may have its pointer any more. */
  close(): void;
}

/** A timer that can let the process end while it runs. */
export interface Timer {
  clear(): void;
  ref(): void;
  unref(): void;
}

/** What the other thread tells: the `CURLMcode` that `curl_multi_poll` returned, or why it could not be called. */
export type PollDone = (code: number, error?: unknown) => void;

/** `curl_multi_poll` on another thread, one call at a time. */
export interface Poller {
  /**
   * Polls `count` `curl_waitfd`s at `fds`, and calls `done` once when that is over, never inside this call: in a task,
   * where {@linkcode Runtime.checkpoint} can work, or in a microtask that another checkpoint may have run. Both memories
   * must outlive the call and not be JavaScript's: a terminated Worker frees its heap while C may still write there.
   */
  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void;
  /** A call that is out keeps the process alive (the default). */
  ref(): void;
  /** A call that is out lets the process end. */
  unref(): void;
  /** Frees what it holds, or what it does not need soon. Only while no call is out; a later {@linkcode poll} works. */
  close(): void;
}

/** A channel of `node:diagnostics_channel`. */
export interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** One JavaScript runtime. */
export interface Runtime {
  readonly name: "deno" | "bun";
  readonly os: "linux" | "darwin" | "windows" | "other";
  readonly arch: "x64" | "arm64" | "other";
  /** An environment variable, or undefined where it is unset or may not be read. Never prompts. */
  env(name: string): string | undefined;
  /**
   * Whether the program may call C. Deno asks its user once, where it can ask; that is a question for all of it, as a
   * list of files is not enough to follow a pointer.
   */
  mayCallC(): boolean;
  /** Opens a library; throws what the runtime throws when it cannot. */
  open<Table extends SymbolTable>(path: string, table: Table): Symbols<Table>;
  /** Whether an error of {@linkcode open} means that the user has not allowed FFI. */
  isPermissionError(error: unknown): boolean;
  /** C memory as bytes, not a copy. The caller knows how long it lives. */
  view(pointer: Pointer, length: number): Uint8Array;
  /** The pointer that is stored at an offset in C memory. */
  pointerAt(pointer: Pointer, offset: number): Pointer;
  /** The address of a buffer that was allocated by {@linkcode allocate}. */
  pointerTo(buffer: Uint8Array): Pointer;
  /** A pointer as a number, to store it in a structure. */
  address(pointer: Pointer): bigint;
  /** The text of a NUL-terminated C string, empty for NULL. */
  cString(pointer: Pointer): string;
  /** `bytes[from..to)` as Latin-1. */
  latin1(bytes: Uint8Array, from: number, to: number): string;
  /** A copy of `bytes[from..to)`. */
  copy(bytes: Uint8Array, from: number, to: number): ArrayBuffer;
  /** Bytes as UTF-8, with a byte order mark, if there is one; throws a `TypeError` where they are not. */
  utf8(bytes: Uint8Array): string;
  /** The SHA-1 of ASCII text; Web Crypto's costs a thread hop. */
  sha1(text: string): Uint8Array;
  /** A hash in hexadecimal; Web Crypto has no MD5. */
  hash(algorithm: "md5" | "sha256", bytes: Uint8Array): string;
  /** A C function that calls `fn` on this thread, until it is closed. */
  callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Callback;
  /** The off-thread poll of one opened libcurl. */
  createPoller(libraryPath: string): Poller;
  /**
   * Runs all microtasks that wait, as a runtime does between two tasks. Returns false where it cannot: then the caller
   * has to {@linkcode defer} what follows. To be called from a task of the event loop, not from a microtask.
   */
  checkpoint(): boolean;
  /** Runs `fn` in a task of its own, after the event loop has had a turn. */
  defer(fn: () => void): void;
  setTimer(fn: () => void, milliseconds: number): Timer;
  /**
   * Calls `fn` when this thread's JavaScript is about to end though the process may go on, as where Deno starts a
   * program anew (`--watch`). A Worker that is terminated is not told.
   */
  onThreadEnd(fn: () => void): void;
  /** The channel of that name. */
  channel(name: string): Channel;
}

/** Reports what was thrown where nobody can catch it, in a task of its own: as the runtime reports any uncaught error. */
export function reportLater(error: unknown): void {
  runtime().defer(() => {
    throw error;
  });
}

/** Whether a pointer is NULL, on either runtime. */
export function isNull(pointer: Pointer): boolean {
  return pointer === null || (pointer as unknown) === 0;
}

/**
 * Bytes whose address stays the same as long as they are referenced. `new Uint8Array(n)` will not do: V8 keeps up to 64
 * bytes inside its moving heap, and JavaScriptCore copies small arrays when `.buffer` is first read.
 */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

const encoder = new TextEncoder();

/** A NUL-terminated copy of a string. Throws a `TypeError` where the string has a NUL inside. */
export function toCString(text: string): Uint8Array<ArrayBuffer> {
  // The text may be a password.
  if (text.includes("\0")) throw new TypeError(`a C string cannot hold NUL, as one does at ${text.indexOf("\0")}`);
  const bytes = encoder.encode(text);
  const buffer = allocate(bytes.length + 1);
  buffer.set(bytes);
  return buffer;
}

/** The name of a runtime that is not known here, as it calls itself. */
function whereAmI(): string {
  const { process, navigator } = globalThis as { process?: { version?: string }; navigator?: { userAgent?: string } };
  return process?.version === undefined ? navigator?.userAgent ?? "this runtime" : `Node ${process.version}`;
}

let current: Runtime | undefined;

/** The runtime that the program runs on. */
export function runtime(): Runtime {
  if (current === undefined) {
    throw new CurlWebSocketError("ERR_RUNTIME", `curlws runs on Deno and on Bun, not on ${whereAmI()}`);
  }
  return current;
}

/** Called once by `runtimes/mod.ts`. */
export function setRuntime(value: Runtime): void {
  current = value;
}
