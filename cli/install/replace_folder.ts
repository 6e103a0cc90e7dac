/** Replaces a folder of the cache: its files are written aside, then renamed, so that nobody ever finds a partial one. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CommandError, messageOf } from "../errors.ts";
import type { Files } from "./unpack.ts";

/** The record of an installed library, in `installed.json` beside it. */
export interface Installed {
  /** Its name for people: `libcurl 8.23.0 of pycurl-7.49.0-….whl`. */
  readonly what: string;
  /** The digest of the archive that it came in. */
  readonly sha256: string;
}

const RECORD = "installed.json";
/** The folder of a killed install is removed after this time: no install takes an hour. */
const STALE_MS = 60 * 60_000;

/** The record of what is installed in a folder, or null. */
export function installedIn(folder: string, file: string): Installed | null {
  try {
    if (!statSync(join(folder, file)).isFile()) return null;
    return JSON.parse(readFileSync(join(folder, RECORD), "utf8"));
  } catch {
    return null;
  }
}

/**
 * Replaces the folder `root/name` by one with these files. `check` gets the folder that they are in; if it throws, the old
 * folder stays.
 *
 * @throws {CommandError} with the folder and what to do, if it cannot be written
 */
export function replaceFolder(
  root: string,
  name: string,
  files: Files,
  installed: Installed,
  check: (folder: string) => void,
): void {
  const target = join(root, name);
  const suffix = `${process.pid}-${Math.random().toString(36).slice(2)}`;
  const aside = join(root, `.${name}.new-${suffix}`), before = join(root, `.${name}.old-${suffix}`);
  // A signal has to wait until all or nothing is replaced, less than a second.
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
    // On Windows a folder with a loaded library cannot be renamed.
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

/** Moves `target` to `before` and `from` to `target`. Returns whether there was a `target`. */
function exchange(from: string, target: string, before: string): boolean {
  for (let attempt = 0;; attempt++) {
    const replaced = moved(target, before);
    try {
      renameSync(from, target);
      return replaced;
    } catch (error) {
      const { code } = error as { code?: string };
      const faster = code === "ENOTEMPTY" || code === "EEXIST";
      // Another install has put its folder there meanwhile: replace that one instead. Three installs at once are rare enough.
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

/** Removes a folder. On Windows a library in use stays; a later install removes it. */
function tryRemove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // `removeStale` tries again.
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
    EACCES: "it is not writable: check its owner and permissions",
    EPERM: "it is not writable: check its owner and permissions",
    EROFS: "the file system is read-only",
    ENOTDIR: "a part of the path is a file",
    EEXIST: "a part of the path is a file",
    EBUSY: "a program is using the library: end it",
  };
  const elsewhere = process.platform === "linux" ? ", or set XDG_CACHE_HOME to another folder" : "";
  return `${target} cannot be installed; ${(code && help[code]) || messageOf(error)}${elsewhere} (${
    code ?? "error"
  }); nothing was changed`;
}
