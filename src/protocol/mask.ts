/** Masking, RFC 6455 section 5.3. */
import { MASK_KERNEL } from "./mask_kernel.ts";

/** How many keys are made at once: a call for each would cost more than the rest of a small message. */
const POOL_SIZE = 1024;

/** Makes masking keys. Each must be unpredictable (section 10.3), so they come from a strong random generator. */
export class MaskingKeys {
  readonly #pool: Uint32Array<ArrayBuffer> = new Uint32Array(POOL_SIZE);
  readonly #fill: (words: Uint32Array<ArrayBuffer>) => void;
  #next: number = this.#pool.length;

  constructor(fill: (words: Uint32Array<ArrayBuffer>) => void = (words) => void crypto.getRandomValues(words)) {
    this.#fill = fill;
  }

  /** Returns the next key, with its first byte lowest. */
  next(): number {
    if (this.#next === this.#pool.length) {
      this.#fill(this.#pool);
      this.#next = 0;
    }
    return this.#pool[this.#next++]!;
  }
}

/** Memory, any part of which `mask.wat` can mask: five times as fast as word by word in JavaScript. */
interface Kernel {
  readonly buffer: ArrayBuffer;
  readonly mask: (from: number, to: number, key: number) => void;
}

let kernel: Kernel | null = null;
let tried = false;

/** The size of a page of WebAssembly's memory, in bytes. */
const PAGE = 64 * 1024;

/**
 * Returns the thread's memory for payloads that are to be masked. The first call decides its size. Null if there is
 * none: without WebAssembly, or without address space for it.
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
    // It never grows, so its buffer stays the same.
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
  // Byte by byte up to a word's boundary, rotating the key.
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
