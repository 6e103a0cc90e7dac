/** The primitives of `src/platform/runtime.ts` on Deno. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import type { Runtime, Timer } from "../src/platform/runtime.ts";
import { openDenoBell } from "./deno_bell.ts";
import { denoCore, inMicrotask } from "./deno_core.ts";

const { setImmediate } = globalThis as unknown as { setImmediate(fn: () => void): void };

/** How long a variable that may not be read is not asked about again, ms: each connection looks at up to seven of them. */
const REFUSAL_HOLDS = 1000;

/** What is known of the permission to read the environment, all of it and by variable. */
let everything: Deno.PermissionStatus | undefined;
const variables = new Map<string, { status: Deno.PermissionStatus; askedAt: number }>();

/**
 * Whether a variable may be read, without a prompt. A query takes 2 to 3 us, and many sockets are opened at once, so the
 * statuses are kept: Deno changes one when its own permission is revoked or requested. What is granted by name is
 * queried each time, as revoking the permission for all of the environment takes it away and leaves its status as it is.
 */
function mayRead(name: string): boolean {
  everything ??= Deno.permissions.querySync({ name: "env" });
  if (everything.state === "denied") return false;
  const known = variables.get(name), now = performance.now();
  if (known !== undefined) {
    // Only `--deny-env=NAME` takes one out of all, and that holds as long as the process.
    if (everything.state === "granted") return known.status.state !== "denied";
    if (known.status.state !== "granted" && now - known.askedAt < REFUSAL_HOLDS) return false;
  }
  const status = Deno.permissions.querySync({ name: "env", variable: name });
  variables.set(name, { status, askedAt: now });
  return status.state === "granted";
}

const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const replacing = new TextDecoder("utf-8", { ignoreBOM: true });

/** Deno. */
export function createDenoRuntime(): Runtime {
  const { runMicrotasks } = denoCore();
  const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice(from: number, to: number): string };
  return {
    name: "deno",
    os: Deno.build.os === "linux" || Deno.build.os === "darwin" || Deno.build.os === "windows"
      ? Deno.build.os
      : "other",
    arch: Deno.build.arch === "x86_64" ? "x64" : Deno.build.arch === "aarch64" ? "arm64" : "other",

    env: (name: string): string | undefined => mayRead(name) ? Deno.env.get(name) : undefined,

    latin1(bytes: Uint8Array, from: number, to: number): string {
      return latin1Slice.call(bytes, from, to);
    },

    copy(bytes: Uint8Array, from: number, to: number): ArrayBuffer {
      return bytes.slice(from, to).buffer as ArrayBuffer;
    },

    buffer: (bytes: ArrayBuffer): Uint8Array<ArrayBuffer> => Buffer.from(bytes) as Uint8Array<ArrayBuffer>,

    // Deno's fatal decoder takes up to seven times as long as the other one, and only replacements have to be looked into.
    utf8(bytes: Uint8Array): string {
      const text = replacing.decode(bytes as Uint8Array<ArrayBuffer>);
      return text.includes("\uFFFD") ? fatal.decode(bytes as Uint8Array<ArrayBuffer>) : text;
    },

    sha1(text: string): string {
      return createHash("sha1").update(text).digest("base64");
    },
    hash(algorithm: "md5" | "sha1" | "sha256", bytes: Uint8Array): string {
      return createHash(algorithm).update(bytes).digest("hex");
    },

    checkpoint(): boolean {
      if (runMicrotasks === undefined || inMicrotask.isTrue) return false;
      runMicrotasks();
      return true;
    },

    defer(fn: () => void): void {
      setImmediate(fn);
    },

    onThreadEnd(fn: () => void): void {
      globalThis.addEventListener("unload", fn);
    },

    openBell: openDenoBell,
    channel,

    setTimer(fn: () => void, milliseconds: number): Timer {
      const id = setTimeout(fn, milliseconds) as unknown as number;
      return {
        clear: () => clearTimeout(id),
        ref: () => Deno.refTimer(id),
        unref: () => Deno.unrefTimer(id),
      };
    },
  };
}
