import { assert, assertEquals } from "@std/assert";
import "../../mod.ts";
import { isOpen } from "../../src/platform/descriptors.ts";
import { PollBell } from "../../src/platform/poll_bell.ts";
import { runtime, setRuntime } from "../../src/platform/runtime.ts";
import { noBell } from "../support/bell.ts";
import { runScript } from "../support/script.ts";
import { SocketPair } from "../support/socket_pair.ts";
import { test } from "../support/testing.ts";

const skip = noBell();

/** A bell, and a promise of its next ring. */
function bench() {
  let onRing = () => {};
  const bell = PollBell.open(() => onRing(), () => {})!;
  return { bell, next: () => new Promise<void>((resolve) => onRing = resolve), [Symbol.dispose]: () => bell.close() };
}

test("it rings in a task of its own, for each poll once, of what is ready or will be", async () => {
  using pair = new SocketPair();
  using it = bench();
  for (let round = 0; round < 500; round++) {
    const rung = it.next();
    if (round % 2 === 0) pair.write();
    assert(it.bell.poll(pair.fd));
    if (round % 2 === 1) pair.write();
    await rung;
    pair.read();
  }
}, { skip });

test("what it calls runs microtasks, or says that it cannot", async () => {
  using pair = new SocketPair();
  const ran: boolean[] = [], could: boolean[] = [];
  let rung = () => {};
  const bell = PollBell.open(() => {
    let done = false;
    queueMicrotask(() => done = true);
    could.push(runtime().checkpoint());
    ran.push(done);
    rung();
  }, () => {})!;
  pair.write();
  for (let round = 0; round < 3; round++) {
    const promise = new Promise<void>((resolve) => rung = resolve);
    bell.poll(pair.fd);
    await promise;
  }
  bell.close();
  assertEquals(ran, could);
}, { skip });

test("after close() nothing is called, and to close twice is no harm", async () => {
  using pair = new SocketPair();
  let called = 0;
  const bell = PollBell.open(() => called++, () => called++)!;
  bell.poll(pair.fd);
  pair.write();
  bell.close();
  bell.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([called, bell.poll(pair.fd)], [0, false]);
}, { skip });

test("a bell that is unref'ed lets the process end, one that is ref'ed does not", async () => {
  const module = JSON.stringify(new URL("../../src/platform/poll_bell.ts", import.meta.url).href);
  const run = (refed: boolean) =>
    runScript(
      "",
      `const { PollBell } = await import(${module});
      const bell = PollBell.open(() => {}, () => {});
      bell.setRef(${!refed});
      bell.setRef(${refed});
      const timer = setTimeout(() => { console.log("alive"); bell.close(); }, 100);
      if (globalThis.Deno) Deno.unrefTimer(timer); else timer.unref();`,
    );
  assertEquals(await run(true), "alive");
  assertEquals(await run(false), "");
}, { skip });

test("a runtime that reads no descriptor, and says so by null or an error, has no bell, and keeps none", () => {
  const real = runtime(), asked: number[] = [];
  const refusals = [() => null, () => {
    throw new Error("unsupported");
  }];
  try {
    for (const refuse of refusals) {
      setRuntime({ ...real, openBell: (fd) => (asked.push(fd), refuse()) });
      assertEquals(PollBell.open(() => {}, () => {}), null);
    }
  } finally {
    setRuntime(real);
  }
  assertEquals([asked.length, asked.filter(isOpen)], [skip === undefined ? 2 : 0, []]);
});
