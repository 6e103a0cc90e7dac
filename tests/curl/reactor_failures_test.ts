/** What the reactor does when something fails: a source, the poll, a wake-up, the kernel's queue. */
import { assertEquals } from "@std/assert";
import type { CurlWebSocketError } from "../../mod.ts";
import "../../mod.ts";
import { CURL_WAIT_POLLIN } from "../../src/curl/constants.ts";
import { READABLE } from "../../src/reactor/readiness.ts";
import { type Ffi, ffi, type Pointer, type PollDone, type Poller, setFfi } from "../../src/platform/ffi.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import { Reactor, type Source } from "../../src/reactor/reactor.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** A poll that a test ends. */
class TestPoller implements Poller {
  #out: { fds: Pointer; count: number; done: PollDone } | null = null;
  polls = 0;

  poll(_multi: Pointer, fds: Pointer, count: number, _milliseconds: number, done: PollDone): void {
    this.polls++;
    this.#out = { fds, count, done };
  }

  get isOut(): boolean {
    return this.#out !== null;
  }

  /** The poll returns `code`; these sockets are ready. */
  end(ready: number[] = [], code = 0): void {
    const { fds, count, done } = this.#out!;
    this.#out = null;
    const bytes = count === 0 ? new Uint8Array() : ffi().view(fds, count * 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += 8) {
      if (ready.includes(view.getInt32(at, true))) view.setInt16(at + 6, CURL_WAIT_POLLIN, true);
    }
    done(code);
  }

  ref(): void {}
  unref(): void {}
  close(): void {}
}

/** What a source was told. */
class TestSource implements Source {
  readonly events: string[] = [];
  readonly #onReady: () => void;

  constructor(onReady: () => void = () => {}) {
    this.#onReady = onReady;
  }

  onReady(fd: number): boolean {
    this.events.push(`ready ${fd}`);
    this.#onReady();
    return false;
  }

  onReactorError({ code }: CurlWebSocketError): void {
    this.events.push(code);
  }
}

/** Runs `body` with another FFI in the place of the real one. */
async function withFfi(change: (real: Ffi) => Partial<Ffi>, body: () => Promise<void>): Promise<void> {
  const real = ffi();
  setFfi({ ...real, ...change(real) });
  try {
    await body();
  } finally {
    setFfi(real);
  }
}

/** Reactors whose polls the test ends. */
function withPollers(body: (make: (curl?: Curl) => { reactor: Reactor; poller: TestPoller }) => Promise<void>) {
  let poller: TestPoller;
  return withFfi(() => ({ createPoller: () => poller = new TestPoller() }), () =>
    body((curl = loadCurl()) => {
      const reactor = new Reactor(curl), idle = new TestSource();
      // What keeps it open.
      reactor.attach(idle);
      return { reactor, poller };
    }));
}

/** A turn of the event loop, and what was deferred before. */
function task(): Promise<void> {
  return new Promise((resolve) => runtime().defer(() => runtime().defer(resolve)));
}

// Numbers of no descriptor: nothing asks the kernel about them.
const FIRST = 50_001, SECOND = 50_002;

test("a source that throws is told, and the others of its turn have theirs", () =>
  withPollers(async (make) => {
    const { reactor, poller } = make();
    const bad = new TestSource(() => {
      throw new Error("a fault");
    });
    const good = new TestSource();
    for (const [fd, source] of [[FIRST, bad], [SECOND, good]] as const) {
      reactor.attach(source);
      reactor.watch(fd, source, READABLE);
    }
    poller.end();
    poller.end([FIRST, SECOND]);
    assertEquals(bad.events, [`ready ${FIRST}`, "ERR_INTERNAL"]);
    assertEquals(good.events, [`ready ${SECOND}`]);
    await task();
    poller.end([FIRST, SECOND]);
    assertEquals(bad.events.length, 2);
    assertEquals(good.events, [`ready ${SECOND}`, `ready ${SECOND}`]);
    assertEquals([reactor.connections, reactor.sockets], [2, 1]);
  }));

test("no turn begins inside the turn of another reactor", () =>
  withPollers(async (make) => {
    const one = make(), other = make();
    const order: string[] = [];
    const second = new TestSource(() => order.push("second"));
    const first = new TestSource(() => {
      order.push("first");
      // A handler's microtask, which the checkpoint at the end of the step runs: so Bun's polls may come.
      queueMicrotask(() => {
        order.push("the other's poll returns");
        other.poller.end([SECOND]);
        order.push("the handler ends");
      });
    });
    one.reactor.attach(first);
    one.reactor.watch(FIRST, first, READABLE);
    other.reactor.attach(second);
    other.reactor.watch(SECOND, second, READABLE);
    // The sockets woke them.
    one.poller.end();
    other.poller.end();
    const done = new Promise<void>((resolve) =>
      runtime().defer(() => {
        one.poller.end([FIRST]);
        order.push("the turn ends");
        resolve();
      })
    );
    await done;
    await task();
    assertEquals(order, ["first", "the other's poll returns", "the handler ends", "the turn ends", "second"]);
  }));

