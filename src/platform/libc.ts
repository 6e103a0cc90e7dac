/** The C library: finding it, and opening its functions. */
import { CurlWebSocketError } from "../errors.ts";
import { ffi, type Symbols, type SymbolTable } from "./ffi.ts";
import { runtime } from "./runtime.ts";

function names(): string[] {
  const { os, arch } = runtime();
  if (os === "darwin") return ["libSystem.B.dylib"];
  if (os === "windows") return ["ucrtbase.dll", "msvcrt.dll"];
  return [
    "libc.so.6",
    arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1",
    "libdl.so.2",
    "libc.so.7",
  ];
}

let opened: string | undefined;

/** The name under which the C library was last opened here: another thread of the process can open it by that. */
export function libcName(): string {
  return opened ?? names()[0]!;
}

/** Opens functions of the C library. */
export function openLibc<Table extends SymbolTable>(table: Table): Symbols<Table> {
  let cause: unknown;
  for (const name of names()) {
    try {
      const symbols = ffi().open(name, table);
      opened = name;
      return symbols;
    } catch (error) {
      if (ffi().isPermissionError(error)) {
        throw new CurlWebSocketError(
          "ERR_FFI_PERMISSION",
          `opening ${name} is not allowed: run the program without --deny-ffi for it`,
          { cause: error },
        );
      }
      cause = error;
    }
  }
  throw new CurlWebSocketError("ERR_LIBCURL_NOT_FOUND", `no C library found; tried ${names().join(", ")}`, { cause });
}
