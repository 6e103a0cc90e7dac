import { assertEquals } from "@std/assert";
import "../../mod.ts";
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
