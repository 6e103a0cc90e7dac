/** A buffer for bytes that come in pieces. Pure. */

/** How large it is at first, in bytes: most headers fit in. */
const FIRST_SIZE = 1024;

/** Collects pieces of bytes. It grows by doubling, so that many small pieces stay cheap. */
export class GrowingBuffer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_SIZE);
  #length = 0;

  /** Appends a copy of bytes. */
  push(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.view);
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /** How many bytes were appended. */
  get length(): number {
    return this.#length;
  }

  /** All bytes, without a copy; valid until the next {@linkcode push}. */
  get view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}
