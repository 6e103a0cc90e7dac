/** The primitives of `src/platform/runtime.ts` on Bun. */
import { createHash } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import { isMainThread } from "node:worker_threads";
import type { Runtime, Timer } from "../src/platform/runtime.ts";
import { openBunBell } from "./bun_bell.ts";

const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bun. */
export function createBunRuntime(): Runtime {
  // Not imported, so that this file loads on Deno too, and `mod.ts` needs no top-level await: with one, a Worker that
  // imports it may miss messages that were posted before it was ready.
  const { drainMicrotasks } = process.getBuiltinModule("bun:jsc") as typeof import("bun:jsc");
  const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice(from: number, to: number): string };
  return {
    name: "bun",
    os: process.platform === "win32"
      ? "windows"
      : process.platform === "linux" || process.platform === "darwin"
      ? process.platform
      : "other",
    arch: process.arch === "x64" || process.arch === "arm64" ? process.arch : "other",
    env: (name: string): string | undefined => process.env[name],

    latin1: (bytes: Uint8Array, from: number, to: number): string => latin1Slice.call(bytes, from, to),
    copy: ({ buffer, byteOffset }: Uint8Array, from: number, to: number): ArrayBuffer =>
      buffer.slice(byteOffset + from, byteOffset + to) as ArrayBuffer,
    buffer: (bytes: ArrayBuffer): Uint8Array<ArrayBuffer> => Buffer.from(bytes) as Uint8Array<ArrayBuffer>,
    utf8: (bytes: Uint8Array): string => fatal.decode(bytes),

    sha1: (text: string): string => createHash("sha1").update(text).digest("base64"),
    hash: (algorithm, bytes) => createHash(algorithm).update(bytes).digest("hex"),

    checkpoint(): boolean {
      // It works inside a microtask as well.
      drainMicrotasks();
      return true;
    },

    defer: (fn: () => void): void => void setImmediate(fn),

    // When the whole process ends, the system closes everything; `--watch` starts a new one.
    onThreadEnd(fn: () => void): void {
      if (!isMainThread) process.on("exit", fn);
    },

    openBell: openBunBell,
    channel,

    setTimer(fn: () => void, milliseconds: number): Timer {
      const timer = setTimeout(fn, milliseconds);
      return { clear: () => clearTimeout(timer), ref: () => void timer.ref(), unref: () => void timer.unref() };
    },
  };
}
