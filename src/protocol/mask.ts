/** Masking, RFC 6455 section 5.3. */
import { MASK_KERNEL } from "./mask_kernel.ts";

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

/** Memory of which `mask.wat` masks any part, five times as fast as {@linkcode mask} does it word by word. */
interface Kernel {
  readonly buffer: ArrayBuffer;
  readonly mask: (from: number, to: number, key: number) => void;
}

let kernel: Kernel | null = null;
let tried = false;

/** A page of WebAssembly's memory. */
const PAGE = 64 * 1024;

/**
 * Memory for payloads that are to be masked, the thread's one: its size is that of the first call. Null where there can
 * be none, for lack of WebAssembly or of addresses.
 */
export function maskingMemory(bytes: number): ArrayBuffer | null {
  if (!tried) {
    tried = true;
    kernel = createKernel(Math.ceil(bytes / PAGE));
  }
  return kernel?.buffer ?? null;
}

function createKernel(pages: number): Kernel | null {
  try {
    // It never grows: its buffer stays the same one.
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const code = Uint8Array.from(atob(MASK_KERNEL), (char) => char.charCodeAt(0));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { memory: { of: memory } });
    return { buffer: memory.buffer as ArrayBuffer, mask: exports["mask"] as Kernel["mask"] };
  } catch {
    return null;
  }
}

/** Masks `bytes[from..to)` in place. */
export function mask(bytes: Uint8Array, from: number, to: number, key: number): void {
  if (bytes.buffer === kernel?.buffer) {
    kernel.mask(bytes.byteOffset + from, bytes.byteOffset + to, key);
  } else {
    maskByWords(bytes, from, to, key);
  }
}

function maskByWords(bytes: Uint8Array, from: number, to: number, key: number): void {
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