test("an error of the poll ends all sources, is not tried again, and leaves the way free for new ones", () =>
  withPollers(async (make) => {
    const { reactor, poller } = make();
    const source = new TestSource();
    reactor.attach(source);
    reactor.watch(FIRST, source, READABLE);
    let closed = 0;
    reactor.whenUnpolled(() => closed++);
    assertEquals(closed, 0);
    const OUT_OF_MEMORY = 3;
    poller.end([], OUT_OF_MEMORY);
    assertEquals(closed, 1);
    await task();
    assertEquals(source.events, ["ERR_LIBCURL"]);
    assertEquals([reactor.connections, reactor.sockets, poller.polls, poller.isOut], [0, 0, 1, false]);
    reactor.attach(source);
    reactor.watch(FIRST, source, READABLE);
    poller.end();
    poller.end([FIRST]);
    assertEquals(source.events, ["ERR_LIBCURL", `ready ${FIRST}`]);
  }));

test("a wake-up that fails ends all sources, and closes their sockets though the poll is out", async () => {
  const real = loadCurl();
  let fails = false;
  const wakeup = (multi: Pointer) => fails ? 1 : real.curl_multi_wakeup(multi);
  const curl = { ...real, curl_multi_wakeup: wakeup } as Curl;
  await withPollers(async (make) => {
    const { reactor } = make(curl);
    const source = new TestSource();
    reactor.attach(source);
    let closed = 0;
    fails = true;
    reactor.whenUnpolled(() => closed++);
    await task();
    assertEquals(source.events, ["ERR_LIBCURL"]);
    reactor.whenUnpolled(() => closed++);
    assertEquals(closed, 2);
    let refused: unknown;
    try {
      reactor.attach(source);
    } catch (error) {
      refused = error;
    }
    assertEquals((refused as CurlWebSocketError).code, "ERR_LIBCURL");
  });
});

test(
  "polls that find nothing, over and over, are spaced; a socket that somebody else closed is told",
  () =>
    withPollers(async (make) => {
      const { reactor, poller } = make();
      const source = new TestSource();
      reactor.attach(source);
      reactor.watch(FIRST, source, READABLE);
      poller.end();
      for (let poll = 0; poll < 100; poll++) poller.end();
      assertEquals(poller.isOut, false);
      // The socket is none, and that is what its connection is told.
      assertEquals(source.events, ["ERR_CONNECTION_LOST"]);
      await task();
    }),
  { skip: runtime().os === "windows" ? "there is no poll(2)" : undefined },
);

/** Twenty connections in a process where calls of epoll fail: `fails` is a function of the name, the arguments and the count. */
async function echoWithout(fails: string): Promise<void> {
  await using server = await WsServer.start();
  const module = new URL("../../src/platform/ffi.ts", import.meta.url).href;
  const output = await runScript(
    server.url("/echo"),
    `const { ffi, setFfi } = await import(${JSON.stringify(module)});
    const { default: process } = await import("node:process");
    const fails = ${fails};
    const real = ffi(), calls = {};
    let failures = 0;
    const around = (symbols, name) => (...args) => {
      calls[name] = (calls[name] ?? 0) + 1;
      if (!fails(name, args, calls[name])) return symbols[name](...args);
      failures++;
      return -1;
    };
    setFfi({ ...real, open(path, table) {
      const symbols = real.open(path, table);
      if (!("epoll_ctl" in table)) return symbols;
      return Object.fromEntries(Object.keys(table).map((name) => [name, around(symbols, name)]));
    } });
    const sockets = Array.from({ length: 20 }, () => new CurlWebSocket(url));
    const next = (socket, type) => new Promise((resolve, reject) => {
      socket["on" + type] = resolve;
      socket.onclose = reject;
    });
    await Promise.all(sockets.map((socket) => next(socket, "open")));
    let right = 0;
    for (let round = 0; round < 3; round++) {
      const answers = sockets.map((socket) => next(socket, "message"));
      sockets.forEach((socket, i) => socket.send(round + " " + i));
      (await Promise.all(answers)).forEach(({ data }, i) => right += data === round + " " + i ? 1 : 0);
    }
    console.log(right, failures > 0);
    process.exit();`,
  );
  assertEquals(output, "60 true");
}

const skip = runtime().os === "linux" ? undefined : "there is no epoll";
test(
  "where no epoll can be made, the array serves twenty sockets",
  () => echoWithout('(name) => name === "epoll_create1"'),
  { skip },
);
test(
  "where epoll takes no socket, the array serves them",
  () => echoWithout('(name, [, op]) => name === "epoll_ctl" && op === 1'),
  { skip },
);
test(
  "where epoll takes no fifteenth socket, the array serves them from there on",
  () => echoWithout('(name, [, op], call) => name === "epoll_ctl" && op === 1 && call > 14'),
  { skip },
);
