/**
 * The thread that sleeps in `curl_multi_poll` for Bun. Its source travels as text: as a file of its own it would be
 * missing from a bundle and from a compiled program, where only modules that are imported go. It starts no slower.
 */
import type { Pointer } from "bun:ffi";
import type { TakeFunction } from "../src/platform/ffi.ts";

/** What the thread receives first: the library, its other function, and two pieces of shared memory. */
export interface PollThreadStart {
  readonly libraryPath: string;
  readonly take: TakeFunction | null;
  /** Five words: see {@linkcode pollThread}. */
  readonly words: Int32Array;
  /**
   * The arguments of the poll: multi, fds, count, milliseconds; 1 if it is to stand, else 0; those of the other function.
   * Addresses have 48 bits, so a double holds one.
   */
  readonly call: Float64Array;
}

/**
 * Runs until it is terminated, or its creator's thread ends. Names nothing of this module: only its own text gets there.
 *
 * It polls when `ARMED` is another number than before, and writes that one into `PARKED` when it no longer does and its
 * arguments may go. `EVENTS` is one more for each time that something was taken, and when it parks, with a result in
 * `CODE`. While `STOP` is 1, the end of a poll is the last.
 */
function pollThread(): void {
  const ARMED = 0, EVENTS = 1, PARKED = 2, CODE = 3, STOP = 4;
  const { dlopen } = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  const scope = globalThis as unknown as {
    onmessage(event: MessageEvent<PollThreadStart>): void;
    postMessage(message: string): void;
  };
  scope.onmessage = (event) => {
    const { libraryPath, take, words, call } = event.data;
    const { symbols: { curl_multi_poll } } = dlopen(libraryPath, {
      curl_multi_poll: { args: ["ptr", "ptr", "u32", "i32", "ptr"], returns: "i32" },
    });
    const takeReady = take === null ? () => 0 : dlopen(take.library, {
      [take.name]: { args: take.parameters, returns: "i32" },
    }).symbols[take.name] as unknown as (...args: number[]) => number;
    scope.postMessage("started");
    for (let turn = 0;;) {
      Atomics.wait(words, ARMED, turn);
      const armed = Atomics.load(words, ARMED);
      if (armed === turn) continue;
      turn = armed;
      const [multi, fds, count, milliseconds, stands, ...args] = call as unknown as [Pointer, Pointer, ...number[]];
      let code = 0;
      // Somebody else may take what has ended a poll. Twice in a row, it may be the beginning of a busy loop: whoever
      // waits is to decide.
      for (let empty = 0; empty < 2;) {
        code = curl_multi_poll(multi, fds, count!, milliseconds!, null);
        if (code !== 0 || stands === 0 || Atomics.load(words, STOP) === 1) break;
        if (takeReady(...args) <= 0) {
          empty++;
          continue;
        }
        empty = 0;
        Atomics.add(words, EVENTS, 1);
        Atomics.notify(words, EVENTS);
      }
      Atomics.store(words, CODE, code);
      Atomics.store(words, PARKED, turn);
      if (Atomics.load(words, STOP) === 1) Atomics.notify(words, PARKED);
      Atomics.add(words, EVENTS, 1);
      Atomics.notify(words, EVENTS);
    }
  };
}

/** A Worker that runs it. */
export function startPollWorker(): Worker {
  const url = URL.createObjectURL(new Blob([`(${pollThread})();`], { type: "text/javascript" }));
  const worker = new Worker(url, { name: "curlws poll" });
  worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  return worker;
}
