/** Reading files as C does, with the rights of the process: the runtime's own permissions are not asked. */
import { allocate, isNull, type Pointer, toCString } from "./ffi.ts";
import { openLibc } from "./libc.ts";
import { once } from "./once.ts";
import { runtime } from "./runtime.ts";

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
 * Reads a file as libcurl would, with the rights of the process; null if it cannot be opened. The bytes lie in `into`, as
 * far as the file fits: whoever reads many small files passes the same buffer.
 */
export function readFile(path: string, into: Uint8Array<ArrayBuffer> = allocate(256 * 1024)): Uint8Array | null {
  const { fopen, fread, fclose } = files();
  const file = fopen(toCString(path), readMode());
  if (isNull(file)) return null;
  try {
    let buffer = into, length = 0;
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
