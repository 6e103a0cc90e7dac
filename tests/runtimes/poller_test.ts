/** What `Poller` of `src/platform/ffi.ts` promises, on the runtime that runs this. */
import { assert, assertEquals } from "@std/assert";
import "../../mod.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { ffi, type Pointer, type Poller, type StandingPoll } from "../../src/platform/ffi.ts";
import { libcName } from "../../src/platform/libc.ts";
import { allocateNative } from "../../src/platform/native_memory.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

const CURLM_BAD_HANDLE = 1;
/** Ms: a poll of this length ends by being woken, or the test fails. */
const FOREVER = 3_600_000;

/** A poller, with a multi handle and memory for no sockets; freed when no call is out any more. */
class PollerBench {
  readonly #curl = loadCurl();
  readonly poller: Poller = ffi().createPoller(this.#curl.info.path, null);
  readonly multi: Pointer = this.#curl.curl_multi_init();
  readonly #memory = allocateNative(8);

  /** The code that a poll returns. */
  poll(milliseconds: number, multi: Pointer = this.multi): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const done = (code: number, error?: unknown) => error === undefined ? resolve(code) : reject(error);
    this.poller.poll(multi, this.#memory.pointer, 0, milliseconds, done);
    return promise;
  }

  /** Begins a poll. */
  start(milliseconds: number, done: () => void): void {
    this.poller.poll(this.multi, this.#memory.pointer, 0, milliseconds, done);
  }

  wakeUp(): void {
    assertEquals(this.#curl.curl_multi_wakeup(this.multi), 0);
  }

  [Symbol.dispose](): void {
    this.poller.close();
    this.#curl.curl_multi_cleanup(this.multi);
    this.#memory.free();
  }
}

test("a poll never resolves before curl_multi_poll has returned", async () => {
  using bench = new PollerBench();
  let early = 0;
  for (let round = 0; round < 2_000; round++) {
    // A poll that returns at once, so that its end races the next poll, which nothing wakes.
    await bench.poll(0);
    const started = performance.now();
    await bench.poll(2);
    if (performance.now() - started < 1) early++;
  }
  assert(early === 0, `${early} of 2,000 polls resolved early`);
}, { timeout: 60_000 });

test("what done runs knows whether there are checkpoints, and after it there are", async () => {
  using bench = new PollerBench();
  let ran = 0;
  const could = await new Promise<[boolean, number]>((resolve) => {
    bench.start(0, () => {
      queueMicrotask(() => ran++);
      resolve([runtime().checkpoint(), ran]);
    });
  });
  assertEquals(could, could[0] ? [true, 1] : [false, 0]);
  await new Promise<void>((resolve) =>
    runtime().defer(() => {
      queueMicrotask(() => ran++);
      assertEquals([runtime().checkpoint(), ran], [true, 2]);
      resolve();
    })
  );
});

test("done is called once, never inside the call, with what curl_multi_poll returned", async () => {
  using bench = new PollerBench();
  let inside = true, calls = 0;
  const first = bench.poll(0).then((code) => {
    calls++;
    return { code, inside };
  });
  inside = false;
  assertEquals(await first, { code: 0, inside: false });
  assertEquals(await bench.poll(0, null), CURLM_BAD_HANDLE);
  assertEquals(await bench.poll(0), 0);
  assertEquals(calls, 1);
});

test("curl_multi_wakeup ends a poll that is out, and one that comes only then", async () => {
  using bench = new PollerBench();
  for (let round = 0; round < 20; round++) {
    const out = bench.poll(FOREVER);
    bench.wakeUp();
    assertEquals(await out, 0);
    bench.wakeUp();
    assertEquals(await bench.poll(FOREVER), 0);
  }
});

test("a poller that was closed polls again", async () => {
  using bench = new PollerBench();
  for (let round = 0; round < 3; round++) {
    assertEquals(await bench.poll(0), 0);
    bench.poller.close();
    bench.poller.close();
  }
});

test("several pollers of one library do not wait for each other", async () => {
  using one = new PollerBench();
  using other = new PollerBench();
  const out = one.poll(FOREVER);
  for (let round = 0; round < 5; round++) assertEquals(await other.poll(0), 0);
  one.wakeUp();
  assertEquals(await out, 0);
});

/** What a process prints that has one call out: a poll that ends after 50 ms, or else never. */
function processWithPoll(ends: boolean, steps: string): Promise<string> {
  const [ffiModule, memoryModule, libraryModule] = ["platform/ffi", "platform/native_memory", "curl/library"]
    .map((path) => JSON.stringify(new URL(`../../src/${path}.ts`, import.meta.url).href));
  return runScript(
    "",
    `const { ffi } = await import(${ffiModule});
    const { allocateNative } = await import(${memoryModule});
    const { loadCurl } = await import(${libraryModule});
    const curl = loadCurl(), poller = ffi().createPoller(curl.info.path, null);
    const poll = (milliseconds, done) => poller.poll(curl.curl_multi_init(), allocateNative(8).pointer, 0, milliseconds, done);
    // The Worker of Bun has started by then.
    await new Promise((resolve) => poll(0, resolve));
    poll(${ends ? 50 : FOREVER}, (code) => {
      console.log("done", code);
      poller.unref();
    });
    ${steps}
    console.log("the program");`,
  );
}

test("a call that is out keeps the process alive, also when it was unref'ed and ref'ed again", async () => {
  for (const steps of ["", "poller.ref();", "poller.unref(); poller.ref();"]) {
    assertEquals(await processWithPoll(true, steps), "the program\ndone 0", steps);
  }
});

test("an unref'ed poller lets the process end while a call is out", async () => {
  for (const steps of ["poller.unref();", "poller.ref(); poller.unref();"]) {
    assertEquals(await processWithPoll(false, steps), "the program", steps);
  }
});

const { standing } = ffi().createPoller(loadCurl().info.path, null);
const skip = standing === null ? "no thread of this runtime stands" : undefined;

/** A function of the C library that a thread takes by, at no cost: `abs`, which returns as much as a test wants. */
const TAKE = { library: libcName(), name: "abs", parameters: ["i32"] } as const;

/** A poller that stands in polls without sockets, which only time and `curl_multi_wakeup` end. */
class StandingBench {
  readonly #curl = loadCurl();
  readonly poller: Poller = ffi().createPoller(this.#curl.info.path, TAKE);
  readonly standing: StandingPoll = this.poller.standing!;
  readonly multi: Pointer = this.#curl.curl_multi_init();
  readonly #memory = allocateNative(8);

  /** `descriptor` is polled, -1 for none; what ends a poll takes `taken`. */
  start(taken: number, milliseconds: number, multi: Pointer = this.multi): void {
    this.#memory.view.setInt32(0, -1, true);
    this.standing.start(multi, this.#memory.pointer, milliseconds, [taken]);
  }

  next(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.standing.next((code, error) => error === undefined ? resolve(code) : reject(error))
    );
  }

  wakeUp(): void {
    assertEquals(this.#curl.curl_multi_wakeup(this.multi), 0);
  }

  [Symbol.dispose](): void {
    assert(this.poller.stop(() => this.wakeUp()));
    this.poller.close();
    this.poller.unref();
    this.#curl.curl_multi_cleanup(this.multi);
    this.#memory.free();
  }
}

test("a thread that stands goes on by itself, and tells of each time that it took something", async () => {
  using bench = new StandingBench();
  bench.start(1, FOREVER);
  for (let round = 0; round < 50; round++) {
    const next = bench.next();
    bench.wakeUp();
    assertEquals(await next, 0);
    assert(bench.standing.isStanding());
  }
}, { skip });

test("it ends by itself when polls end twice in a row with nothing to take, or fail", async () => {
  using bench = new StandingBench();
  for (const [milliseconds, multi, code] of [[0, bench.multi, 0], [FOREVER, null, CURLM_BAD_HANDLE]] as const) {
    bench.start(0, milliseconds, multi);
    assertEquals([await bench.next(), bench.standing.isStanding()], [code, false]);
    // It has told so, and tells so again to whoever does not begin anew.
    assertEquals(await bench.next(), code);
  }
  bench.start(1, FOREVER);
  // Only what comes from then on counts, so it is asked before.
  const next = bench.next();
  bench.wakeUp();
  assertEquals([await next, bench.standing.isStanding()], [0, true]);
}, { skip });

test("one that is stopped tells nothing more, and is stopped in the same call, however often", async () => {
  using bench = new StandingBench();
  let told = 0;
  for (let round = 0; round < 200; round++) {
    bench.start(1, FOREVER);
    bench.standing.next(() => told++);
    if (round % 3 === 0) bench.wakeUp();
    assertEquals(bench.poller.stop(() => bench.wakeUp()), true);
    assertEquals(bench.poller.stop(() => assert(false, "there is nothing to wake")), true);
    assertEquals(bench.standing.isStanding(), false);
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(told, 0);
}, { skip });

test(
  "a wait that is cancelled is over, and the thread sleeps on; the next one is told of what comes then",
  async () => {
    using bench = new StandingBench();
    bench.start(1, FOREVER);
    for (let round = 0; round < 20; round++) {
      const cancelled = bench.next();
      bench.standing.cancel();
      assertEquals(await cancelled, 0);
      const next = bench.next();
      bench.wakeUp();
      assertEquals(await next, 0);
    }
  },
  { skip },
);

test("a thread that gives no answer is not waited for longer than a tenth of a second", async () => {
  using bench = new StandingBench();
  bench.start(1, FOREVER);
  const next = bench.next();
  bench.wakeUp();
  await next;
  assertEquals(bench.poller.stop(() => {}), false);
  assertEquals(bench.poller.stop(() => {}), false);
  bench.wakeUp();
  while (bench.standing.isStanding()) await new Promise((resolve) => setTimeout(resolve, 0));
}, { skip });
