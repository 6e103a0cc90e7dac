/** Frames on their way out: gathered into few buffers, counted as WHATWG's `bufferedAmount` counts. */
import { allocate } from "./curl/ffi.ts";
import { frameSize, writeFrame } from "./protocol/frame_writer.ts";

const CHUNK_SIZE = 64 * 1024;
/** What one send may take: so that a long message's `bufferedAmount` falls as it goes out. */
const SEND_SIZE = 256 * 1024;

interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  start: number;
  end: number;
}

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

  get empty(): boolean {
    return this.#chunks.length === 0;
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
    const chunk = this.#room(bytes.length);
    chunk.bytes.set(bytes, chunk.end);
    chunk.end += bytes.length;
    this.#queued += bytes.length;
  }

  /**
   * Queues a frame; its payload is copied. `counted` is what it adds to {@linkcode bufferedAmount}: the length of the
   * message before it was compressed, and nothing for a control frame.
   */
  push(opcode: number, payload: Uint8Array, key: number, counted: number): void {
    const size = frameSize(payload.length);
    const chunk = this.#room(size);
    chunk.end = writeFrame(chunk.bytes, chunk.end, opcode, payload, key);
    this.#queued += size;
    if (counted === 0) return;
    this.#frames.push({ end: this.#queued, size, payload: counted });
    this.#payload += counted;
  }

  /** Sends until all is sent or `send` takes nothing. Answers how many bytes went. */
  flush(send: (bytes: Uint8Array) => number): number {
    const before = this.#sent;
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const length = this.#retry || Math.min(chunk.end - chunk.start, SEND_SIZE);
      const taken = send(chunk.bytes.subarray(chunk.start, chunk.start + length));
      if (taken === 0) {
        this.#retry = length;
        break;
      }
      this.#retry = 0;
      chunk.start += taken;
      this.#sent += taken;
      if (chunk.start === chunk.end) this.#chunks.shift();
    }
    let done = 0;
    while (done < this.#frames.length && this.#frames[done]!.end <= this.#sent) {
      this.#payload -= this.#frames[done++]!.payload;
    }
    if (done > 0) this.#frames.splice(0, done);
    return this.#sent - before;
  }

  #room(size: number): Chunk {
    const tail = this.#chunks[this.#chunks.length - 1];
    if (tail !== undefined && tail.bytes.length - tail.end >= size) return tail;
    // The first buffer is just as large as its frame: most connections send one small message at a time.
    const chunk = { bytes: allocate(tail === undefined ? size : Math.max(size, CHUNK_SIZE)), start: 0, end: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }
}
