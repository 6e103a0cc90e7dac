/** The thread that sleeps in `curl_multi_poll` for Bun. It runs for as long as its creator's thread. */
import { dlopen, type Pointer } from "bun:ffi";

const ARMED = 0, ANSWERED = 1;

const scope = globalThis as unknown as {
  onmessage(event: MessageEvent<{ libraryPath: string; words: Int32Array; call: Float64Array }>): void;
  postMessage(message: string): void;
};

scope.onmessage = (event: MessageEvent<{ libraryPath: string; words: Int32Array; call: Float64Array }>) => {
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
    symbols.curl_multi_poll(multi, fds, count, milliseconds, null);
    Atomics.store(words, ANSWERED, turn);
    Atomics.notify(words, ANSWERED);
  }
};
