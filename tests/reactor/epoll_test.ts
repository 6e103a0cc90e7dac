import { assertEquals } from "@std/assert";
import "../../mod.ts";
import { openLibc } from "../../src/platform/libc.ts";
import { isOpen, readable } from "../../src/platform/descriptors.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { Epoll } from "../../src/reactor/epoll.ts";
import type { KernelQueue } from "../../src/reactor/kernel_queue.ts";
import { READABLE, WRITABLE } from "../../src/reactor/readiness.ts";
import { SocketPair } from "../support/socket_pair.ts";
import { test } from "../support/testing.ts";

const skip = runtime().os === "linux" ? undefined : "there is no epoll";

function collected(queue: KernelQueue): [number, number][] {
  const ready: [number, number][] = [];
  queue.collect((fd, events) => ready.push([fd, events]));
  return ready;
}

test("epoll tells what is ready of its sockets, as long as it is", () => {
  using one = new SocketPair();
  using other = new SocketPair();
  const queue = Epoll.create(false)!;
  assertEquals([queue.set(one.fd, READABLE), queue.set(other.fd, READABLE)], [true, true]);
  assertEquals(collected(queue), []);
  one.write();
  assertEquals(collected(queue), [[one.fd, READABLE]]);
  assertEquals(collected(queue), [[one.fd, READABLE]]);
  assertEquals(queue.set(one.fd, READABLE | WRITABLE), true);
  assertEquals(collected(queue), [[one.fd, READABLE | WRITABLE]]);
  queue.delete(one.fd);
  queue.delete(one.fd);
  assertEquals(collected(queue), []);
  // An end is told to who waits to read, and to who waits to write.
  other.closePeer();
  assertEquals(collected(queue), [[other.fd, READABLE | WRITABLE]]);
  queue.close();
}, { skip });

test("epoll takes a number that was closed and opened again", () => {
  const first = new SocketPair();
  const queue = Epoll.create(false)!;
  queue.set(first.fd, READABLE);
  first[Symbol.dispose]();
  using second = new SocketPair();
  assertEquals([second.fd, queue.set(second.fd, READABLE)], [first.fd, true]);
  second.write();
  assertEquals(collected(queue), [[second.fd, READABLE]]);
  queue.close();
}, { skip });

test("epoll takes no number of no descriptor, and a closed queue tells nothing", () => {
  using pair = new SocketPair();
  const queue = Epoll.create(false)!;
  assertEquals(queue.set(123_456, READABLE), false);
  queue.set(pair.fd, READABLE);
  pair.write();
  queue.close();
  queue.close();
  assertEquals(collected(queue), []);
}, { skip });

/** Takes what has passed the gate, as a thread does that stands there. Returns how much that was. */
function take(queue: KernelQueue): number {
  const { epoll_wait } = openLibc({
    epoll_wait: { parameters: ["i32", "usize", "i32", "i32"], result: "i32" },
  });
  return epoll_wait(...queue.gate!.take);
}

test("a gate lets one event through each time it is opened, of what is ready then or later", () => {
  using one = new SocketPair();
  using other = new SocketPair();
  const queue = Epoll.create(true)!, gate = queue.gate!;
  const passes = () => readable([gate.fd]).length === 1;
  queue.set(one.fd, READABLE);
  queue.set(other.fd, READABLE);
  for (let round = 0; round < 3; round++) {
    gate.open();
    assertEquals([passes(), take(queue)], [false, 0]);
    one.write();
    assertEquals([passes(), take(queue)], [true, 1]);
    // Closed: neither what is still ready nor what comes now passes it. The queue tells all of it.
    other.write();
    assertEquals([passes(), take(queue), collected(queue).length], [false, 0, 2]);
    one.read();
    gate.open();
    assertEquals([passes(), take(queue), collected(queue)], [true, 1, [[other.fd, READABLE]]]);
    other.read();
    assertEquals(passes(), false);
  }
  // Open, it lets nothing through that is no longer ready.
  gate.open();
  one.write();
  one.read();
  assertEquals([passes(), take(queue)], [false, 0]);
  queue.close();
  assertEquals([isOpen(gate.fd), gate.open()], [false, false]);
}, { skip });

test("a gate that is open lets an end through, but none of a socket that is not waited for", () => {
  using pair = new SocketPair();
  const queue = Epoll.create(true)!;
  queue.set(pair.fd, READABLE);
  queue.delete(pair.fd);
  queue.gate!.open();
  pair.closePeer();
  assertEquals(take(queue), 0);
  queue.set(pair.fd, READABLE);
  assertEquals(take(queue), 1);
  queue.close();
}, { skip });
