/** The few C library functions the ready sets need. */
import { CurlWebSocketError } from "../errors.ts";
import { type Pointer, runtime, type Symbols, type SymbolTable, toCString } from "./ffi.ts";

const MEMORY = {
  // void *calloc(size_t, size_t)
  calloc: { parameters: ["usize", "usize"], result: "pointer" },
} as const;

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

/** Opens functions of the C library. */
export function openLibc<Table extends SymbolTable>(table: Table): Symbols<Table> {
  let cause: unknown;
  for (const name of names()) {
    try {
      return runtime().open(name, table);
    } catch (error) {
      if (runtime().isPermissionError(error)) {
        throw new CurlWebSocketError(
          "ERR_FFI_PERMISSION",
          `opening ${name} is not allowed: run the program with --allow-ffi without a list of files`,
          { cause: error },
        );
      }
      cause = error;
    }
  }
  throw new CurlWebSocketError("ERR_LIBCURL_NOT_FOUND", `no C library found; tried ${names().join(", ")}`, { cause });
}

let memory: Symbols<typeof MEMORY> | undefined;

const LOADER = {
  // void *dlopen(const char *, int flags)
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
} as const;

/**
 * Holds a library in memory until the process ends. A runtime unloads what it opened when its thread's JavaScript ends,
 * and the thread that still sleeps in `curl_multi_poll` would wake in code that is gone: Deno crashed so in one of seven
 * exits with an `unref`ed socket open.
 */
export function pinLibrary(path: string): void {
  if (runtime().os === "windows") return;
  const RTLD_NOW = 2;
  openLibc(LOADER).dlopen(toCString(path), RTLD_NOW);
}

/** C memory that is never freed: a reactor's, one a thread. */
export interface NativeMemory {
  readonly pointer: Pointer;
  readonly view: DataView;
}

/** Zeroed C memory, for structures that another thread may still use when this one's JavaScript heap is gone. */
export function allocateNative(bytes: number): NativeMemory {
  const pointer = (memory ??= openLibc(MEMORY)).calloc(bytes, 1);
  const view = runtime().view(pointer, bytes);
  return { pointer, view: new DataView(view.buffer, view.byteOffset, bytes) };
}
