/** The waiter by libcurl: what it lays out for `curl_multi_poll`, and real waits, looks and wake-ups. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import "../../mod.ts";
import { CURL_WAIT_POLLIN, CURL_WAIT_POLLOUT } from "../../src/curl/constants.ts";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import { MultiWaiter } from "../../src/curl/multi_waiter.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import { ffi, type Pointer, type PollDone, type Poller, setFfi } from "../../src/platform/ffi.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { READABLE, WRITABLE } from "../../src/reactor/readiness.ts";
import type { Interests } from "../../src/reactor/waiter.ts";
import { SocketPair } from "../support/socket_pair.ts";
import { test } from "../support/testing.ts";

const skip = runtime().os === "windows" ? "there is no socketpair" : undefined;
/** The layout of 64-bit sockets is another one. */
const narrow = runtime().os === "windows" ? "sockets have 64 bits" : undefined;

function interests(...sockets: [fd: number, events: number][]): Interests {
  return new Map(sockets.map(([fd, events]) => [fd, { events }]));
}

/** What was found ready. */
function collected(waiter: MultiWaiter): [number, number][] {
  const ready: [number, number][] = [];
  waiter.collect((fd, events) => ready.push([fd, events]));
  return ready;
}

/** A poll that a test ends. */
class TestPoller implements Poller {
  readonly standing: null = null;
  fds: Pointer = null;
  count = 0;
  done: PollDone = () => {};
  refed = true;
  closed = 0;
  fails = false;

  poll(_multi: Pointer, fds: Pointer, count: number, _milliseconds: number, done: PollDone): void {
    if (this.fails) throw new Error("no thread");
    this.fds = fds;
    this.count = count;
    this.done = done;
  }

  ref(): void {
    this.refed = true;
  }

  unref(): void {
    this.refed = false;
  }

  stop(): boolean {
    return true;
  }

  close(): void {
    this.closed++;
  }

  get view(): DataView {
    const bytes = ffi().view(this.fds, this.count * 8);
    return new DataView(bytes.buffer, bytes.byteOffset);
  }
}

/** An open waiter whose polls the test ends. */
function withPoller(body: (waiter: MultiWaiter, poller: TestPoller) => void, curl: Curl = loadCurl()): void {
  const real = ffi(), poller = new TestPoller();
  setFfi({ ...real, createPoller: () => poller });
  try {
    const waiter = new MultiWaiter(curl);
    waiter.open();
    body(waiter, poller);
    waiter.close();
  } finally {
    setFfi(real);
  }
}

test(
  "it lays out curl_waitfds, makes room for more of them, and reads back what was ready",
  () =>
    withPoller((waiter, poller) => {
      for (const count of [3, 39, 12]) {
        const fds = Array.from({ length: count }, (_, i) => 100 + i);
        waiter.wait(interests(...fds.map((fd) => [fd, fd % 2 ? READABLE : WRITABLE] as [number, number])), () => {});
        assertEquals(poller.count, count);
        const { view } = poller;
        assertEquals(fds.map((_, i) => view.getInt32(i * 8, true)), fds);
        assertEquals(
          fds.map((_, i) => view.getInt16(i * 8 + 4, true)),
          fds.map((fd) => fd % 2 ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT),
        );
        assert(fds.every((_, i) => view.getInt16(i * 8 + 6, true) === 0));
        view.setInt16(6, CURL_WAIT_POLLOUT, true);
        view.setInt16(8 * 2 + 6, CURL_WAIT_POLLIN | CURL_WAIT_POLLOUT, true);
        poller.done(0);
        assertEquals(collected(waiter), [[100, WRITABLE], [102, READABLE | WRITABLE]]);
        assertEquals(collected(waiter), []);
      }
    }),
  { skip: narrow },
);

test("its poll keeps the process alive from ref() on, also one that is made later", () => {
  const poller = new TestPoller(), real = ffi();
  setFfi({ ...real, createPoller: () => poller });
  try {
    const waiter = new MultiWaiter(loadCurl());
    waiter.open();
    assertEquals(poller.refed, false);
    waiter.ref();
    assertEquals(poller.refed, true);
    waiter.close();
    poller.refed = false;
    waiter.open();
    assertEquals([poller.refed, poller.closed], [true, 1]);
    waiter.unref();
    assertEquals(poller.refed, false);
    waiter.close();
  } finally {
    setFfi(real);
  }
});

