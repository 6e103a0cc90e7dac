import { assertEquals } from "@std/assert";
import "../../runtimes/mod.ts";
import {
  closeDescriptor,
  closeOnExec,
  halfClose,
  hasUnread,
  isInherited,
  isOpen,
  lowestFree,
  readable,
} from "../../src/platform/descriptors.ts";
import { allocate } from "../../src/platform/ffi.ts";
import { openLibc } from "../../src/platform/libc.ts";
import { once } from "../../src/platform/once.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { test as register } from "../support/testing.ts";

const windows = runtime().os === "windows" ? "there are no descriptors" : undefined;
const test = (name: string, body: () => void, skip = windows) => register(name, body, { skip });

const libc = once(() =>
  openLibc({
    // int socketpair(int domain, int type, int protocol, int sv[2])
    socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
    // ssize_t read(int, void *, size_t)
    read: { parameters: ["i32", "buffer", "usize"], result: "i64" },
    // ssize_t write(int, const void *, size_t)
    write: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  })
);

const buffer = allocate(16);
const write = (fd: number, count: number) => Number(libc().write(fd, buffer, count));
const read = (fd: number) => Number(libc().read(fd, buffer, buffer.length));

/** Two sockets that are connected to each other, closed behind the body. */
function withPair(body: (one: number, other: number) => void): void {
  const AF_UNIX = 1, SOCK_STREAM = 1;
  const fds = allocate(8);
  assertEquals(libc().socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  const [one, other] = new Int32Array(fds.buffer) as unknown as [number, number];
  try {
    body(one, other);
  } finally {
    for (const fd of [one, other]) if (isOpen(fd)) closeDescriptor(fd);
  }
}

test("a descriptor is open until it is closed", () =>
  withPair((one, other) => {
    assertEquals([isOpen(one), isOpen(other)], [true, true]);
    closeDescriptor(one);
    assertEquals([isOpen(one), isOpen(other)], [false, true]);
  }));

test("numbers of no descriptor are not open, and not inherited", () => {
  for (const fd of [-1, 1_000_000]) assertEquals([isOpen(fd), isInherited(fd)], [false, false]);
});

test("closeOnExec keeps one descriptor from child processes", () =>
  withPair((one, other) => {
    closeOnExec(one);
    assertEquals([isInherited(one), isInherited(other)], [false, true]);
    closeOnExec(one);
    assertEquals(isInherited(one), false);
  }));

test("halfClose ends one direction, behind what was sent", () =>
  withPair((one, other) => {
    write(one, 5);
    halfClose(one);
    assertEquals([read(other), read(other)], [5, 0]);
    assertEquals([write(other, 3), read(one)], [3, 3]);
  }));

test("readable tells those that have something to read, and those whose other end is closed", () =>
  withPair((one, other) =>
    withPair((third, fourth) => {
      assertEquals(readable([one, other, third, fourth]), []);
      write(one, 1);
      write(fourth, 1);
      assertEquals(readable([one, other, third, fourth]), [other, third]);
      read(third);
      assertEquals(readable([third, other]), [other]);
      assertEquals(readable([]), []);
    })
  ));

test("hasUnread: the other end has yet to read what was written", () =>
  withPair((one, other) => {
    assertEquals(hasUnread(one), false);
    write(one, 4);
    assertEquals([hasUnread(one), hasUnread(other)], [true, false]);
    read(other);
    assertEquals(hasUnread(one), false);
  }), runtime().os === "linux" ? undefined : "only Linux tells");

test("lowestFree gives as many numbers as are asked for, in order, and leaves them free", () => {
  const fds = lowestFree(6);
  assertEquals(fds.length, 6);
  assertEquals([...new Set(fds)].sort((a, b) => a - b), fds);
  assertEquals(fds.filter(isOpen), []);
  assertEquals(lowestFree(0), []);
});
