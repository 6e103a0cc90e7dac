/**
 * Calling C, as a runtime provides it: primitives only. Everything about a C library itself is shared code that is
 * written against this file, so that `runtimes/deno_ffi.ts` and `runtimes/bun_ffi.ts` stay small and alike.
 */
import { noRuntime } from "./runtime.ts";

/** An address in C memory. Opaque: an object on Deno, a number on Bun. */
export type Pointer = { readonly pointer: unique symbol } | null;

/** The C types that the symbol tables use. `buffer` is a `Uint8Array` passed by address, `i64` a C `long`. */
export type CType = "void" | "i32" | "u32" | "i64" | "usize" | "pointer" | "buffer";

/** One C function; `name` is its C name if the table's key differs. */
export interface CFunction {
  readonly name?: string;
  readonly parameters: readonly CType[];
  readonly result: CType;
}

/** A table of C functions by the name under which we call them. */
export type SymbolTable = Readonly<Record<string, CFunction>>;

/** What a call takes. */
export type CArgument = number | bigint | Pointer | Uint8Array;

/** The opened functions of a table; the table says what each takes and returns. */
export type Symbols<Table extends SymbolTable> = {
  readonly [Name in keyof Table]: (...args: CArgument[]) => Table[Name]["result"] extends "pointer" ? Pointer : number;
};

/** A C function of ours. On Deno an open one keeps two descriptors of a Worker's thread after that has ended. */
export interface Callback {
  readonly pointer: Pointer;
  /** Frees it: no C code may have its pointer any more. */
  close(): void;
}

/** Receives the `CURLMcode` that `curl_multi_poll` returned, or the error if it could not be called. */
export type PollDone = (code: number, error?: unknown) => void;

/**
 * A C function that a polling thread calls by itself after each poll, to take what it has found: it returns how much that
 * was. Addresses are `usize`.
 */
export interface TakeFunction {
  readonly library: string;
  readonly name: string;
  readonly parameters: readonly ("i32" | "usize")[];
}

/** `curl_multi_poll` on another thread, one call at a time. */
export interface Poller {
  /** Null if this runtime has no thread that could stay. */
  readonly standing: StandingPoll | null;
  /**
   * Polls `count` `curl_waitfd`s at `fds`, and calls `done` once when that is over, never inside this call: in a task,
   * or in a microtask, which another checkpoint may have run, and where `Runtime.checkpoint` returns false if it cannot
   * work. Both memories must outlive the call and not be JavaScript's: a terminated Worker frees its heap while C may
   * still write there.
   */
  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void;
  /**
   * A call that is out keeps the process alive (the default). On Bun so does the thread that waits for the next one: if
   * none is to come, {@linkcode unref}.
   */
  ref(): void;
  /** A call that is out lets the process end. */
  unref(): void;
  /**
   * Ends all use of the memory that was passed, `done` included, if that can be waited for: `wake` is to end the poll that is
   * out. It blocks this thread until the other one has answered, some 30 us. Returns false if it cannot, or has no answer.
   */
  stop(wake: () => void): boolean;
  /** Frees what it holds, or what it does not need soon. Only while no call is out; a later {@linkcode poll} works. */
  close(): void;
}

/**
 * A thread that stays in `curl_multi_poll`. What ends a poll it takes by itself, by a {@linkcode TakeFunction}; it notifies
 * this thread, and polls again. So a wait costs two wake-ups, of either thread, and not a third one to send it back to sleep.
 */
export interface StandingPoll {
  /**
   * Begins to poll the one `curl_waitfd` at `fds`, and to call the function with `take`. It goes on until
   * {@linkcode stop}; or by itself if polling fails, or ends twice in a row with nothing to take. What it is given has to
   * stay until then, and as in {@linkcode Poller.poll} may not be JavaScript's.
   */
  start(multi: Pointer, fds: Pointer, milliseconds: number, take: readonly number[]): void;
  /** Whether it polls, or will: false once it has ended by itself. */
  isStanding(): boolean;
  /**
   * Calls `done` once, never inside this call, when something is taken from now on, or when it has ended by itself: then
   * with what the poll returned. What was about to be notified by then may count too.
   */
  next(done: PollDone): void;
  /** Calls the `done` that is waited for, in a task to come; the thread sleeps on. */
  cancel(): void;
}

/** The FFI of one JavaScript runtime. */
export interface Ffi {
  /**
   * Whether the program may call C. Deno asks its user once, if it can ask; that is a question for all of it, as a list
   * of files is not enough to follow a pointer.
   */
  mayCallC(): boolean;
  /** Opens a library; throws what the runtime throws if it cannot. */
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
  /** A C function that calls `fn` on this thread, until it is closed. */
  callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Callback;
  /** The off-thread poll of one opened libcurl. One that stands takes by `take`; null if this system has no such function. */
  createPoller(libraryPath: string, take: TakeFunction | null): Poller;
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

/** A NUL-terminated copy of a string. Throws a `TypeError` if the string has a NUL inside. */
export function toCString(text: string): Uint8Array<ArrayBuffer> {
  // The text may be a password.
  if (text.includes("\0")) throw new TypeError(`a C string cannot hold NUL, as one does at ${text.indexOf("\0")}`);
  const bytes = encoder.encode(text);
  const buffer = allocate(bytes.length + 1);
  buffer.set(bytes);
  return buffer;
}

let current: Ffi | undefined;

/**
 * The FFI of the runtime that the program runs on.
 *
 * @throws {CurlWebSocketError} `ERR_RUNTIME` on any other than Deno and Bun
 */
export function ffi(): Ffi {
  if (current === undefined) throw noRuntime();
  return current;
}

/** Called once by `runtimes/mod.ts`. */
export function setFfi(value: Ffi): void {
  current = value;
}
