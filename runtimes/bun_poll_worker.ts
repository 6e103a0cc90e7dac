/**
 * The thread that sleeps in `curl_multi_poll` for Bun. Its source travels as text: as a file of its own it would be
 * missing from a bundle and from a compiled program, where only modules that are imported go. It starts no slower.
 */
import type { Pointer } from "bun:ffi";

/** What the thread receives first: the library; two counters and a result (armed, returned, code); the arguments of the call. */
interface Start {
  libraryPath: string;
  words: Int32Array;
  call: Float64Array;
}

/** Runs until it is terminated, or its creator's thread ends. Names nothing of this module: only its own text gets there. */
function pollThread(): void {
  const ARMED = 0, RETURNED = 1, CODE = 2;
  const { dlopen } = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  const scope = globalThis as unknown as {
    onmessage(event: MessageEvent<Start>): void;
    postMessage(message: string): void;
  };
  scope.onmessage = (event) => {
    const { libraryPath, words, call } = event.data;
    const { symbols } = dlopen(libraryPath, {
      curl_multi_poll: { args: ["ptr", "ptr", "u32", "i32", "ptr"], returns: "i32" },
    });
    scope.postMessage("started");
    for (let turn = 0;;) {
      Atomics.wait(words, ARMED, turn);
      const armed = Atomics.load(words, ARMED);
      if (armed === turn) continue;
      turn = armed;
      const [multi, fds, count, milliseconds] = call as unknown as [Pointer, Pointer, number, number];
      Atomics.store(words, CODE, symbols.curl_multi_poll(multi, fds, count, milliseconds, null));
      Atomics.store(words, RETURNED, turn);
      Atomics.notify(words, RETURNED);
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
