/** The primitives of `src/platform/ffi.ts` on Bun. */
import type { FFIFunction, Pointer as Address } from "bun:ffi";
import type {
  Callback,
  CFunction,
  CType,
  Ffi,
  Pointer,
  Poller,
  Symbols,
  SymbolTable,
  TakeFunction,
} from "../src/platform/ffi.ts";
import { BunPoller } from "./bun_poller.ts";

const BUN_TYPES: Record<CType, FFIFunction["returns"]> = {
  void: "void",
  i32: "i32",
  u32: "u32",
  i64: "i64",
  usize: "usize",
  pointer: "ptr",
  buffer: "ptr",
};

const native = (pointer: Pointer): Address => pointer as unknown as Address;
const opaque = (address: Address | null): Pointer => address as unknown as Pointer;

function definition({ parameters, result }: CFunction): FFIFunction {
  return { args: parameters.map((type) => BUN_TYPES[type]!), returns: BUN_TYPES[result]! } as FFIFunction;
}

/** Calling C on Bun. */
export function createBunFfi(): Ffi {
  // Not imported, so that this file loads on Deno too, and `mod.ts` needs no top-level await: with one, a Worker that
  // imports it may miss messages that were posted before it was ready.
  const ffi = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  return {
    mayCallC: (): boolean => true,

    open<Table extends SymbolTable>(path: string, table: Table): Symbols<Table> {
      // Bun knows a function by its C name alone: a second signature of the same function needs a second dlopen.
      const rounds: Record<string, { key: string; fn: CFunction }>[] = [];
      for (const [key, fn] of Object.entries(table)) {
        const name = fn.name ?? key;
        let round = rounds.find((names) => !(name in names));
        if (round === undefined) rounds.push(round = {});
        round[name] = { key, fn };
      }
      const symbols: Record<string, unknown> = {};
      for (const round of rounds) {
        const definitions = Object.fromEntries(Object.entries(round).map(([name, { fn }]) => [name, definition(fn)]));
        const library = ffi.dlopen(path, definitions);
        for (const [name, { key }] of Object.entries(round)) symbols[key] = library.symbols[name];
      }
      return symbols as Symbols<Table>;
    },

    isPermissionError: (): boolean => false,
    view: (pointer: Pointer, length: number): Uint8Array =>
      new Uint8Array(ffi.toArrayBuffer(native(pointer), 0, length)),
    pointerAt: (pointer: Pointer, offset: number): Pointer => opaque(ffi.read.ptr(native(pointer), offset) as Address),
    pointerTo: (buffer: Uint8Array): Pointer => opaque(ffi.ptr(buffer)),
    address: (pointer: Pointer): bigint => BigInt(native(pointer)),
    cString: (pointer: Pointer): string => pointer === null ? "" : String(new ffi.CString(native(pointer))),

    callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Callback {
      const callback = new ffi.JSCallback(fn as (...args: unknown[]) => number, definition({ parameters, result }));
      return { pointer: opaque(callback.ptr), close: () => callback.close() };
    },

    createPoller: (libraryPath: string, take: TakeFunction | null): Poller => new BunPoller(libraryPath, take),
  };
}
