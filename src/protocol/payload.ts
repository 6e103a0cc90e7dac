/** Makes messages from received bytes, which are in a buffer that is reused. */

/** Decodes payloads. A runtime may have a faster way than the web's API. */
export interface PayloadDecoder {
  /**
   * Returns the text of `bytes[from..to)`; throws a `TypeError` if it is not UTF-8. A byte order mark is part of it.
   */
  decode(bytes: Uint8Array, from: number, to: number): string;
  /** Returns the text of `bytes[from..to)`, which must be ASCII. */
  ascii(bytes: Uint8Array, from: number, to: number): string;
  /** Returns a copy of `bytes[from..to)`. */
  copy(bytes: Uint8Array, from: number, to: number): ArrayBuffer;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The decoder that needs only the web's API, and works in any runtime. */
export const portableDecoder: PayloadDecoder = {
  decode: (bytes: Uint8Array, from: number, to: number): string => decoder.decode(bytes.subarray(from, to)),
  ascii: (bytes: Uint8Array, from: number, to: number): string => decoder.decode(bytes.subarray(from, to)),
  copy: (bytes: Uint8Array, from: number, to: number): ArrayBuffer => bytes.slice(from, to).buffer as ArrayBuffer,
};

const NO_WORDS = new Int32Array(0);

/** Finds bytes that are not ASCII, four at a time. It keeps a view of the last buffer. */
export class AsciiScanner {
  #buffer: ArrayBufferLike = NO_WORDS.buffer;
  #words: Int32Array = NO_WORDS;

  /** Returns whether no byte of `bytes[from..to)` is above 127. */
  isAscii(bytes: Uint8Array, from: number, to: number): boolean {
    const { buffer, byteOffset } = bytes;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    }
    const words = this.#words;
    let all = 0;
    while (from < to && (byteOffset + from & 3) !== 0) all |= bytes[from++]!;
    const end = byteOffset + to >> 2;
    let word = byteOffset + from >> 2;
    // Else the text has no whole word, and `from` may be beyond the first one.
    if (word < end) {
      for (; word + 4 <= end; word += 4) all |= words[word]! | words[word + 1]! | words[word + 2]! | words[word + 3]!;
      for (; word < end; word++) all |= words[word]!;
      from = (word << 2) - byteOffset;
    }
    while (from < to) all |= bytes[from++]!;
    return (all & 0x8080_8080) === 0;
  }
}