test("what a poll fails with is an error with its code, or with what was thrown", () =>
  withPoller((waiter, poller) => {
    const OUT_OF_MEMORY = 3;
    const messages: (string | undefined)[] = [];
    const wait = () => waiter.wait(interests([100, READABLE]), (error) => messages.push(error?.message));
    wait();
    poller.done(OUT_OF_MEMORY);
    wait();
    poller.done(-1, new Error("the thread ended"));
    wait();
    poller.done(0);
    poller.fails = true;
    assertThrows(wait, CurlWebSocketError, "the thread that waits in curl_multi_poll could not be used");
    assertEquals(messages, [
      "waiting for the sockets failed in curl_multi_poll (CURLMcode 3)",
      "waiting for the sockets failed in curl_multi_poll (Error: the thread ended)",
      undefined,
    ]);
  }));

test("a look or a wake-up that fails throws", () => {
  let fails = false;
  const real = loadCurl();
  const curl: Curl = {
    ...real,
    curl_multi_wakeup: (...args) => fails ? 9 : real.curl_multi_wakeup(...args),
    curl_multi_poll: (...args) => fails ? 12 : real.curl_multi_poll(...args),
  };
  withPoller((waiter) => {
    fails = true;
    assertThrows(() => waiter.wake(), CurlWebSocketError, "curl_multi_wakeup (CURLMcode 9)");
    assertThrows(() => waiter.look(interests()), CurlWebSocketError, "curl_multi_poll (CURLMcode 12)");
  }, curl);
});

test("a multi that cannot be woken is not waited for, and is freed", () => {
  const real = loadCurl();
  let made = 0, freed = 0;
  const curl: Curl = {
    ...real,
    curl_multi_init: () => {
      made++;
      return real.curl_multi_init();
    },
    curl_multi_cleanup: (multi) => {
      freed++;
      return real.curl_multi_cleanup(multi!);
    },
    curl_multi_wakeup: () => 9,
  };
  assertThrows(() => new MultiWaiter(curl).open(), CurlWebSocketError, "could not make a handle");
  assertEquals([made, freed], [1, 1]);
});

test("a look finds what is ready now", () => {
  using one = new SocketPair();
  using other = new SocketPair();
  const waiter = new MultiWaiter(loadCurl());
  waiter.open();
  const both = interests([one.fd, READABLE], [other.fd, READABLE | WRITABLE]);
  waiter.look(both);
  assertEquals(collected(waiter), [[other.fd, WRITABLE]]);
  one.write();
  waiter.look(both);
  assertEquals(collected(waiter), [[one.fd, READABLE], [other.fd, WRITABLE]]);
  waiter.close();
}, { skip });

test("a wait ends when a socket is ready, when its peer has closed, and when it is woken", async () => {
  using one = new SocketPair();
  using other = new SocketPair();
  const waiter = new MultiWaiter(loadCurl());
  waiter.open();
  waiter.ref();
  const both = interests([one.fd, READABLE], [other.fd, READABLE]);
  const wait = (then: () => void) =>
    new Promise<[number, number][]>((resolve, reject) => {
      let inside = true;
      waiter.wait(both, (error) => {
        if (error !== null) reject(error);
        else if (inside) reject(new Error("inside the call"));
        else resolve(collected(waiter));
      });
      inside = false;
      then();
    });
  for (let round = 0; round < 5; round++) {
    assertEquals(await wait(() => one.write()), [[one.fd, READABLE]]);
    assertEquals(await wait(() => {}), [[one.fd, READABLE]]);
    one.read();
    assertEquals(await wait(() => waiter.wake()), []);
  }
  const [[fd, events] = [0, 0]] = await wait(() => other.closePeer());
  assertEquals([fd, events & READABLE], [other.fd, READABLE]);
  waiter.unref();
  waiter.close();
}, { skip });
