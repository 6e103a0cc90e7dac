/** Files that are nowhere but in memory, for C functions that take a path and no bytes. */
import { allocate, toCString } from "./ffi.ts";
import { canOpen } from "./files.ts";
import { openLibc } from "./libc.ts";
import { once } from "./once.ts";
import { runtime } from "./runtime.ts";

const MEMORY_FILES = {
  // int memfd_create(const char *name, unsigned flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // ssize_t write(int, const void *, size_t)
  write: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // int close(int)
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** Null if the C library does not have it: glibc before 2.27. */
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

/** Bytes as a file, which its maker closes; null if the system has no such files (all but Linux) or makes none now. */
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
