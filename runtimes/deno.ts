/** The primitives of `src/curl/ffi.ts` on Deno. */
import type { CType, Pointer, Poller, Runtime, Symbols, SymbolTable, Timer } from "../src/curl/ffi.ts";

type DenoPointer = Deno.PointerValue;

const native = (pointer: Pointer): DenoPointer => pointer as unknown as DenoPointer;
const opaque = (pointer: DenoPointer): Pointer => pointer as unknown as Pointer;

function viewOf(pointer: Pointer): Deno.UnsafePointerView {
  const value = native(pointer);
  if (value === null) throw new TypeError("cannot read C memory at NULL");
  return new Deno.UnsafePointerView(value);
}

/**
 * Deno has no public way to let the process end while a nonblocking FFI call is out; `unrefOpPromise` is what its own
 * `unref()` methods use. Where it is absent, `unref()` has no effect.
 */
interface DenoCore {
  refOpPromise?(promise: Promise<unknown>): void;
  unrefOpPromise?(promise: Promise<unknown>): void;
}

function core(): DenoCore {
  const deno = Deno as unknown as { internal?: symbol } & Record<symbol, { core?: DenoCore } | undefined>;
  return (deno.internal !== undefined ? deno[deno.internal]?.core : undefined) ?? {};
}

class DenoPoller implements Poller {
  readonly #call: (multi: DenoPointer, fds: DenoPointer, count: number, ms: number, n: DenoPointer) => Promise<number>;
  #out: Promise<number> | null = null;
  #refed = true;

  constructor(libraryPath: string) {
    const library = Deno.dlopen(libraryPath, {
      curl_multi_poll: {
        parameters: ["pointer", "pointer", "u32", "i32", "pointer"],
        result: "i32",
        nonblocking: true,
      },
    });
    this.#call = library.symbols.curl_multi_poll;
  }

  async poll(multi: Pointer, fds: Pointer, count: number, milliseconds: number): Promise<number> {
    this.#out = this.#call(native(multi), native(fds), count, milliseconds, null);
    if (!this.#refed) core().unrefOpPromise?.(this.#out);
    try {
      return await this.#out;
    } finally {
      this.#out = null;
    }
  }

  ref(): void {
    this.#refed = true;
    if (this.#out) core().refOpPromise?.(this.#out);
  }

  unref(): void {
    this.#refed = false;
    if (this.#out) core().unrefOpPromise?.(this.#out);
  }
}

/** Deno. */
export const createDenoRuntime = (): Runtime => ({
  name: "deno",
  os: Deno.build.os === "linux" || Deno.build.os === "darwin" || Deno.build.os === "windows" ? Deno.build.os : "other",
  arch: Deno.build.arch === "x86_64" ? "x64" : Deno.build.arch === "aarch64" ? "arm64" : "other",

  env(name: string): string | undefined {
    const { state } = Deno.permissions.querySync({ name: "env", variable: name });
    return state === "granted" ? Deno.env.get(name) : undefined;
  },

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

  callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Pointer {
    const definition = { parameters, result } as unknown as Deno.UnsafeCallbackDefinition;
    return opaque(new Deno.UnsafeCallback(definition, fn as unknown as Deno.UnsafeCallbackFunction).pointer);
  },

  createPoller(libraryPath: string): Poller {
    return new DenoPoller(libraryPath);
  },

  defer(fn: () => void): void {
    (globalThis as unknown as { setImmediate(fn: () => void): void }).setImmediate(fn);
  },

  setTimer(fn: () => void, milliseconds: number): Timer {
    const id = setTimeout(fn, milliseconds) as unknown as number;
    return {
      clear: () => clearTimeout(id),
      ref: () => Deno.refTimer(id),
      unref: () => Deno.unrefTimer(id),
    };
  },
});
