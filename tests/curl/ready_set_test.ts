import { assertEquals } from "@std/assert";
import "../../mod.ts";
import { CURL_WAIT_POLLIN, CURL_WAIT_POLLOUT } from "../../src/curl/constants.ts";
import { READABLE, WRITABLE } from "../../src/reactor/readiness.ts";
import { ffi } from "../../src/platform/ffi.ts";
import { ArraySet } from "../../src/reactor/ready_set.ts";
import { test } from "../support/testing.ts";

test("the array lays out curl_waitfds, grows, and reads back what was ready", () => {
  const set = new ArraySet();
  for (let fd = 100; fd < 140; fd++) set.set(fd, fd % 2 ? READABLE : READABLE | WRITABLE);
  set.delete(100);
  const { fds, count } = set.prepare();
  assertEquals(count, 39);
  const bytes = ffi().view(fds, count * 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  assertEquals(view.getInt32(0, true), 101);
  assertEquals(view.getInt16(4, true), CURL_WAIT_POLLIN);
  assertEquals(view.getInt16(12, true), CURL_WAIT_POLLIN | CURL_WAIT_POLLOUT);
  view.setInt16(8 * 5 + 6, CURL_WAIT_POLLOUT, true);
  const ready: [number, number][] = [];
  set.collect((fd, events) => ready.push([fd, events]));
  assertEquals(ready, [[106, WRITABLE]]);
});
