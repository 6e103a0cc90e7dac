/** Putting files into the cache: written aside, then renamed, so that nothing half-written is ever found there. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CommandError, words } from "../errors.ts";
import type { Files } from "./unpack.ts";

/** What is known of an installed library, in `installed.json` beside it. */
export interface Installed {
  /** What it is, for people: `libcurl 8.23.0 of pycurl-7.49.0-….whl`. */
  readonly what: string;
  /** Of the archive that it came in. */
  readonly sha256: string;
}

const RECORD = "installed.json";
/** A folder of an install that was killed is in nobody's use after this. */
const STALE_MS = 60 * 60_000;

/** What is installed in a folder, or null. */
export function installedIn(folder: string, file: string): Installed | null {
  try {
    if (!statSync(join(folder, file)).isFile()) return null;
    return JSON.parse(readFileSync(join(folder, RECORD), "utf8"));
  } catch {
    return null;
  }
}

/**
 * Puts files into `root/name`, in place of what was there. `check` is given the folder that they are in, and may throw:
 * then what was there stays.
 *
 * @throws {CommandError} with the folder and what to do where it cannot be written
 */
export function place(
  root: string,
  name: string,
  files: Files,
  installed: Installed,
  check: (folder: string) => void,
): void {
  const target = join(root, name);
  const suffix = `${process.pid}-${Math.random().toString(36).slice(2)}`;
  const aside = join(root, `.${name}.new-${suffix}`), before = join(root, `.${name}.old-${suffix}`);
  // A signal waits until all is in place, or nothing: that takes less than a second.
  const later = () => {};
  process.on("SIGINT", later);
  process.on("SIGTERM", later);
  let replaced = false, placed = false;
  try {
    mkdirSync(root, { recursive: true });
    removeStale(root);
    mkdirSync(aside);
    for (const [file, bytes] of files) writeFileSync(join(aside, file), bytes, { mode: 0o644 });
    writeFileSync(join(aside, RECORD), JSON.stringify(installed, null, 2) + "\n");
    // A folder with a library that is open cannot be renamed on Windows.
    const windows = process.platform === "win32";
    if (!windows) check(aside);
    try {
      replaced = exchange(aside, target, before);
      placed = true;
      if (windows) check(target);
    } catch (error) {
      if (placed) rmSync(target, { recursive: true, force: true });
      if (replaced) renameSync(before, target);
      throw error;
    }
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError(explain(error, target), { cause: error });
  } finally {
    process.off("SIGINT", later);
    process.off("SIGTERM", later);
    for (const folder of [aside, before]) tryRemove(folder);
  }
}

/** Puts `from` in the place of `target`, which goes to `before`; returns whether there was one. */
function exchange(from: string, target: string, before: string): boolean {
  for (let attempt = 0;; attempt++) {
    const replaced = moved(target, before);
    try {
      renameSync(from, target);
      return replaced;
    } catch (error) {
      const { code } = error as { code?: string };
      const faster = code === "ENOTEMPTY" || code === "EEXIST";
      // Another install put its own there meanwhile: that one is to be replaced, and what was before it is gone.
      if (faster && attempt < 3) tryRemove(before);
      else {
        if (replaced && !faster) renameSync(before, target);
        throw error;
      }
    }
  }
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
}

/** On Windows a library that is in use stays; the next install removes it. */
function tryRemove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Its time comes.
  }
}

function removeStale(root: string): void {
  for (const name of readdirSync(root)) {
    const path = join(root, name);
    const left = /^\..+\.(new|old)-\d+-/.test(name) ? statSync(path, { throwIfNoEntry: false }) : undefined;
    if (left !== undefined && Date.now() - left.mtimeMs > STALE_MS) tryRemove(path);
  }
}

function explain(error: unknown, target: string): string {
  const { code } = error as { code?: string };
  const help: Record<string, string> = {
    ENOSPC: "the disk is full: free some space",
    EDQUOT: "the quota is used up: free some space",
    EACCES: "it may not be written to: see to its owner and rights",
    EPERM: "it may not be written to: see to its owner and rights",
    EROFS: "the file system is read-only",
    ENOTDIR: "a part of the path is a file",
    EEXIST: "a part of the path is a file",
    EBUSY: "a program is using the library: end it",
  };
  const elsewhere = process.platform === "linux" ? ", or set XDG_CACHE_HOME to another folder" : "";
  return `${target} cannot be installed; ${(code && help[code]) || words(error)}${elsewhere} (${
    code ?? "error"
  }); nothing was changed`;
}
