/** The off-thread poll on Deno. */
import type { Pointer, PollDone, Poller } from "../src/platform/ffi.ts";
import { oncePerLibrary } from "../src/platform/once.ts";
import { denoCore } from "./deno_core.ts";

const native = (pointer: Pointer): Deno.PointerValue => pointer as unknown as Deno.PointerValue;

const { setImmediate } = globalThis as unknown as { setImmediate(fn: () => void): void };

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
  #refed = true;

  constructor(libraryPath: string) {
    this.#libraryPath = libraryPath;
  }

  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void {
    const out = this.#out = pollOf(this.#libraryPath)(native(multi), native(fds), count, milliseconds, null);
    if (!this.#refed) denoCore().unrefOpPromise?.(out);
    // A promise calls back in a microtask. The turn of the event loop that leads out of it costs less than a microsecond.
    const settle = (code: number, error?: unknown) =>
      setImmediate(() => {
        this.#out = null;
        done(code, error);
      });
    out.then(settle, (error) => settle(-1, error ?? new Error("the call failed")));
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
