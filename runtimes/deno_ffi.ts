/** The primitives of `src/platform/ffi.ts` on Deno. */
import type { Callback, CType, Ffi, Pointer, Poller, Symbols, SymbolTable } from "../src/platform/ffi.ts";
import { DenoPoller } from "./deno_poller.ts";

type DenoPointer = Deno.PointerValue;

const native = (pointer: Pointer): DenoPointer => pointer as unknown as DenoPointer;
const opaque = (pointer: DenoPointer): Pointer => pointer as unknown as Pointer;

function viewOf(pointer: Pointer): Deno.UnsafePointerView {
  const value = native(pointer);
  if (value === null) throw new TypeError("cannot read C memory at NULL");
  return new Deno.UnsafePointerView(value);
}

/** Calling C on Deno. */
export function createDenoFfi(): Ffi {
  return {
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

    callback(parameters: readonly CType[], result: CType, fn: (...args: never[]) => number): Callback {
      const definition = { parameters, result } as unknown as Deno.UnsafeCallbackDefinition;
      const callback = new Deno.UnsafeCallback(definition, fn as unknown as Deno.UnsafeCallbackFunction);
      return { pointer: opaque(callback.pointer), close: () => callback.close() };
    },

    createPoller(libraryPath: string): Poller {
      return new DenoPoller(libraryPath);
    },
  };
}
