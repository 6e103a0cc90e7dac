/** The primitives of `src/platform/runtime.ts` on Deno. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import type {
  Callback,
  CType,
  Pointer,
  PollDone,
  Poller,
  Runtime,
  Symbols,
  SymbolTable,
  Timer,
} from "../src/platform/runtime.ts";
import { oncePerLibrary } from "../src/platform/once.ts";

type DenoPointer = Deno.PointerValue;

const native = (pointer: Pointer): DenoPointer => pointer as unknown as DenoPointer;
const opaque = (pointer: DenoPointer): Pointer => pointer as unknown as Pointer;

function viewOf(pointer: Pointer): Deno.UnsafePointerView {
  const value = native(pointer);
  if (value === null) throw new TypeError("cannot read C memory at NULL");
  return new Deno.UnsafePointerView(value);
}

/**
 * What has no public form. `unrefOpPromise` is what Deno's own `unref()` methods use, `runMicrotasks` what its
 * `node:process` uses between ticks. Where the one is absent, `unref()` has no effect; where the other is, each message
 * takes a turn of the event loop.
 */
interface DenoCore {
  refOpPromise?(promise: Promise<unknown>): void;
  unrefOpPromise?(promise: Promise<unknown>): void;
  runMicrotasks?(): void;
}

function core(): DenoCore {
  const deno = Deno as unknown as { internal?: symbol } & Record<symbol, { core?: DenoCore } | undefined>;
  return (deno.internal !== undefined ? deno[deno.internal]?.core : undefined) ?? {};
}

const { setImmediate } = globalThis as unknown as { setImmediate(fn: () => void): void };

const POLL = {
  curl_multi_poll: {
    parameters: ["pointer", "pointer", "u32", "i32", "pointer"],
    result: "i32",
    nonblocking: true,
  },
} as const;

const pollOf = oncePerLibrary((path) => Deno.dlopen(path, POLL).symbols.curl_multi_poll);

class DenoPoller implements Poller {
  readonly #libraryPath: string;
  #out: Promise<number> | null = null;
  #refed = true;

  constructor(libraryPath: string) {
    this.#libraryPath = libraryPath;
  }

  poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number, done: PollDone): void {
    const out = this.#out = pollOf(this.#libraryPath)(native(multi), native(fds), count, milliseconds, null);
    if (!this.#refed) core().unrefOpPromise?.(out);
    // A promise is told in a microtask. The turn of the event loop that leads out of it costs less than a microsecond.
    const settle = (code: number, error?: unknown) =>
      setImmediate(() => {
        this.#out = null;
        done(code, error);
      });
    out.then(settle, (error) => settle(-1, error ?? new Error("the call failed")));
  }

  ref(): void {
    this.#refed = true;
    if (this.#out) core().refOpPromise?.(this.#out);
  }

  unref(): void {
    this.#refed = false;
    if (this.#out) core().unrefOpPromise?.(this.#out);
  }

  close(): void {}
}

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
  const { runMicrotasks } = core();
  const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice(from: number, to: number): string };
  return {
    name: "deno",
    os: Deno.build.os === "linux" || Deno.build.os === "darwin" || Deno.build.os === "windows"
      ? Deno.build.os
      : "other",
    arch: Deno.build.arch === "x86_64" ? "x64" : Deno.build.arch === "aarch64" ? "arm64" : "other",

    env: (name: string): string | undefined => mayRead(name) ? Deno.env.get(name) : undefined,

    mayCallC: (): boolean => Deno.permissions.requestSync({ name: "ffi" }).state === "granted",

    open<Table extends SymbolTable>(path: string, table: Table): Symbols<Table> {
      return Deno.dlopen(path, table as unknown as Deno.ForeignLibraryInterface).symbols as unknown as Symbols<Table>;
    },

    isPermissionError(error: unknown): boolean {
      return error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied;
    },

    view(pointer: Pointer, length: number): Uint8Array {
      return new Uint8Array(viewOf(pointer).getArrayBuffer(length));
    },

    pointerAt(pointer: Pointer, offset: number): Pointer {
      return opaque(viewOf(pointer).getPointer(offset));
    },

    pointerTo(buffer: Uint8Array): Pointer {
      return opaque(Deno.UnsafePointer.of(buffer as Uint8Array<ArrayBuffer>));
    },

    address(pointer: Pointer): bigint {
      return BigInt(Deno.UnsafePointer.value(native(pointer)));
    },

    cString(pointer: Pointer): string {
      return native(pointer) === null ? "" : viewOf(pointer).getCString();
    },

    latin1(bytes: Uint8Array, from: number, to: number): string {
      return latin1Slice.call(bytes, from, to);
    },

    copy(bytes: Uint8Array, from: number, to: number): ArrayBuffer {
      return bytes.slice(from, to).buffer as ArrayBuffer;
    },

    // Deno's fatal decoder takes up to seven times as long as the other one, and only replacements have to be looked into.
    utf8(bytes: Uint8Array): string {
      const text = replacing.decode(bytes as Uint8Array<ArrayBuffer>);
      return text.includes("\uFFFD") ? fatal.decode(bytes as Uint8Array<ArrayBuffer>) : text;
    },

    sha1(text: string): Uint8Array {
      return createHash("sha1").update(text).digest();
    },
    hash(algorithm: "md5" | "sha256", bytes: Uint8Array): string {
      return createHash(algorithm).update(bytes).digest("hex");
    },

    callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Callback {
      const definition = { parameters, result } as unknown as Deno.UnsafeCallbackDefinition;
      const callback = new Deno.UnsafeCallback(definition, fn as unknown as Deno.UnsafeCallbackFunction);
      return { pointer: opaque(callback.pointer), close: () => callback.close() };
    },

    createPoller(libraryPath: string): Poller {
      return new DenoPoller(libraryPath);
    },

    checkpoint(): boolean {
      if (runMicrotasks === undefined) return false;
      runMicrotasks();
      return true;
    },

    defer(fn: () => void): void {
      setImmediate(fn);
    },

    onThreadEnd(fn: () => void): void {
      globalThis.addEventListener("unload", fn);
    },

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
