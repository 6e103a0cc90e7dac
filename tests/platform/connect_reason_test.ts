import { assertEquals } from "@std/assert";
import "../../runtimes/mod.ts";
import { type ConnectReason, connectReason } from "../../src/platform/connect_reason.ts";
import { type Runtime, runtime, setRuntime } from "../../src/platform/runtime.ts";
import { test } from "../support/testing.ts";

/** The reason on another system. */
function reasonOn(os: Runtime["os"], errno: number): ConnectReason | null {
  const real = runtime();
  setRuntime({ ...real, os });
  try {
    return connectReason(errno);
  } finally {
    setRuntime(real);
  }
}

test("each system has its own number for a reason", () => {
  const numbers: [ConnectReason, linux: number, darwin: number, windows: number][] = [
    ["refused", 111, 61, 10061],
    ["timedOut", 110, 60, 10060],
    ["noHost", 113, 65, 10065],
    ["noNetwork", 101, 51, 10051],
    ["forbidden", 13, 13, 10013],
    ["noLocal", 99, 49, 10049],
    ["noFiles", 24, 24, 10024],
    ["reset", 104, 54, 10054],
  ];
  for (const [reason, linux, darwin, windows] of numbers) {
    assertEquals(reasonOn("linux", linux), reason);
    assertEquals(reasonOn("darwin", darwin), reason);
    // The BSDs count as macOS does.
    assertEquals(reasonOn("other", darwin), reason);
    assertEquals(reasonOn("windows", windows), reason);
  }
});

test("0, a number that is not known, and one of another system, have none", () => {
  for (const os of ["linux", "darwin", "windows", "other"] as const) {
    for (const errno of [0, -1, 9999]) assertEquals(reasonOn(os, errno), null, `${os} ${errno}`);
  }
  assertEquals([reasonOn("linux", 10061), reasonOn("linux", 61), reasonOn("windows", 111)], [null, null, null]);
});
