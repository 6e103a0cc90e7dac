import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import "../../runtimes/mod.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import { noRuntime, runtime, setRuntime } from "../../src/platform/runtime.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

test("without a runtime, runtime() is ERR_RUNTIME, which names what it is", () => {
  const real = runtime();
  setRuntime(undefined as never);
  try {
    const error = assertThrows(runtime);
    assertInstanceOf(error, CurlWebSocketError);
    assertEquals(error.code, "ERR_RUNTIME");
  } finally {
    setRuntime(real);
  }
  assert(runtime() === real);
  assert(/^curlws runs on Deno and on Bun, not on .+/.test(noRuntime().message));
});

test("reportLater: the program goes on, and the error is uncaught in a task of its own", async () => {
  const module = JSON.stringify(new URL("../../src/platform/runtime.ts", import.meta.url).href);
  const output = await runScript(
    "",
    `const { reportLater } = await import(${module});
    const { default: process } = await import("node:process");
    const lines = [];
    process.on("uncaughtException", (error) => {
      lines.push(error.message);
      if (lines.length === 4) console.log(lines.join(", "));
    });
    reportLater(new Error("one"));
    reportLater(new Error("two"));
    lines.push("the program");
    queueMicrotask(() => lines.push("its microtask"));`,
  );
  assertEquals(output, "the program, its microtask, one, two");
});
