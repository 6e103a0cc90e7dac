/** Frames on their way out: gathered into few buffers, counted as WHATWG's `bufferedAmount` counts. */
import { allocate } from "../platform/ffi.ts";
import { maskingMemory } from "../protocol/mask.ts";
import type { Chunk, FrameSink } from "../protocol/message_writer.ts";

/** Buffers come in two sizes: most connections send one small message at a time. */
const SMALL = 16 * 1024, LARGE = 256 * 1024;
/** So many of each size are kept for the next one who sends, by all connections of a thread together. */
const KEPT = 8;
/** Where masking is fastest. */
const MEMORY = KEPT * (SMALL + LARGE);

interface QueuedChunk extends Chunk {
  start: number;
}

/** Those that are kept, by their size. */
interface Buffers {
  /** Where all of them lie, if masking has such memory; a buffer that lies elsewhere is then not kept. */
  readonly memory: ArrayBuffer | null;
  readonly kept: Record<number, Uint8Array<ArrayBuffer>[]>;
}

let buffers: Buffers | undefined;

/** Only pages that are written to take memory, and what was given back last is taken first. */
function createBuffers(): Buffers {
  const shared = maskingMemory(MEMORY);
  // Its size is the first caller's.
  const memory = shared === null || shared.byteLength < MEMORY ? null : shared;
  let at = 0;
  const cut = (size: number) =>
    memory === null ? [] : Array.from({ length: KEPT }, () => new Uint8Array(memory, (at += size) - size, size));
  return { memory, kept: { [LARGE]: cut(LARGE), [SMALL]: cut(SMALL) } };
}

function release(bytes: Uint8Array<ArrayBuffer>): void {
  const { memory } = buffers!, kept = buffers!.kept[bytes.length]!;
  if (memory === null ? kept.length < KEPT : bytes.buffer === memory) kept.push(bytes);
}

export class SendQueue implements FrameSink {
  readonly maxInPlace: number = LARGE;
  #chunks: QueuedChunk[] = [];
  /** What a send that took nothing was given: it must be given the same again (TLS). */
  #retry = 0;
  /** The stream's positions: bytes queued, and sent, since the start. */
  #queued = 0;
  #sent = 0;
  /** Of each frame that is not wholly sent: where it ends, its size, and the bytes it counts for. */
  #frames: { end: number; size: number; payload: number }[] = [];
  #payload = 0;
  /** Bytes of messages that were queued, since the start. */
  counted = 0;

  get empty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Bytes that were sent, since the start. */
  get sent(): number {
    return this.#sent;
  }

  /** Bytes that are still to be sent, frames and all. */
  get size(): number {
    return this.#queued - this.#sent;
  }

  /** Bytes of messages that the kernel has not yet taken; of one that is partly sent, in proportion. */
  get bufferedAmount(): number {
    const head = this.#frames[0];
    if (head === undefined) return 0;
    const left = Math.min(1, (head.end - this.#sent) / head.size);
    return this.#payload - head.payload + Math.ceil(head.payload * left);
  }

  /** Queues bytes that are no frame: the handshake's request. */
  pushRaw(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const chunk = this.room(1, bytes.length - at);
      const part = bytes.subarray(at, at + chunk.bytes.length - chunk.end);
      chunk.bytes.set(part, chunk.end);
      chunk.end += part.length;
      at += part.length;
    }
    this.#queued += bytes.length;
  }

  commit(size: number, counted: number): void {
    this.#queued += size;
    if (counted === 0) return;
    this.#frames.push({ end: this.#queued, size, payload: counted });
    this.#payload += counted;
    this.counted += counted;
  }

  rollback(chunk: Chunk, end: number): void {
    for (const { bytes } of this.#chunks.splice(this.#chunks.indexOf(chunk as QueuedChunk) + 1)) release(bytes);
    chunk.end = end;
    if (chunk.start === end) release(this.#chunks.pop()!.bytes);
  }

  /** Sends until all is sent or `send` takes nothing. Returns how many bytes went; what `send` throws is thrown. */
  flush(send: (bytes: Uint8Array) => number): number {
    const before = this.#sent;
    try {
      for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
        const length = this.#retry || chunk.end - chunk.start;
        const taken = send(chunk.bytes.subarray(chunk.start, chunk.start + length));
        if (taken === 0) {
          this.#retry = length;
          break;
        }
        this.#retry = 0;
        chunk.start += taken;
        this.#sent += taken;
        if (chunk.start < chunk.end) continue;
        // A buffer has one owner: it leaves the queue before it is given back, whatever the next send throws.
        this.#chunks.shift();
        release(chunk.bytes);
      }
    } finally {
      this.#forgetFrames();
    }
    return this.#sent - before;
  }

  /** Forgets the frames that are sent whole. */
  #forgetFrames(): void {
    let whole = 0;
    while (whole < this.#frames.length && this.#frames[whole]!.end <= this.#sent) {
      this.#payload -= this.#frames[whole++]!.payload;
    }
    if (whole > 0) this.#frames.splice(0, whole);
  }

  /** Gives the buffers back, and takes none again; what is queued stays counted. */
  close(): void {
    for (const { bytes } of this.#chunks.splice(0)) release(bytes);
  }

  /** A new chunk is small if `wanted` is. */
  room(least: number, wanted: number): Chunk {
    const tail = this.#chunks[this.#chunks.length - 1];
    if (tail !== undefined && tail.bytes.length - tail.end >= least) return tail;
    const size = tail === undefined && wanted <= SMALL ? SMALL : LARGE;
    buffers ??= createBuffers();
    const chunk = { bytes: buffers.kept[size]!.pop() ?? allocate(size), start: 0, end: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }
}
