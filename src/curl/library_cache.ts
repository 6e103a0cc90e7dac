/**
 * Where the `curlws` command puts the libraries it installs, and where the loader looks for them. A folder a kind and
 * platform, with a file of a fixed name in it.
 */
import { type Runtime, runtime } from "../platform/runtime.ts";

/** Which library: a plain libcurl, or libcurl-impersonate. */
export type CachedKind = "libcurl" | "impersonate";

type Environment = (name: string) => string | undefined;

/** The user's cache folder of this package; null where the environment does not tell, or may not be read. */
export function cacheFolder(os: Runtime["os"], env: Environment): string | null {
  const set = (name: string) => env(name) || undefined;
  if (os === "windows") {
    const local = set("LOCALAPPDATA");
    return local === undefined ? null : `${local}\\curlws`;
  }
  const home = set("HOME");
  if (os === "darwin") return home === undefined ? null : `${home}/Library/Caches/curlws`;
  // The XDG base directory specification: a path that is not absolute is to be ignored.
  const xdg = set("XDG_CACHE_HOME");
  if (xdg?.startsWith("/")) return `${xdg}/curlws`;
  return home === undefined ? null : `${home}/.cache/curlws`;
}

/** The folder of a library in the cache, such as `libcurl-linux-x64`. */
export function cachedFolderName(kind: CachedKind, platform: string): string {
  return `${kind}-${platform}`;
}

/** The library's file in that folder. */
export function cachedFileName(kind: CachedKind, os: string): string {
  const extension = os === "windows" ? "dll" : os === "darwin" ? "dylib" : "so";
  return `${kind === "libcurl" ? "libcurl" : "libcurl-impersonate"}.${extension}`;
}

/** The path of a library in the cache of this user, whether or not it is there; null where the cache is not known. */
export function cachedLibrary(kind: CachedKind): string | null {
  const { os, arch, env } = runtime();
  const folder = cacheFolder(os, env);
  if (folder === null) return null;
  const separator = os === "windows" ? "\\" : "/";
  return [folder, cachedFolderName(kind, `${os}-${arch}`), cachedFileName(kind, os)].join(separator);
}
