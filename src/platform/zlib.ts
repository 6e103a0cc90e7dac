/** Raw DEFLATE streams by the system's zlib. */
import { allocate, ffi, type Pointer, type Symbols, toCString } from "./ffi.ts";
import { type Runtime, runtime } from "./runtime.ts";
import { CurlWebSocketError } from "../errors.ts";
import { type DeflateStream, InflateError, type InflateStream } from "../protocol/permessage_deflate.ts";

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

const Z_NO_FLUSH = 0, Z_SYNC_FLUSH = 2;
const Z_OK = 0, Z_STREAM_END = 1, Z_BUF_ERROR = -5, Z_DATA_ERROR = -3;
const Z_DEFLATED = 8, Z_DEFAULT_STRATEGY = 0;
/** zlib compares its first digit alone. */
const ZLIB_VERSION = toCString("1");

/** What {@linkcode InflateStream.write} adds to a message's end. */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);

/**
 * Where `z_stream`'s fields lie, in 32-bit words: `next_in` at 0 and `avail_in` at 2 are followed by `total_in`, a C
 * `long`, which on Windows has 32 bits.
 */
interface Layout {
  readonly bytes: number;
  readonly nextOut: number;
  readonly availOut: number;
  readonly message: number;
  readonly dataType: number;
}
const NEXT_IN = 0, AVAIL_IN = 2;
const LP64: Layout = { bytes: 112, nextOut: 6, availOut: 8, message: 12, dataType: 22 };
const LLP64: Layout = { bytes: 88, nextOut: 4, availOut: 6, message: 8, dataType: 18 };

/** So much is given to zlib, and taken from it, with one call. */
const BUFFER_SIZE = 64 * 1024;

/** The opened library. */
export interface Zlib extends Symbols<typeof ZLIB_SYMBOLS> {
  readonly path: string;
  readonly version: string;
  readonly layout: Layout;
}

/** Bytes at an address that C is given. All streams of a thread share them: each call is over before the next begins. */
interface Buffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly low: number;
  readonly high: number;
}

function makeBuffer(): Buffer {
  const bytes = allocate(BUFFER_SIZE);
  const address = ffi().address(ffi().pointerTo(bytes));
  return { bytes, low: Number(address & 0xffff_ffffn), high: Number(address >> 32n) };
}

let input: Buffer | undefined, output: Buffer | undefined;

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

/** Opens zlib, once a thread: what `CURLWS_ZLIB` names, else the platform's. Null where there is none. */
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

/** What both kinds of stream have: a `z_stream`, and where its input is. */
class ZStream {
  readonly zlib: Zlib;
  /** Held for as long as zlib knows its address. */
  readonly words: Uint32Array<ArrayBuffer>;
  pointer: Pointer;

  constructor(zlib: Zlib) {
    this.zlib = zlib;
    const bytes = allocate(zlib.layout.bytes);
    this.words = new Uint32Array(bytes.buffer);
    this.pointer = ffi().pointerTo(bytes);
    input ??= makeBuffer();
    output ??= makeBuffer();
  }

  /** @throws {CurlWebSocketError} `ERR_ZLIB` */
  check(code: number, call: string): void {
    if (code === Z_OK) return;
    throw new CurlWebSocketError("ERR_ZLIB", `${call} of ${this.zlib.path} ${this.zlib.version} failed with ${code}`);
  }

  /** Copies as much of `from` as fits, behind `at` bytes that are there; returns how much. */
  stage(from: Uint8Array, at: number): number {
    const { bytes, low, high } = input!;
    const count = Math.min(from.length, bytes.length - at);
    bytes.set(count === from.length ? from : from.subarray(0, count), at);
    this.words[NEXT_IN] = low;
    this.words[NEXT_IN + 1] = high;
    this.words[AVAIL_IN] = at + count;
    return count;
  }

  /** Empties the output buffer for the next call. */
  clear(): void {
    const { nextOut, availOut } = this.zlib.layout;
    this.words[nextOut] = output!.low;
    this.words[nextOut + 1] = output!.high;
    this.words[availOut] = BUFFER_SIZE;
  }

  /** zlib's words for what is wrong. */
  message(): string {
    const at = this.zlib.layout.message;
    const isNull = this.words[at] === 0 && this.words[at + 1] === 0;
    return isNull ? "invalid data" : ffi().cString(ffi().pointerAt(this.pointer, at * 4));
  }

  /** What the last call wrote. */
  written(): Uint8Array<ArrayBuffer> {
    return output!.bytes.subarray(0, BUFFER_SIZE - this.words[this.zlib.layout.availOut]!);
  }
}

class ZlibInflate implements InflateStream {
  readonly #z: ZStream;
  /** What is written and not yet staged. */
  #rest: Uint8Array = TAIL.subarray(0, 0);
  /** The tail is still to be staged. */
  #tail = false;
  /** The message's end is to be checked when all is used up. */
  #ending = false;
  /** Whether the message has any bytes yet, and whether they end with a block that has BFINAL set. */
  #begun = false;
  #final = false;
  /** The last call filled the output: there may be more without any input. */
  #full = false;
  /** zlib's `data_type` after the last call that did anything: one that does nothing forgets that it is between blocks. */
  #state = 0;
  drained = true;

  constructor(zlib: Zlib, windowBits: number) {
    this.#z = new ZStream(zlib);
    const { pointer } = this.#z;
    this.#z.check(zlib.inflateInit2_(pointer, -windowBits, ZLIB_VERSION, zlib.layout.bytes), "inflateInit2");
  }

