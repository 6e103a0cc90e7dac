/**
 * Where a libcurl is to find the certificates it trusts. By default OpenSSL and its forks parse a bundle of some 140
 * certificates for each connection: 20 ms of CPU and 1 MB. Three ways are cheaper, and trust the same:
 *
 * 1. a hashed directory without the bundle, of which OpenSSL reads the one file that it needs (1 ms, 90 KiB);
 * 2. the bundle without a directory, which a newer libcurl parses once a multi handle and keeps;
 * 3. with GnuTLS, which reads both in whole, the bundle alone.
 *
 * A directory is used only if it has been read, and has the certificates that were trusted before and no others.
 */
import { canOpen } from "../platform/files.ts";
import { runtime } from "../platform/runtime.ts";
import { WatchedFiles } from "../platform/watched_files.ts";
import {
  type CertificateFolder,
  certificatesOf,
  DIRECTORIES,
  isWithin,
  readCertificateFolder,
  systemBundle,
} from "./certificate_stores.ts";

/** What has to be known of a libcurl. */
export interface CaLibrary {
  /** The TLS library and its version; the ones in parentheses are not in use. */
  readonly tls: string | null;
  /** 0xMMmmpp */
  readonly versionNumber: number;
  /** What it was built to trust; nulls also where it does not tell, before 7.70. */
  readonly defaults: CaPlaces;
}

/** A bundle, and a hashed directory: both are trusted. */
export interface CaPlaces {
  readonly file: string | null;
  readonly folder: string | null;
}

/** Where the certificates come from; `file` and `folder` are what libcurl is to be given, null for none. */
export interface CaSource extends CaPlaces {
  /** "library": its own default, which is not known. */
  readonly way: "directory" | "cache" | "file" | "library";
  /** With "directory": what is in it. */
  readonly contents: Pick<CertificateFolder, "byHash" | "isComplete"> | null;
}

const TLS = (library: CaLibrary) => (library.tls ?? "").replaceAll(/\(.*?\) ?/g, "");
const isGnuTls = (library: CaLibrary) => TLS(library).startsWith("GnuTLS");
const looksUpByHash = (library: CaLibrary) => /^(?:OpenSSL|LibreSSL|BoringSSL|AWS-LC|quictls)/.test(TLS(library));

/**
 * Whether libcurl keeps a bundle once it has parsed it, if there is no directory: `CURLOPT_CA_CACHE_TIMEOUT`, which came by
 * TLS library.
 */
function hasCache(library: CaLibrary): boolean {
  if (nullIsDefault(library) && library.defaults.folder !== null) return false;
  if (looksUpByHash(library)) return library.versionNumber >= 0x075700;
  const since = /^Schannel/.test(TLS(library))
    ? 0x080500
    : /^(?:wolfSSL|GnuTLS)/.test(TLS(library))
    ? 0x080900
    : Infinity;
  return library.versionNumber >= since;
}

/**
 * Whether `CURLOPT_CAINFO` and `CURLOPT_CAPATH` get their defaults again if they are set to NULL, from libcurl 8.21 on and before
 * 8.23 (of "setopt: clear the custom CA booleans when set to NULL"); else NULL turns them off.
 */
function nullIsDefault({ versionNumber }: CaLibrary): boolean {
  return versionNumber >= 0x081500 && versionNumber < 0x081700;
}

/** What to set `CURLOPT_CAPATH` to, so that no directory is trusted: null, or a path below which there is nothing. */
export function noFolder(library: CaLibrary): string | null {
  if (!nullIsDefault(library) || library.defaults.folder === null) return null;
  // GnuTLS refuses what is no folder, and finds no certificates in this one.
  return isGnuTls(library) ? "/proc/self/ns" : "/dev/null";
}

/** What to set `CURLOPT_CAINFO` to beside a directory, so that no more is trusted; undefined if there is no such thing. */
export function fileBeside(
  library: CaLibrary,
  { sample }: Pick<CertificateFolder, "sample">,
): string | null | undefined {
  if (!nullIsDefault(library) || library.defaults.file === null) return null;
  return sample ?? undefined;
}

