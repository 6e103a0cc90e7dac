/**
 * Where the `curlws` command installs libraries, and where the loader looks for them: a folder for each kind and
 * platform, with a file of a fixed name in it.
 */
import { type Runtime, runtime } from "../platform/runtime.ts";

/** The kind of library: a plain libcurl, or libcurl-impersonate. */
export type CachedKind = "libcurl" | "impersonate";

type Environment = (name: string) => string | undefined;

/** Returns this package's cache folder of the user; null if the environment does not name one, or may not be read. */
export function cacheFolder(os: Runtime["os"], env: Environment): string | null {
  const set = (name: string) => env(name) || undefined;
  if (os === "windows") {
    const local = set("LOCALAPPDATA");
    return local === undefined ? null : `${local}\\curlws`;
  }
  const home = set("HOME");
  if (os === "darwin") return home === undefined ? null : `${home}/Library/Caches/curlws`;
  // The XDG base directory specification says to ignore a path that is not absolute.
  const xdg = set("XDG_CACHE_HOME");
  if (xdg?.startsWith("/")) return `${xdg}/curlws`;
  return home === undefined ? null : `${home}/.cache/curlws`;
}

/** Returns the name of a library's folder in the cache, such as `libcurl-linux-x64`. */
export function cachedFolderName(kind: CachedKind, platform: string): string {
  return `${kind}-${platform}`;
}

/** Returns the name of the library's file in that folder. */
export function cachedFileName(kind: CachedKind, os: string): string {
  const extension = os === "windows" ? "dll" : os === "darwin" ? "dylib" : "so";
  return `${kind === "libcurl" ? "libcurl" : "libcurl-impersonate"}.${extension}`;
}

/** Returns the path of a library in the user's cache, whether or not it is there; null if the cache is not known. */
export function cachedLibrary(kind: CachedKind): string | null {
  const { os, arch, env } = runtime();
  const folder = cacheFolder(os, env);
  if (folder === null) return null;
  const separator = os === "windows" ? "\\" : "/";
  return [folder, cachedFolderName(kind, `${os}-${arch}`), cachedFileName(kind, os)].join(separator);
}
