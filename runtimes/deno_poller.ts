/** The off-thread poll on Deno. */
import type { Pointer, PollDone, Poller } from "../src/platform/ffi.ts";
import { oncePerLibrary } from "../src/platform/once.ts";
import { denoCore, inMicrotask } from "./deno_core.ts";

const native = (pointer: Pointer): Deno.PointerValue => pointer as unknown as Deno.PointerValue;

const POLL = {
  curl_multi_poll: {
    parameters: ["pointer", "pointer", "u32", "i32", "pointer"],
    result: "i32",
    nonblocking: true,
  },
} as const;

const pollOf = oncePerLibrary((path) => Deno.dlopen(path, POLL).symbols.curl_multi_poll);

/** Deno calls `curl_multi_poll` on a thread of its own pool. */
export class DenoPoller implements Poller {
  /**
   * A call that returns is all that the pool's threads can do. A Worker could stay, but takes 30 ms to start and 15 MiB,
   * cannot be unref'ed, and gains a fifth on a busy machine and nothing on a quiet one.
   */
  readonly standing: null = null;
  readonly #libraryPath: string;
  #out: Promise<number> | null = null;
  /** Who waits for it. */
  #done: PollDone | null = null;
  #refed = true;

  constructor(libraryPath: string) {
    this.#libraryPath = libraryPath;
  }

  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void {
    const out = this.#out = pollOf(this.#libraryPath)(native(multi), native(fds), count, milliseconds, null);
    if (!this.#refed) denoCore().unrefOpPromise?.(out);
    this.#done = done;
    out.then(this.#onReturned, this.#onFailed);
  }

  // A promise calls back in a microtask. To leave it by `setImmediate` would cost a tenth of all that a message costs.
  readonly #onReturned = (code: number): void => this.#settle(code);

  readonly #onFailed = (error: unknown): void => this.#settle(-1, error ?? new Error("the call failed"));

  #settle(code: number, error?: unknown): void {
    const done = this.#done!;
    this.#out = null;
    inMicrotask.isTrue = true;
    try {
      done(code, error);
    } finally {
      inMicrotask.isTrue = false;
    }
  }

  ref(): void {
    this.#refed = true;
    if (this.#out) denoCore().refOpPromise?.(this.#out);
  }

  unref(): void {
    this.#refed = false;
    if (this.#out) denoCore().unrefOpPromise?.(this.#out);
  }

  /** The end of a call is told by a task, so it cannot be waited for. */
  stop(): boolean {
    return this.#out === null;
  }

  close(): void {}
}
