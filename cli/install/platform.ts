/** The platform of this machine, the one that was asked for, and where its libraries go. */
import { existsSync } from "node:fs";
import process from "node:process";
import { cachedFileName, cachedFolderName, type CachedKind, cacheFolder } from "../../src/curl/library_cache.ts";
import { CommandError } from "../errors.ts";
import type { Platform } from "./pins.ts";

const SYSTEMS: Record<string, string> = { linux: "linux", darwin: "darwin", win32: "windows" };

/** The platform of this machine, whether or not there are libraries for it. */
export function thisPlatform(): string {
  const name = `${SYSTEMS[process.platform] ?? process.platform}-${process.arch}`;
  return name.startsWith("linux-") && isMusl() ? `${name}-musl` : name;
}

/** Whether the C library is musl: Deno and Bun are built for one C library, whose loader must exist. */
function isMusl(): boolean {
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const glibc = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
  return existsSync(`/lib/ld-musl-${arch}.so.1`) && !glibc.some((path) => existsSync(path));
}

/** The platform that was asked for, or this one, with its entry of `known`. Throws a `CommandError` if it has none. */
export function platformOf<T>(
  what: string,
  asked: string | undefined,
  known: Readonly<Partial<Record<Platform, T>>>,
  otherwise: string,
): { platform: Platform; value: T; own: boolean } {
  const name = asked ?? thisPlatform();
  const value = known[name as Platform];
  if (value === undefined || !Object.hasOwn(known, name)) {
    throw new CommandError(
      `there is no ${what} for ${name}, only for ${Object.keys(known).sort().join(", ")}; ${otherwise}`,
    );
  }
  return { platform: name as Platform, value, own: name === thisPlatform() };
}

/** Where a library for a platform goes in the cache of this user. Throws a `CommandError` if there is no cache folder. */
export function cachePathOf(kind: CachedKind, platform: Platform): { root: string; folder: string; file: string } {
  const system = SYSTEMS[process.platform];
  const os = system === "linux" || system === "darwin" || system === "windows" ? system : "other";
  const root = cacheFolder(os, (name) => process.env[name]);
  if (root === null) {
    const variables = os === "windows" ? "LOCALAPPDATA" : "HOME or XDG_CACHE_HOME";
    throw new CommandError(`this user's cache folder is unknown: set ${variables}`);
  }
  // A machine has one C library, so the folder does not name it.
  const name = platform.replace(/-musl$/, "");
  return { root, folder: cachedFolderName(kind, name), file: cachedFileName(kind, platform.split("-")[0]!) };
}
