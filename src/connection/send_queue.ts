/** Frames on their way out: gathered into few buffers, counted as WHATWG's `bufferedAmount` counts. */
import { allocate } from "../platform/ffi.ts";
import { frameSize, headerSize, writeFrame, writeHeader } from "../protocol/frame_writer.ts";
import { mask, maskingMemory } from "../protocol/mask.ts";

/** Buffers come in two sizes: most connections send one small message at a time. */
const SMALL = 16 * 1024, LARGE = 256 * 1024;
/** So many of each size are kept for the next one who sends, by all connections of a thread together. */
const KEPT = 8;
/** Where masking is fastest. */
const MEMORY = KEPT * (SMALL + LARGE);

interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  start: number;
  end: number;
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

const encoder = new TextEncoder();

export class SendQueue {
  #chunks: Chunk[] = [];
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
      const chunk = this.#room(1, bytes.length - at);
      const part = bytes.subarray(at, at + chunk.bytes.length - chunk.end);
      chunk.bytes.set(part, chunk.end);
      chunk.end += part.length;
      at += part.length;
    }
    this.#queued += bytes.length;
  }

  /**
   * Queues a frame; its payload is copied. `counted` is what it adds to {@linkcode bufferedAmount}: the length of the
   * message before it was compressed, and nothing for a control frame.
   */
  push(opcode: number, payload: Uint8Array, key: number, counted: number): void {
    const { length } = payload, size = frameSize(length);
    const chunk = this.#room(Math.min(size, headerSize(length) + 4), size);
    if (chunk.bytes.length - chunk.end >= size) {
      chunk.end = writeFrame(chunk.bytes, chunk.end, opcode, payload, key);
    } else {
      this.#pushLong(chunk, opcode, payload, key);
    }
    this.#count(size, counted);
  }

  /** A frame that needs more chunks than the one it begins in: all of it, or, where memory runs out, nothing. */
  #pushLong(chunk: Chunk, opcode: number, payload: Uint8Array, key: number): void {
    const chunks = this.#chunks.length, { end } = chunk;
    try {
      chunk.end = writeHeader(chunk.bytes, end, opcode, payload.length, key);
      for (let at = 0; at < payload.length;) at += this.#append(payload, at, key);
    } catch (error) {
      for (const { bytes } of this.#chunks.splice(chunks)) release(bytes);
      chunk.end = end;
      if (chunk.start === end) release(this.#chunks.pop()!.bytes);
      throw error;
    }
  }

  /**
   * Queues a text message, encoded where it is to be sent from. Returns false, and queues nothing, for one that does not
   * fit there: it is too long, or not ASCII and longer in bytes than there is room.
   */
  pushText(opcode: number, text: string, key: number): boolean {
    // Most text is ASCII: its length is known before.
    const guess = headerSize(text.length), least = guess + text.length;
    if (least > LARGE) return false;
    const chunk = this.#room(least, least), { bytes, end } = chunk;
    const { read, written } = encoder.encodeInto(text, bytes.subarray(end + guess));
    const header = headerSize(written);
    if (read < text.length || end + header + written > bytes.length) {
      if (chunk.start === chunk.end) release(this.#chunks.pop()!.bytes);
      return false;
    }
    if (header !== guess) bytes.copyWithin(end + header, end + guess, end + guess + written);
    writeHeader(bytes, end, opcode, written, key);
    chunk.end = end + header + written;
    mask(bytes, end + header, chunk.end, key);
    this.#count(header + written, written);
    return true;
  }

  /** Appends as much of a payload as one chunk takes, and masks it; returns how much. */
  #append(payload: Uint8Array, at: number, key: number): number {
    const chunk = this.#room(1, payload.length - at);
    const part = payload.subarray(at, at + chunk.bytes.length - chunk.end);
    chunk.bytes.set(part, chunk.end);
    const turn = (at & 3) * 8;
    const turned = turn === 0 ? key : key >>> turn | key << 32 - turn;
    mask(chunk.bytes, chunk.end, chunk.end + part.length, turned);
    chunk.end += part.length;
    return part.length;
  }

  #count(size: number, counted: number): void {
    this.#queued += size;
    if (counted === 0) return;
    this.#frames.push({ end: this.#queued, size, payload: counted });
    this.#payload += counted;
    this.counted += counted;
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

  /** A chunk with room for `least` bytes; a new one is small where `wanted` is. */
  #room(least: number, wanted: number): Chunk {
    const tail = this.#chunks[this.#chunks.length - 1];
    if (tail !== undefined && tail.bytes.length - tail.end >= least) return tail;
    const size = tail === undefined && wanted <= SMALL ? SMALL : LARGE;
    buffers ??= createBuffers();
    const chunk = { bytes: buffers.kept[size]!.pop() ?? allocate(size), start: 0, end: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }
}
