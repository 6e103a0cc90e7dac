/** Finds, opens and describes libcurl when it is first used. */
import { CurlWebSocketError } from "../errors.ts";
import { CURL_GLOBAL_DEFAULT, CURLE_OK } from "./constants.ts";
import { type CaLibrary, type CaPlaces, caSource } from "./ca_source.ts";
import { type CachedKind, cachedLibrary } from "./library_cache.ts";
import { ffi, isNull, type Pointer, type Symbols } from "../platform/ffi.ts";
import { type Runtime, runtime } from "../platform/runtime.ts";
import { pinLibrary } from "../platform/pin_library.ts";
import { openAll } from "../platform/once.ts";
import { loadZlib } from "../platform/zlib.ts";
import { CURL_SYMBOLS, VARIADIC_PADDING, variadicSymbols } from "./symbols.ts";

/** The loaded libcurl. */
export interface LibcurlInfo {
  /** The name or path that was opened. */
  readonly path: string;
  /** libcurl's version, for example `"8.14.1"`. */
  readonly version: string;
  /** The TLS library and its version, or null if libcurl was built without TLS. */
  readonly tls: string | null;
  /** The features that `curl_version_info` reports, by curl's names. */
  readonly features: readonly string[];
  /** The version of the zlib that compresses messages; null if none was found, and then compression is not offered. */
  readonly zlib: string | null;
  /** What this machine lacks that `CurlWebSocket` could use: features of libcurl, or `"zlib"`. */
  readonly missing: readonly string[];
  /**
   * Where `wss:` finds the certificates of the CAs that it trusts, if no option says otherwise. `from` is:
   *
   * - `"directory"`: a hashed directory, of which each connection reads the one file that it needs;
   * - `"cache"`: a bundle that libcurl parses once for some dozens of connections;
   * - `"file"`: a bundle, or with GnuTLS all of a directory, that it parses for each connection, at some 20 ms of CPU;
   * - `"library"`: libcurl's own default: the store of Windows, nothing at all, or what it does not tell, before 7.70.
   *
   * `path` is that directory or bundle, and null with `"library"`.
   */
  readonly certificates: { readonly from: "directory" | "cache" | "file" | "library"; readonly path: string | null };
}

/** libcurl's functions. Those that are variadic in C have a method for each type here. */
export interface Curl extends Symbols<typeof CURL_SYMBOLS> {
  readonly info: Omit<LibcurlInfo, "certificates">;
  readonly cas: CaLibrary;
  /** `curl_version_info`'s number: 0xMMmmpp. */
  readonly versionNumber: number;
  /** `curl_easy_setopt` with a `long`; returns the CURLcode. */
  setLong(easy: Pointer, option: number, value: number): number;
  /** `curl_easy_setopt` with the address of JavaScript's memory. */
  setBuffer(easy: Pointer, option: number, value: Uint8Array): number;
  /** `curl_easy_setopt` with a pointer of C's: a list, a callback or NULL. */
  setPointer(easy: Pointer, option: number, value: Pointer): number;
  /** `curl_multi_setopt` with a callback, or a pointer of C's; returns the CURLMcode. */
  setMultiPointer(multi: Pointer, option: number, value: Pointer): number;
  /** `curl_share_setopt` with an `int`; returns the CURLSHcode. */
  setShare(share: Pointer, option: number, value: number): number;
  /** `curl_easy_getinfo`, which writes 8 bytes at most. */
  getInfo(easy: Pointer, info: number, into: Uint8Array): number;
  /** libcurl's general words for a CURLcode. */
  message(code: number): string;
}

/** 7.68, which brought `curl_multi_wakeup`. */
export const OLDEST_VERSION = 0x074400;

/** Bits of `curl_version_info`'s features: CURL_VERSION_*. */
const FEATURES: readonly (readonly [bit: number, name: string])[] = [
  [0, "IPv6"],
  [2, "SSL"],
  [3, "libz"],
  [4, "NTLM"],
  [7, "AsynchDNS"],
  [8, "SPNEGO"],
  [10, "IDN"],
  [16, "HTTP2"],
  [19, "UnixSockets"],
  [20, "PSL"],
  [21, "HTTPS-proxy"],
  [23, "brotli"],
  [24, "alt-svc"],
  [25, "HTTP3"],
  [26, "zstd"],
  [30, "threadsafe"],
];

/** Returns the names and paths to try, in this order, if neither the caller nor the environment names a library. */
export function candidates({ os, arch }: Pick<Runtime, "os" | "arch">): string[] {
  switch (os) {
    case "linux": {
      const triple = arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
      return ["libcurl.so.4", "libcurl-gnutls.so.4", `/usr/lib/${triple}/libcurl.so.4`, "/usr/lib/libcurl.so.4"];
    }
    case "darwin":
      return ["libcurl.4.dylib", "/usr/lib/libcurl.4.dylib", "/opt/homebrew/opt/curl/lib/libcurl.4.dylib"]
        .concat("/usr/local/opt/curl/lib/libcurl.4.dylib");
    case "windows":
      return ["libcurl.dll", arch === "arm64" ? "libcurl-arm64.dll" : "libcurl-x64.dll", "libcurl-4.dll"];
    default:
      return ["libcurl.so.4", "libcurl.so"];
  }
}

