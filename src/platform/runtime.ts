/**
 * What a runtime provides beside calling C (`ffi.ts`): tasks, timers, text, hashes, the environment, channels. Primitives
 * only, so that `runtimes/deno.ts` and `runtimes/bun.ts` stay small and alike.
 */
import { CurlWebSocketError } from "../errors.ts";

/** A timer that can let the process end while it runs. */
export interface Timer {
  clear(): void;
  ref(): void;
  unref(): void;
}

/** A channel of `node:diagnostics_channel`. */
export interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** A socket of which only counts that something comes. */
export interface Bell {
  /** It keeps the process alive (the default). */
  ref(): void;
  /** It lets the process end. */
  unref(): void;
  /** Closes the socket; nothing is called any more. */
  close(): void;
}

/** One JavaScript runtime. */
export interface Runtime {
  readonly name: "deno" | "bun";
  readonly os: "linux" | "darwin" | "windows" | "other";
  readonly arch: "x64" | "arm64" | "other";
  /** An environment variable, or undefined if it is unset or may not be read. Never prompts. */
  env(name: string): string | undefined;
  /** `bytes[from..to)` as Latin-1. */
  latin1(bytes: Uint8Array, from: number, to: number): string;
  /** A copy of `bytes[from..to)`. */
  copy(bytes: Uint8Array, from: number, to: number): ArrayBuffer;
  /** The bytes as a `Buffer` of Node's, without a copy. */
  buffer(bytes: ArrayBuffer): Uint8Array<ArrayBuffer>;
  /** Bytes as UTF-8, with a byte order mark, if there is one; throws a `TypeError` if they are not. */
  utf8(bytes: Uint8Array): string;
  /** The SHA-1 of ASCII text, in base64; Web Crypto's costs a thread hop. */
  sha1(text: string): string;
  /** A hash in hexadecimal; Web Crypto has no MD5, and makes the others in another task. */
  hash(algorithm: "md5" | "sha1" | "sha256", bytes: Uint8Array): string;
  /**
   * Runs all microtasks that wait, as a runtime does between two tasks. Returns false if it cannot, as in a
   * microtask on Deno: then the caller has to {@linkcode defer} what follows. In a microtask it may be called
   * only in what a poll's `done` runs.
   */
  checkpoint(): boolean;
  /** Runs `fn` in a task of its own, after the event loop has had a turn. */
  defer(fn: () => void): void;
  setTimer(fn: () => void, milliseconds: number): Timer;
  /**
   * Calls `fn` when this thread's JavaScript is about to end though the process may go on, as when Deno starts a
   * program anew (`--watch`). A Worker that is terminated does not call it.
   */
  onThreadEnd(fn: () => void): void;
  /**
   * Has the event loop read a connected socket: `onRing` is called in a task whenever something has come, which is thrown
   * away, and `onClosed` if the socket is closed by anyone else. Takes the descriptor over; or returns null or throws, if
   * this version cannot do it, and leaves it.
   */
  openBell(fd: number, onRing: () => void, onClosed: () => void): Bell | null;
  /** The channel of that name. */
  channel(name: string): Channel;
}

/** Reports what was thrown where nobody can catch it, in a task of its own: as the runtime reports any uncaught error. */
export function reportLater(error: unknown): void {
  runtime().defer(() => {
    throw error;
  });
}

/** The name of a runtime that is not known here, as it calls itself. */
function whereAmI(): string {
  const { process, navigator } = globalThis as { process?: { version?: string }; navigator?: { userAgent?: string } };
  return process?.version === undefined ? navigator?.userAgent ?? "this runtime" : `Node ${process.version}`;
}

/** The error for a program on a runtime that curlws does not run on. */
export function noRuntime(): CurlWebSocketError {
  return new CurlWebSocketError("ERR_RUNTIME", `curlws runs on Deno and on Bun, not on ${whereAmI()}`);
}

let current: Runtime | undefined;
/** Who waits for it. */
const waiting: ((runtime: Runtime) => void)[] = [];

/**
 * The runtime that the program runs on.
 *
 * @throws {CurlWebSocketError} `ERR_RUNTIME` on any other than Deno and Bun
 */
export function runtime(): Runtime {
  if (current === undefined) throw noRuntime();
  return current;
}

/** Called once by `runtimes/mod.ts`. */
export function setRuntime(value: Runtime): void {
  current = value;
  for (const use of waiting.splice(0)) use(value);
}

/** Calls `use` with the runtime as soon as it is known: at once, or in {@linkcode setRuntime}. Never on any other runtime. */
export function whenRuntime(use: (runtime: Runtime) => void): void {
  if (current === undefined) waiting.push(use);
  else use(current);
}