/** What a libcurl trusts by itself: its default, or the system's bundle if it was built for another distribution. */
export function trustedPlaces({ defaults: { file, folder } }: CaLibrary): CaPlaces {
  if (file === null || canOpen(file) || (folder !== null && canOpen(folder))) return { file, folder };
  const bundle = systemBundle();
  return bundle === null ? { file, folder } : { file: bundle, folder: null };
}

/** How long libcurl keeps a bundle, s: its own default, a day. */
const DAY = 86_400;
/** The same, where the system does not tell whether the bundle has changed. */
const UNSEEN = 60;
/** How long a decision holds that was made while nothing could be read, ms. */
const RETRY = 1_000;

/** How many names of a directory are checked before it is used, and by each connection that uses it: half a millisecond of work. */
const CHECKED_AT_ONCE = 8;

/** What was decided for a library and places. */
interface Decision {
  readonly source: CaSource;
  /** What it depends on. */
  readonly paths: readonly string[];
  readonly at: number;
  /** Whether files could be opened at that time. */
  readonly final: boolean;
}

/** The sources of a thread. */
export class CaSources {
  readonly #files: WatchedFiles;
  readonly #decisions: Map<string, Decision> = new Map();

  /** @param now the clock, in ms */
  constructor(now: () => number) {
    this.#files = new WatchedFiles(now);
  }

  /** Where a library is to find what these places have. Decided once, and again if one of them has changed. */
  find(library: CaLibrary, places: CaPlaces): CaSource {
    const key = JSON.stringify([library, places]);
    const known = this.#decisions.get(key);
    const holds = known !== undefined && this.#holds(known);
    if (holds && known.source.contents?.isComplete(CHECKED_AT_ONCE) !== false) return known.source;
    // Before they are read: a later change is seen as one.
    const all = [places.file, places.folder, ...DIRECTORIES].filter((path) => path !== null);
    for (const path of all) this.#files.look(path);
    // Where a name has turned out to be wrong, all are checked before the directory is used again.
    const source = decide(library, places, holds ? Infinity : CHECKED_AT_ONCE);
    const paths = all.filter((path) => path === places.file || path === places.folder || path === source.folder);
    const final = runtime().os === "windows" || canOpen("/dev/null");
    this.#decisions.set(key, { source, paths, at: this.#files.now(), final });
    return source;
  }