/** Returns how to install libcurl on a platform. */
export function installHint(os: Runtime["os"]): string {
  switch (os) {
    case "linux":
      return "install it (Debian, Ubuntu: apt install libcurl4; Fedora: dnf install libcurl; Alpine: apk add libcurl)";
    case "darwin":
      return "install it (brew install curl)";
    case "windows":
      return "put the libcurl-x64.dll of https://curl.se/windows/ into a folder on PATH";
    default:
      return "install libcurl >= 7.68";
  }
}

const opened = new Map<string, Curl>();
/** The library for callers that name none. */
let defaultCurl: Curl | undefined;

/** Returns the names to try for libcurl-impersonate: those of its releases and distributions. */
function impersonateCandidates({ os }: Pick<Runtime, "os">): string[] {
  if (os === "windows") return ["libcurl-impersonate.dll"];
  if (os === "darwin") return ["libcurl-impersonate.4.dylib", "libcurl-impersonate.dylib"];
  return ["libcurl-impersonate.so.4", "libcurl-impersonate.so"];
}

/**
 * Returns libcurl, which is opened once in each thread: `path`, else the library that `CURLWS_LIBCURL` names, else the
 * first of {@linkcode candidates} that can be opened, else the one that `curlws install-libcurl` put into the user's
 * cache. If it is to impersonate browsers and none is named, libcurl-impersonate is tried first, from the system or
 * from `curlws install-impersonate`.
 *
 * @throws {CurlWebSocketError} `ERR_LIBCURL_NOT_FOUND`, `ERR_LIBCURL_TOO_OLD`, `ERR_FFI_PERMISSION`
 */
export function loadCurl(path?: string, { impersonating = false }: { impersonating?: boolean } = {}): Curl {
  if (path === undefined && !impersonating && defaultCurl !== undefined) return defaultCurl;
  const env = path === undefined ? runtime().env("CURLWS_LIBCURL") : undefined;
  const named = path ?? (env === "" ? undefined : env);
  // A key that is no path: a path has no NUL.
  const key = named ?? (impersonating ? "\0impersonate" : "");
  const known = opened.get(key);
  if (known !== undefined) return known;
  // Before any library is opened: Deno would ask for each, and a yes would not be enough to follow pointers.
  if (!ffi().mayCallC()) throw noPermission();
  const cached = (kind: CachedKind) => cachedLibrary(kind) ?? [];
  const names = named !== undefined
    ? [named]
    : impersonating
    ? impersonateCandidates(runtime()).concat(cached("impersonate"))
    : candidates(runtime()).concat(cached("libcurl"));
  const failures: string[] = [];
  let tooOld: CurlWebSocketError | undefined;
  for (const name of names) {
    try {
      const curl = open(name);
      opened.set(key, curl);
      if (path === undefined && !impersonating) defaultCurl = curl;
      return curl;
    } catch (error) {
      if (error instanceof CurlWebSocketError) {
        if (error.code !== "ERR_LIBCURL_TOO_OLD") throw error;
        tooOld ??= error;
      } else if (ffi().isPermissionError(error)) {
        throw new CurlWebSocketError(
          "ERR_FFI_PERMISSION",
          `opening ${name} is not allowed: run the program without --deny-ffi for it, or name another with CURLWS_LIBCURL`,
          { cause: error },
        );
      } else failures.push(`  ${name}: ${firstLine(error)}`);
    }
  }
  // A plain libcurl, so that the error says what it lacks.
  if (named === undefined && impersonating) return loadCurl();
  if (tooOld !== undefined) throw tooOld;
  const source = path !== undefined ? " (the library option)" : named !== undefined ? " (CURLWS_LIBCURL)" : "";
  if (named === undefined && cachedLibrary("libcurl") === null) {
    const variables = runtime().os === "windows" ? "LOCALAPPDATA" : "HOME,XDG_CACHE_HOME";
    const allow = runtime().name === "deno" ? ` or may not be read (--allow-env=${variables})` : "";
    failures.push(`  the user's cache: not known, as ${variables.replace(",", " or ")} is not set${allow}`);
  }
  throw new CurlWebSocketError(
    "ERR_LIBCURL_NOT_FOUND",
    `libcurl was not found${source}; ${installHint(runtime().os)}, ` +
      "fetch one for this user with curlws install-libcurl, " +
      `or name it with CURLWS_LIBCURL or the library option; tried\n${failures.join("\n")}`,
  );
}

/**
 * Returns a description of the libcurl that `CurlWebSocket` uses. It loads that libcurl, and all else that connections
 * need of C; docs/testing.md says why to call it before the first test of a file.
 *
 * @param path the library, as the option `library` names it
 * @throws {CurlWebSocketError} what the constructor of a `CurlWebSocket` would throw: `ERR_LIBCURL_NOT_FOUND`,
 * `ERR_LIBCURL_TOO_OLD` or `ERR_FFI_PERMISSION`
 */
