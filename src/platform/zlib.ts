/** The system's zlib: finding it, and opening it. */
import { ffi, type Symbols } from "./ffi.ts";
import { type Runtime, runtime } from "./runtime.ts";

const ZLIB_SYMBOLS = {
  // const char *zlibVersion(void)
  zlibVersion: { parameters: [], result: "pointer" },
  // int inflateInit2_(z_streamp, int windowBits, const char *version, int stream_size)
  inflateInit2_: { parameters: ["pointer", "i32", "buffer", "i32"], result: "i32" },
  // int inflate(z_streamp, int flush)
  inflate: { parameters: ["pointer", "i32"], result: "i32" },
  // int inflateReset(z_streamp)
  inflateReset: { parameters: ["pointer"], result: "i32" },
  // int inflateResetKeep(z_streamp): as inflateReset, but the window stays
  inflateResetKeep: { parameters: ["pointer"], result: "i32" },
  // int inflateEnd(z_streamp)
  inflateEnd: { parameters: ["pointer"], result: "i32" },
  // int deflateInit2_(z_streamp, int level, int method, int windowBits, int memLevel, int strategy, const char *version,
  //   int stream_size)
  deflateInit2_: { parameters: ["pointer", "i32", "i32", "i32", "i32", "i32", "buffer", "i32"], result: "i32" },
  // int deflate(z_streamp, int flush)
  deflate: { parameters: ["pointer", "i32"], result: "i32" },
  // int deflateReset(z_streamp)
  deflateReset: { parameters: ["pointer"], result: "i32" },
  // int deflateEnd(z_streamp)
  deflateEnd: { parameters: ["pointer"], result: "i32" },
} as const;

/**
 * Where `z_stream`'s fields lie, in 32-bit words: `next_in` at 0 and `avail_in` at 2 are followed by `total_in`, a C
 * `long`, which on Windows has 32 bits.
 */
export interface ZStreamLayout {
  readonly bytes: number;
  readonly nextOut: number;
  readonly availOut: number;
  readonly message: number;
  readonly dataType: number;
}
const LP64: ZStreamLayout = { bytes: 112, nextOut: 6, availOut: 8, message: 12, dataType: 22 };
const LLP64: ZStreamLayout = { bytes: 88, nextOut: 4, availOut: 6, message: 8, dataType: 18 };

/** The opened library. */
export interface Zlib extends Symbols<typeof ZLIB_SYMBOLS> {
  readonly path: string;
  readonly version: string;
  readonly layout: ZStreamLayout;
}

/** zlib's names and places, in the order to try. */
export function zlibCandidates({ os, arch }: Pick<Runtime, "os" | "arch">): string[] {
  switch (os) {
    case "darwin":
      return ["/usr/lib/libz.1.dylib", "libz.1.dylib"];
    case "windows":
      return ["zlib1.dll", "libz.dll", "zlib.dll", "libzlib.dll"];
    default:
      return ["libz.so.1", `/usr/lib/${arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/libz.so.1`, "libz.so"];
  }
}

let opened: Zlib | null | undefined;

/** Opens zlib, once a thread: what `CURLWS_ZLIB` names, else the platform's. Null if there is none. */
export function loadZlib(): Zlib | null {
  if (opened !== undefined) return opened;
  const named = runtime().env("CURLWS_ZLIB");
  for (const path of named ? [named] : zlibCandidates(runtime())) {
    try {
      const symbols = ffi().open(path, ZLIB_SYMBOLS);
      const version = ffi().cString(symbols.zlibVersion());
      return opened = { ...symbols, path, version, layout: runtime().os === "windows" ? LLP64 : LP64 };
    } catch {
      // The next one; compression is never what keeps a program from connecting.
    }
  }
  return opened = null;
}
