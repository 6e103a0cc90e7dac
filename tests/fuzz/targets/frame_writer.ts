/** Frames written and masked, then read by other means. */
import { mask } from "../../../src/protocol/mask.ts";
import { frameSize, writeFrame } from "../../../src/protocol/frame_writer.ts";
import { check, concat, Input, type Target } from "../target.ts";

const LENGTHS: readonly number[] = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 70001];
const FILLER = 0x5c;

/**
 * Offsets, the opcode, the key, where to mask; then the payload, which is repeated to one of the lengths that matter.
 */
function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const base = input.byte() % 9, at = input.byte(), behind = input.byte() % 9;
  const first = input.byte() & 0x4f;
  const key = (input.short() << 16 | input.short()) >>> 0;
  const from = input.short(), to = input.short();
  const choice = input.byte();
  const payload = stretch(input.rest(), choice < LENGTHS.length ? LENGTHS[choice]! : undefined);
  writes(payload, { base, at, behind, first, key });
  masks(payload, from % (payload.length + 1), to % (payload.length + 1), key, base);
}

function stretch(bytes: Uint8Array<ArrayBuffer>, length: number | undefined): Uint8Array<ArrayBuffer> {
  if (length === undefined) return bytes;
  const long = new Uint8Array(length);
  if (bytes.length > 0) { for (let i = 0; i < length; i++) long[i] = bytes[i % bytes.length]! + (i >> 8); }
  return long;
}

interface Placement {
  /** Where the buffer begins in its memory, where in it the frame does, and how much is behind. */
  readonly base: number;
  readonly at: number;
  readonly behind: number;
  readonly first: number;
  readonly key: number;
}

function writes(payload: Uint8Array, { base, at, behind, first, key }: Placement): void {
  const memory = new Uint8Array(base + at + frameSize(payload.length) + behind + 3).fill(FILLER);
  const into = memory.subarray(base, memory.length - 3);
  const before = payload.slice();
  const end = writeFrame(into, at, first, payload, key);
  check(same(payload, before), () => "the payload was changed");
  check(end === at + frameSize(payload.length), () => `the frame ends at ${end}, and its size is another`);
  const outside = concat(memory.subarray(0, base + at), memory.subarray(base + end));
  check(outside.every((byte) => byte === FILLER), () => "bytes outside the frame were written");
  const frame = readMasked(into.subarray(at, end));
  check(frame.first === (first | 0x80), () => `the first byte is ${frame.first}, and must be ${first | 0x80}`);
  check(frame.key === key, () => `the key is ${frame.key}, and must be ${key}`);
  check(same(frame.payload, payload), () => `the payload of ${payload.length} bytes does not come back`);
}

/** RFC 6455 sections 5.2 and 5.3, for one frame that fills the bytes. */
export function readMasked(bytes: Uint8Array): { first: number; key: number; payload: Uint8Array } {
  check((bytes[1]! & 128) !== 0, () => "the frame is not masked");
  const short = bytes[1]! & 127;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  let length = BigInt(short);
  if (lengthBytes > 0) {
    length = 0n;
    for (const byte of bytes.subarray(2, 2 + lengthBytes)) length = length * 256n + BigInt(byte);
    check(length >= (lengthBytes === 2 ? 126n : 65536n), () => `the length ${length} is not in its shortest form`);
  }
  const key = bytes.subarray(2 + lengthBytes, 6 + lengthBytes);
  const payload = bytes.slice(6 + lengthBytes);
  for (let i = 0; i < payload.length; i++) payload[i]! ^= key[i % 4]!;
  check(BigInt(payload.length) === length, () => `the length is ${length}, and ${payload.length} bytes follow`);
  // The key is given as a number in little-endian order.
  return { first: bytes[0]!, key: new DataView(key.slice().buffer).getUint32(0, true), payload };
}

function masks(payload: Uint8Array, from: number, to: number, key: number, base: number): void {
  const memory = new Uint8Array(base + payload.length);
  const bytes = memory.subarray(base);
  bytes.set(payload);
  const expected = payload.slice();
  for (let i = from; i < to; i++) expected[i]! ^= key >>> 8 * ((i - from) % 4) & 255;
  mask(bytes, from, to, key);
  check(same(bytes, expected), () => `masking from ${from} to ${to} of ${payload.length} bytes is wrong`);
  mask(bytes, from, to, key);
  check(same(bytes, payload), () => "masking twice does not give the bytes back");
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function seeds(): Uint8Array[] {
  const payload = new TextEncoder().encode("Hello, world");
  return LENGTHS.map((_, i) => concat([i, i * 3, i * 5, 1 + i % 2, 1, 2, 3, 4, 0, i, 0, 40 + i, i], payload)).concat([
    concat([0, 0, 0, 9, 255, 254, 253, 252, 0, 1, 0, 3, 255], payload),
    concat([3, 1, 0, 8, 0x80, 0, 0, 0x80, 0, 0, 0, 0, 255]),
  ]);
}

export const frameWriter: Target = { name: "frame_writer", fuzz, seeds, dictionary: [] };
