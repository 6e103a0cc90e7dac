/** Messages written into chunks of any size, compressed or not, with memory that runs out; then read by other means. */
import { type Chunk, CompressionFailed, type FrameSink, MessageWriter } from "../../../src/protocol/message_writer.ts";
import { MessageDeflater } from "../../../src/protocol/permessage_deflate.ts";
import { check, concat, Input, type Target } from "../target.ts";
import { readMasked, same } from "./frame_writer.ts";

const CHUNKS: readonly number[] = [14, 15, 20, 150, 4096, 262_144];
const SIZES: readonly number[] = [0, 1, 2, 125, 126, 127, 1000, 65_535, 65_536, 70_001];
const parameters = {
  clientNoContextTakeover: false,
  serverNoContextTakeover: false,
  clientMaxWindowBits: 15,
  serverMaxWindowBits: 15,
} as const;

/** Chunks of one size; memory runs out after some of them. */
export class Chunks implements FrameSink {
  readonly maxInPlace: number;
  readonly chunks: Chunk[] = [];
  readonly commits: [size: number, counted: number][] = [];
  /** How many more chunks there are. */
  left: number;
  #committed = 0;

  constructor(size: number, left = Infinity) {
    this.maxInPlace = size;
    this.left = left;
  }

  room(least: number): Chunk {
    check(least <= this.maxInPlace, () => `room for ${least} of ${this.maxInPlace} bytes was wanted`);
    const tail = this.chunks.at(-1);
    if (tail !== undefined && tail.bytes.length - tail.end >= least) return tail;
    if (this.left-- <= 0) throw new RangeError("no memory");
    const chunk = { bytes: new Uint8Array(this.maxInPlace), start: 0, end: 0 };
    this.chunks.push(chunk);
    return chunk;
  }

  commit(size: number, counted: number): void {
    this.commits.push([size, counted]);
    this.#committed += size;
    const { size: written } = this;
    check(written === this.#committed, () => `${written} bytes were written, and ${this.#committed} committed`);
  }

  rollback(chunk: Chunk, end: number): void {
    this.chunks.splice(this.chunks.indexOf(chunk) + 1);
    chunk.end = end;
  }

  /** Bytes that were written. */
  get size(): number {
    return this.chunks.reduce((sum, { end }) => sum + end, 0);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return concat(...this.chunks.map(({ bytes, end }) => bytes.subarray(0, end)));
  }
}

/** "Compresses" by writing every byte twice, before the flush's four octets. */
export class Doubling {
  fails = false;
  closed = 0;
  readonly deflater: MessageDeflater = new MessageDeflater(parameters, () => ({
    deflate: (input) => {
      if (this.fails) throw new RangeError("no memory for zlib");
      return concat(double(input), [0, 0, 255, 255]);
    },
    reset: () => {},
    close: () => void this.closed++,
  }));
}

export function double(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  // What RFC 7692 section 7.2.3.6 makes of an empty message.
  if (bytes.length === 0) return Uint8Array.of(0);
  const doubled = new Uint8Array(bytes.length * 2);
  for (let i = 0; i < doubled.length; i++) doubled[i] = bytes[i >> 1]!;
  return doubled;
}

/**
 * The size of chunks, from which size on messages are compressed, then messages: what, how long, of what, and how much
 * memory.
 */
function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const sink = new Chunks(CHUNKS[input.byte() % CHUNKS.length]!);
  const threshold = SIZES[input.byte() % SIZES.length]!, compresses = (input.byte() & 1) !== 0;
  const seen: string[] = [];
  const observer = {
    frameReceived: () => {},
    frameSent: (...frame: unknown[]) => void seen.push(frame.join(" ")),
  };
  const writer = new MessageWriter(sink, { observer });
  const doubling = new Doubling();
  if (compresses) writer.compress(doubling.deflater, threshold);
  const expected: { opcode: number; payload: Uint8Array; counted: number; compressed: boolean }[] = [];
  let messages = 0, controls = 0;
  for (let left = input.byte() % 16; left > 0; left--) {
    const kind = input.byte() % 4, size = SIZES[input.byte() % SIZES.length]!, filler = input.byte();
    const memory = input.byte();
    sink.left = memory < 32 ? memory : Infinity;
    doubling.fails = memory === 255;
    const before = sink.size;
    const text = String.fromCodePoint(filler < 0x80 ? filler : filler * 0x101).repeat(kind === 1 ? size : 0);
    const length = kind === 0 ? Math.min(size, 125) : size;
    const payload = kind === 1 ? new TextEncoder().encode(text) : new Uint8Array(length).fill(filler);
    const compressed = kind !== 0 && compresses && payload.length >= threshold;
    try {
      if (kind === 0) writer.control(9, payload);
      else if (kind === 1) writer.text(text);
      else writer.message(2, payload);
    } catch (error) {
      check(memory < 32 || memory === 255, () => `${error} with memory`);
      check(sink.size === before, () => "a message that failed left something");
      check((error instanceof CompressionFailed) === compressed, () => `${error}, compressed ${compressed}`);
      continue;
    }
    if (kind === 0) controls++;
    else messages++;
    const opcode = kind === 0 ? 9 : kind === 1 ? 1 : 2;
    expected.push({
      opcode,
      payload: compressed ? double(payload) : payload,
      counted: kind === 0 ? 0 : payload.length,
      compressed,
    });
  }
  check(writer.messages === messages && writer.controls === controls, () => `${writer.messages}, ${writer.controls}`);
  const wire = sink.bytes;
  check(seen.length === expected.length && sink.commits.length === expected.length, () => `${seen.length} frames`);
  let at = 0;
  for (const [i, { opcode, payload, counted, compressed }] of expected.entries()) {
    const [size, count] = sink.commits[i]!;
    const frame = readMasked(wire.subarray(at, at += size));
    check(frame.first === (0x80 | (compressed ? 0x40 : 0) | opcode), () => `frame ${i} begins with ${frame.first}`);
    check(same(frame.payload, payload), () => `the payload of frame ${i} does not come back`);
    check(count === counted, () => `frame ${i} counts for ${count}, and must for ${counted}`);
    check(seen[i] === `${opcode} ${payload.length} ${compressed}`, () => `${seen[i]} was observed`);
  }
  check(at === wire.length, () => `${wire.length - at} bytes are in no frame`);
}

function seeds(): Uint8Array[] {
  return CHUNKS.flatMap((_, chunk) =>
    [0, 1].map((compresses) =>
      Uint8Array.from([
        chunk,
        3,
        compresses,
        10,
        ...SIZES.flatMap((_, size) => [size % 4, size, 97 + size * 9, size === 7 ? 2 : 200]),
      ])
    )
  );
}

export const messageWriter: Target = { name: "message_writer", fuzz, seeds, dictionary: [] };
