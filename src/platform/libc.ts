/** The few C library functions that are needed. */
import { CurlWebSocketError } from "../errors.ts";
import { allocate, ffi, isNull, type Pointer, type Symbols, type SymbolTable, toCString } from "./ffi.ts";
import { runtime } from "./runtime.ts";
import { once } from "./once.ts";

const MEMORY = {
  // void *calloc(size_t, size_t)
  calloc: { parameters: ["usize", "usize"], result: "pointer" },
  // void free(void *)
  free: { parameters: ["pointer"], result: "void" },
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
      return ffi().open(name, table);
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

const FILES = {
  // FILE *fopen(const char *, const char *)
  fopen: { parameters: ["buffer", "buffer"], result: "pointer" },
  // size_t fread(void *, size_t, size_t, FILE *)
  fread: { parameters: ["buffer", "usize", "usize", "pointer"], result: "usize" },
  // int fclose(FILE *)
  fclose: { parameters: ["pointer"], result: "i32" },
} as const;

const files = once(() => openLibc(FILES));

/** How `fopen` opens: "e" is close-on-exec, which Windows does not know and does not need. */
function readMode(): Uint8Array<ArrayBuffer> {
  return toCString(runtime().os === "windows" ? "rb" : "rbe");
}

/** No bundle of certificates comes near. */
const MAX_FILE_SIZE = 32 * 1024 * 1024;

/**
 * Reads a file as libcurl would, with the rights of the process; null where it cannot be opened. For certificates that
 * are to be joined to others: libcurl takes one file.
 */
export function readFile(path: string): Uint8Array | null {
  const { fopen, fread, fclose } = files();
  const file = fopen(toCString(path), readMode());
  if (isNull(file)) return null;
  try {
    let buffer = allocate(256 * 1024), length = 0;
    while (length < MAX_FILE_SIZE) {
      if (length === buffer.length) {
        const longer = allocate(length * 2);
        longer.set(buffer);
        buffer = longer;
      }
      const read = Number(fread(buffer.subarray(length), 1, buffer.length - length, file));
      if (read === 0) break;
      length += read;
    }
    return buffer.subarray(0, length);
  } finally {
    fclose(file);
  }
}

/** Whether a file, or on Unix a folder, can be opened, and this many times at once. */
export function canOpen(path: string, times = 1): boolean {
  const { fopen, fclose } = files();
  const name = toCString(path), mode = readMode();
  const opened: Pointer[] = [];
  while (opened.length < times) {
    const file = fopen(name, mode);
    if (isNull(file)) break;
    opened.push(file);
  }
  for (const file of opened) fclose(file);
  return opened.length === times;
}

const MEMORY_FILES = {
  // int memfd_create(const char *name, unsigned flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // ssize_t write(int, const void *, size_t)
  write: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // int close(int)
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** Null where the C library has it not: glibc before 2.27. */
const memoryFiles = once(() => {
  try {
    return openLibc(MEMORY_FILES);
  } catch {
    return null;
  }
});

/** A file that is nowhere but in memory. */
export interface MemoryFile {
  /** It can be opened by this path, any number of times, until it is closed. */
  readonly path: string;
  close(): void;
}

/** Bytes as a file, for what takes no bytes; null where the system has no such files: all but Linux. */
export function memoryFile(bytes: Uint8Array): MemoryFile | null {
  if (runtime().os !== "linux") return null;
  const functions = memoryFiles();
  if (functions === null) return null;
  const { memfd_create, write, close } = functions;
  const MFD_CLOEXEC = 1;
  const fd = memfd_create(toCString("curlws"), MFD_CLOEXEC);
  if (fd < 0) return null;
  const path = `/proc/self/fd/${fd}`;
  let usable = false;
  try {
    const file = allocate(bytes.length);
    file.set(bytes);
    for (let at = 0; at < file.length;) {
      const written = Number(write(fd, file.subarray(at), file.length - at));
      if (written <= 0) return null;
      at += written;
    }
    usable = canOpen(path);
    return usable ? { path, close: () => void close(fd) } : null;
  } finally {
    // Whatever failed, memory too.
    if (!usable) close(fd);
  }
}

const memory = once(() => openLibc(MEMORY));

const LOADER = {
  // void *dlopen(const char *, int flags)
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
} as const;

const loader = once(() => openLibc(LOADER));

/**
 * Holds a library in memory until the process ends. A runtime unloads what it opened when its thread's JavaScript ends,
 * and the thread that still sleeps in `curl_multi_poll` would wake in code that is gone: Deno crashed so in one of seven
 * exits with an `unref`ed socket open.
 */
export function pinLibrary(path: string): void {
  if (runtime().os === "windows") return;
  const RTLD_NOW = 2;
  loader().dlopen(toCString(path), RTLD_NOW);
}

/** C memory, until it is freed. */
export interface NativeMemory {
  readonly pointer: Pointer;
  readonly view: DataView;
  /** To be called once, when neither another thread nor {@linkcode view} is used any more. */
  free(): void;
}

/**
 * Zeroed C memory, for structures that another thread may still use when this one's JavaScript heap is gone.
 *
 * @throws {CurlWebSocketError} `ERR_LIBCURL` where there is no more memory
 */
export function allocateNative(bytes: number): NativeMemory {
  const { calloc, free } = memory();
  const pointer = calloc(bytes, 1);
  if (isNull(pointer)) throw new CurlWebSocketError("ERR_LIBCURL", `calloc of ${bytes} bytes failed: out of memory`);
  const view = ffi().view(pointer, bytes);
  return { pointer, view: new DataView(view.buffer, view.byteOffset, bytes), free: () => void free(pointer) };
}