  write(bytes: Uint8Array, last: boolean): void {
    const some = bytes.length > 0;
    // Some senders leave an empty message wholly empty, or add no empty block behind BFINAL: there is nothing to complete.
    this.#tail = this.#ending = last && (some || (this.#begun && !this.#final));
    this.#begun = !last && (some || this.#begun);
    if (some) this.#final = false;
    this.#rest = bytes;
    this.drained = !some && !this.#tail;
  }

  read(): Uint8Array | null {
    if (this.drained) return null;
    const { zlib, words, pointer } = this.#z, z = this.#z;
    const { availOut, dataType } = zlib.layout;
    z.clear();
    do {
      if (words[AVAIL_IN] === 0 && !this.#refill() && !this.#full) {
        this.drained = true;
        if (this.#ending) this.#checkEnd();
        break;
      }
      const code = zlib.inflate(pointer, Z_SYNC_FLUSH);
      if (code === Z_STREAM_END) this.#streamEnd();
      else if (code === Z_DATA_ERROR) throw new InflateError(z.message());
      else if (code !== Z_BUF_ERROR) z.check(code, "inflate");
      if (code !== Z_BUF_ERROR) this.#state = words[dataType]!;
      this.#full = words[availOut] === 0;
    } while (!this.#full);
    return z.written();
  }

  /** RFC 7692 section 7.2.2: with its tail, a message ends behind an empty block. */
  #checkEnd(): void {
    this.#ending = false;
    const BITS = 63, BETWEEN_BLOCKS = 128;
    if ((this.#state & (BETWEEN_BLOCKS | BITS)) !== BETWEEN_BLOCKS) {
      throw new InflateError("the message ends inside a block");
    }
  }

  /** Stages more input, the tail with the message's last bytes. Returns false where there is none. */
  #refill(): boolean {
    if (this.#rest.length > 0) {
      this.#rest = this.#rest.subarray(this.#z.stage(this.#rest, 0));
    } else if (!this.#tail) return false;
    if (this.#tail && this.#rest.length === 0) {
      const before = this.#z.words[AVAIL_IN]!;
      if (before + TAIL.length <= BUFFER_SIZE) {
        this.#z.stage(TAIL, before);
        this.#tail = false;
      }
    }
    return true;
  }

  /** A block with BFINAL set has ended: what follows begins a new stream, but its window goes on (section 7.2.3.5). */
  #streamEnd(): void {
    const { zlib, words, pointer } = this.#z;
    // A sender that adds no empty block behind has nothing to complete either.
    const left = words[AVAIL_IN]! + this.#rest.length + (this.#tail ? TAIL.length : 0);
    this.#final = left === 0;
    // Or the tail completed that very block.
    if (this.#ending && (left === TAIL.length || left === 0)) {
      this.#ending = this.#tail = false;
      words[AVAIL_IN] = 0;
    }
    this.#z.check(zlib.inflateResetKeep(pointer), "inflateResetKeep");
  }

  reset(): void {
    this.#z.check(this.#z.zlib.inflateReset(this.#z.pointer), "inflateReset");
  }

  close(): void {
    if (this.#z.pointer === null) return;
    this.#z.zlib.inflateEnd(this.#z.pointer);
    this.#z.pointer = null;
  }
}

class ZlibDeflate implements DeflateStream {
  readonly #z: ZStream;

  constructor(zlib: Zlib, windowBits: number, level: number, memLevel: number) {
    this.#z = new ZStream(zlib);
    // zlib makes no raw stream with a window of 2^8. With one of 2^9 it looks back 512 - 262 = 250 bytes at most (its
    // MAX_DIST), which the smaller window holds.
    const bits = Math.max(windowBits, 9);
    const code = zlib.deflateInit2_(
      this.#z.pointer,
      level,
      Z_DEFLATED,
      -bits,
      memLevel,
      Z_DEFAULT_STRATEGY,
      ZLIB_VERSION,
      zlib.layout.bytes,
    );
    this.#z.check(code, "deflateInit2");
  }

  deflate(message: Uint8Array): Uint8Array {
    const { zlib, words, pointer } = this.#z, z = this.#z;
    const { availOut } = zlib.layout;
    const chunks: Uint8Array[] = [];
    for (let rest = message;;) {
      if (words[AVAIL_IN] === 0) rest = rest.subarray(z.stage(rest, 0));
      z.clear();
      const code = zlib.deflate(pointer, rest.length > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH);
      if (code !== Z_BUF_ERROR) z.check(code, "deflate");
      // zlib: a flush is complete when it leaves room in the output.
      if (rest.length === 0 && words[AVAIL_IN] === 0 && words[availOut]! > 0) {
        if (chunks.length === 0) return z.written();
        chunks.push(z.written());
        return join(chunks);
      }
      if (words[availOut]! < BUFFER_SIZE) chunks.push(z.written().slice());
    }
  }

  reset(): void {
    this.#z.check(this.#z.zlib.deflateReset(this.#z.pointer), "deflateReset");
  }

  close(): void {
    if (this.#z.pointer === null) return;
    this.#z.zlib.deflateEnd(this.#z.pointer);
    this.#z.pointer = null;
  }
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/** Opens a stream that inflates; its window has 2^`windowBits` bytes, 8 to 15. */
export function createInflate(zlib: Zlib, windowBits: number): InflateStream {
  return new ZlibInflate(zlib, windowBits);
}

/** Opens a stream that compresses; `level` is -1 to 9, `memLevel` 1 to 9. */
export function createDeflate(zlib: Zlib, windowBits: number, level: number, memLevel: number): DeflateStream {
  return new ZlibDeflate(zlib, windowBits, level, memLevel);
}