  /** Texts that change when these files and folders do, which is noticed within a second; empty if there is no such file. */
  stamps(paths: readonly string[]): string[] {
    return paths.map((path) => this.#files.look(path).stamp ?? "");
  }

  /** For how many seconds a bundle that libcurl has parsed may be used: until it changes, noticed within two seconds. */
  cacheSeconds(file: string): number {
    const { stamp, changed } = this.#files.look(file);
    if (stamp === null) return UNSEEN;
    if (changed === null) return DAY;
    return Math.min(DAY, Math.max(1, Math.floor((this.#files.now() - changed) / 1_000)));
  }

  #holds({ paths, at, final }: Decision): boolean {
    // All are looked at, so that none is found to have changed only when it is next asked for.
    const changes = paths.map((path) => this.#files.look(path).changed ?? -Infinity);
    return Math.max(-Infinity, ...changes) <= at && (final || this.#files.now() - at < RETRY);
  }
}

const sources = new CaSources(() => performance.now());

/** Where a libcurl is to find what these places have: by default those that it trusts by itself. */
export function caSource(library: CaLibrary, places: CaPlaces = trustedPlaces(library)): CaSource {
  return sources.find(library, places);
}

/** The libraries whose source was read before anybody needed it. */
const prepared = new WeakSet<CaLibrary>();

/** Whether {@linkcode prepareCaSource} was called. */
export function isCaSourcePrepared(library: CaLibrary): boolean {
  return prepared.has(library);
}

/** Reads what a libcurl trusts by itself, once, so that no step of connecting takes that time too: 10 ms for 140 certificates. */
export function prepareCaSource(library: CaLibrary): void {
  if (prepared.has(library)) return;
  prepared.add(library);
  caSource(library);
}

/** For `CURLOPT_CA_CACHE_TIMEOUT`: {@linkcode CaSources.cacheSeconds}. */
export function cacheSeconds(file: string): number {
  return sources.cacheSeconds(file);
}

function decide(library: CaLibrary, places: CaPlaces, checked: number): CaSource {
  const { file, folder } = places;
  if (isGnuTls(library)) return decideWhole(library, places);
  const asBefore = withoutLookup(library, file, folder);
  if (!looksUpByHash(library)) return asBefore;
  const own = folder === null ? null : readCertificateFolder(folder, false);
  if (file === null) return own === null ? asBefore : { way: "directory", file, folder, contents: null };
  const inFile = certificatesOf(file);
  if (inFile === null) return asBefore;
  const directory = (path: string, contents: CertificateFolder): CaSource | null => {
    const beside = fileBeside(library, contents);
    return beside === undefined ? null : { way: "directory", file: beside, folder: path, contents };
  };
  if (folder !== null && own?.isComplete(checked) && trustsTheSame(own, inFile)) {
    return directory(folder, own) ?? asBefore;
  }
  // What only libcurl's own folder has is trusted as well: then both are needed.
  const needsFolder = folder !== null && canOpen(folder) && (own === null || !isWithin(own.hashed, inFile));
  if (needsFolder) return asBefore;
  for (const path of DIRECTORIES) {
    if (path === folder) continue;
    const contents = readCertificateFolder(path, false);
    if (contents === null || !contents.isComplete(checked) || contents.hashed.size !== inFile.size) continue;
    const found = isWithin(inFile, contents.hashed) ? directory(path, contents) : null;
    if (found !== null) return found;
  }
  return withoutLookup(library, file, null);
}

/**
 * Whether a directory alone is trusted as it is beside a bundle: it has all of it, and what else it has was looked up. OpenSSL
 * does that only for names that the bundle has not: one of those, such as an old CA's, must not come to be trusted.
 */
function trustsTheSame({ hashed, byHash }: CertificateFolder, bundle: ReadonlySet<string>): boolean {
  const inBundle = (certificate: string) => bundle.has(certificate);
  return isWithin(bundle, hashed) && [...byHash.values()].every((all) => all.every(inBundle) || !all.some(inBundle));
}

/** Both are read in whole, unless libcurl keeps a bundle. */
function withoutLookup(library: CaLibrary, file: string | null, folder: string | null): CaSource {
  const kept = file !== null && folder === null && hasCache(library);
  return { way: kept ? "cache" : file !== null || folder !== null ? "file" : "library", file, folder, contents: null };
}

/** For GnuTLS, which reads all files of a folder: the bundle alone, if that has all of them. */
function decideWhole(library: CaLibrary, { file, folder }: CaPlaces): CaSource {
  const bundle = file ?? (folder === null ? null : systemBundle());
  const asBefore = withoutLookup(library, file, folder);
  if (bundle === null || folder === null || nullIsDefault(library)) return asBefore;
  const inFile = certificatesOf(bundle);
  if (inFile === null) return asBefore;
  const contents = canOpen(folder) ? readCertificateFolder(folder, true) : null;
  if (canOpen(folder) && contents === null) return asBefore;
  if (contents !== null && !isWithin(contents.all, inFile)) return asBefore;
  // Without a file the folder's were all.
  if (file === null && (contents === null || !isWithin(inFile, contents.all))) return asBefore;
  return withoutLookup(library, bundle, null);
}

/** As {@linkcode CaSources.stamps}. */
export function stampsOf(paths: readonly string[]): string[] {
  return sources.stamps(paths);
}
