/** Raw DEFLATE streams that are written, by the system's zlib. */
import type { Zlib } from "./zlib.ts";
import { AVAIL_IN, BUFFER_SIZE, Z_BUF_ERROR, Z_SYNC_FLUSH, ZLIB_VERSION, ZlibStream } from "./zlib_stream.ts";

const Z_NO_FLUSH = 0, Z_DEFLATED = 8, Z_DEFAULT_STRATEGY = 0;

/** A stream as `MessageDeflater` of `protocol/permessage_deflate.ts` takes it. */
export class ZlibDeflate {
  readonly #z: ZlibStream;

  /** The window has 2^`windowBits` bytes, 8 to 15; `level` is -1 to 9, `memLevel` 1 to 9. */
  constructor(zlib: Zlib, windowBits: number, level: number, memLevel: number) {
    this.#z = new ZlibStream(zlib);
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
