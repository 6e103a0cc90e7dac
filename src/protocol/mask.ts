/** Masking, RFC 6455 section 5.3. */

/** Gives masking keys; each must be unpredictable (section 10.3), so they come from a strong generator, many at a time. */
export class MaskingKeys {
  readonly #pool: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  readonly #fill: (words: Uint32Array<ArrayBuffer>) => void;
  #next: number = this.#pool.length;

  constructor(fill: (words: Uint32Array<ArrayBuffer>) => void = (words) => void crypto.getRandomValues(words)) {
    this.#fill = fill;
  }

  /** The next key, its four bytes in little-endian order. */
  next(): number {
    if (this.#next === this.#pool.length) {
      this.#fill(this.#pool);
      this.#next = 0;
    }
    return this.#pool[this.#next++]!;
  }
}

/** Masks `bytes[from..to)` in place. */
export function mask(bytes: Uint8Array, from: number, to: number, key: number): void {
  let rotated = key;
  // Up to a word's boundary by bytes; the key turns with them.
  while (from < to && (bytes.byteOffset + from) % 4 !== 0) {
    bytes[from++]! ^= rotated & 0xff;
    rotated = rotated >>> 8 | rotated << 24;
  }
  const count = (to - from) >> 2;
  if (count > 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + from, count);
    for (let i = 0; i < count; i++) words[i]! ^= rotated;
    from += count * 4;
  }
  while (from < to) {
    bytes[from++]! ^= rotated & 0xff;
    rotated = rotated >>> 8 | rotated << 24;
  }
}