export function libcurl(path?: string): LibcurlInfo {
  const { info, cas } = loadCurl(path);
  openAll(info.path);
  const { way, file, folder } = caSource(cas);
  const place = way === "library" ? null : way === "directory" ? folder : file ?? folder;
  return { ...info, certificates: { from: way, path: place } };
}

function noPermission(): CurlWebSocketError {
  return new CurlWebSocketError(
    "ERR_FFI_PERMISSION",
    "Deno does not allow the program to call C libraries: run it with --allow-ffi (deno run -A has it too), or answer y " +
      'when Deno asks for "ffi access"; --allow-ffi=FILE is not enough, as Deno then lets the program follow no pointers',
  );
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0]!;
}

function open(path: string): Curl {
  const { os, arch } = runtime();
  const padded = os === "darwin" && arch === "arm64";
  const symbols = ffi().open(path, CURL_SYMBOLS);
  const { info, versionNumber, defaults } = describe(path, symbols);
  if (versionNumber < OLDEST_VERSION) {
    throw new CurlWebSocketError(
      "ERR_LIBCURL_TOO_OLD",
      `${path} is libcurl ${info.version}, and 7.68.0 or newer is needed; ${installHint(os)}`,
    );
  }
  pinLibrary(path);
  const variadic = ffi().open(path, variadicSymbols(padded));
  // Thread-safe from 7.84 on. Before, Workers that first use it in the same instant could collide.
  const code = symbols.curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code !== CURLE_OK) throw new CurlWebSocketError("ERR_LIBCURL", `curl_global_init of ${path} failed with ${code}`);
  const padding = Array.from({ length: padded ? VARIADIC_PADDING : 0 }, () => 0);
  return {
    ...symbols,
    info,
    versionNumber,
    cas: { tls: info.tls, versionNumber, defaults },
    setLong: (easy, option, value) => variadic.setopt_long(easy, option, ...padding, value),
    setBuffer: (easy, option, value) => variadic.setopt_buffer(easy, option, ...padding, value),
    setPointer: (easy, option, value) => variadic.setopt_pointer(easy, option, ...padding, value),
    setMultiPointer: (multi, option, value) => variadic.multi_setopt_pointer(multi, option, ...padding, value),
    setShare: (share, option, value) => variadic.share_setopt(share, option, ...padding, value),
    getInfo: (easy, what, into) => variadic.getinfo(easy, what, ...padding, into),
    message: (code) => ffi().cString(symbols.curl_easy_strerror(code)),
  };
}

/** Reads `curl_version_info_data`, whose first fields are the same in all versions from 7.68 on. */
function describe(path: string, symbols: Symbols<typeof CURL_SYMBOLS>): Pick<Curl, "info" | "versionNumber"> & {
  defaults: CaPlaces;
} {
  // Offsets in bytes, if a pointer has 8.
  const CURLVERSION_FIRST = 0, VERSION = 8, VERSION_NUM = 16, FEATURE_BITS = 32, SSL_VERSION = 40;
  const data = symbols.curl_version_info(CURLVERSION_FIRST);
  if (isNull(data)) throw new TypeError(`curl_version_info of ${path} returned NULL`);
  const bytes = ffi().view(data, 48);
  const fields = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bits = fields.getInt32(FEATURE_BITS, true);
  const features = FEATURES.filter(([bit]) => bits & (1 << bit)).map(([, name]) => name);
  const tls = ffi().cString(ffi().pointerAt(data, SSL_VERSION));
  const zlib = loadZlib()?.version ?? null;
  const info: Curl["info"] = {
    path,
    version: ffi().cString(ffi().pointerAt(data, VERSION)),
    tls: tls === "" ? null : tls,
    features,
    zlib,
    missing: ["SSL", "IPv6", "AsynchDNS"].filter((name) => !features.includes(name)).concat(
      zlib === null ? "zlib" : [],
    ),
  };
  const versionNumber = fields.getUint32(VERSION_NUM, true);
  return {
    info,
    versionNumber,
    defaults: versionNumber < KNOWS_CAS ? { file: null, folder: null } : readPlaces(symbols),
  };
}

/** The fields `cainfo` and `capath` came with 7.70. */
const KNOWS_CAS = 0x074600;

/** Reads the two of `curl_version_info_data`, which lie at these offsets where a pointer has 8 bytes. */
function readPlaces({ curl_version_info }: Symbols<typeof CURL_SYMBOLS>): CaPlaces {
  const CURLVERSION_SEVENTH = 6, CAINFO = 152, CAPATH = 160;
  const data = curl_version_info(CURLVERSION_SEVENTH);
  const [file, folder] = [CAINFO, CAPATH].map((at) => ffi().cString(ffi().pointerAt(data, at)));
  return { file: file || null, folder: folder || null };
}
