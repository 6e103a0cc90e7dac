/** Folders, and whether a file or folder has changed: on Linux, as C sees them, with the rights of the process. */
import { allocate, ffi, isNull, toCString } from "./ffi.ts";
import { openLibc } from "./libc.ts";
import { once } from "./once.ts";
import { runtime } from "./runtime.ts";

const FOLDERS = {
  // DIR *opendir(const char *)
  opendir: { parameters: ["buffer"], result: "pointer" },
  // struct dirent *readdir(DIR *)
  readdir: { parameters: ["pointer"], result: "pointer" },
  // int closedir(DIR *)
  closedir: { parameters: ["pointer"], result: "i32" },
} as const;

const STATX = {
  // int statx(int dirfd, const char *path, int flags, unsigned int mask, struct statx *)
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
} as const;

/** Elsewhere the structures are others. */
const isLinux = () => runtime().os === "linux";

const folders = once(() => isLinux() ? openLibc(FOLDERS) : null);

/** Null if the C library does not have it: glibc before 2.28, musl before 1.2.5. */
const stat = once(() => {
  try {
    return isLinux() ? openLibc(STATX) : null;
  } catch {
    return null;
  }
});

/** `struct dirent {ino_t, off_t, unsigned short d_reclen, unsigned char d_type, char d_name[]}` of 64-bit Linux. */
const RECLEN = 16, NAME = 19;

/**
 * The names in a folder, without `.` and `..`; null if it cannot be opened, has more than `most` names, or this is not
 * Linux.
 */
export function namesIn(path: string, most: number): string[] | null {
  const functions = folders();
  if (functions === null) return null;
  const { opendir, readdir, closedir } = functions;
  const folder = opendir(toCString(path));
  if (isNull(folder)) return null;
  try {
    const names: string[] = [];
    for (let entry = readdir(folder); !isNull(entry); entry = readdir(folder)) {
      const head = ffi().view(entry, NAME);
      const bytes = ffi().view(entry, head[RECLEN]! | head[RECLEN + 1]! << 8);
      const name = runtime().latin1(bytes, NAME, bytes.indexOf(0, NAME));
      if (name === "." || name === "..") continue;
      if (names.length === most) return null;
      names.push(name);
    }
    return names;
  } finally {
    closedir(folder);
  }
}

/** `struct statx`, and where in it the parts lie that change with a file: number and size, times of change, device. */
const STATX_SIZE = 256;
const CHANGING = [[32, 48], [96, 128], [136, 144]] as const;

/**
 * A text that changes when a file is written or replaced, or something is added to or removed from a folder; null if there is
 * no such file, or the system does not tell.
 */
export function stampOf(path: string): string | null {
  const functions = stat();
  if (functions === null) return null;
  const AT_FDCWD = -100, STATX_BASIC_STATS = 0x7ff;
  const into = allocate(STATX_SIZE);
  if (functions.statx(AT_FDCWD, toCString(path), 0, STATX_BASIC_STATS, into) !== 0) return null;
  return CHANGING.map(([from, to]) => runtime().latin1(into, from, to)).join("");
}
