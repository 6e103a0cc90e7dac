/** Writes a client's frames, RFC 6455 section 5.2: always masked, never fragmented. */
import { mask } from "./mask.ts";

/** Returns the size of a client's frame header, in bytes: 2, a long length (2 or 8), and the key (4). */
export function headerSize(payloadLength: number): number {
  return payloadLength < 126 ? 6 : payloadLength < 0x1_0000 ? 8 : 14;
}

/** Returns the size of a client's frame, in bytes. */
export function frameSize(payloadLength: number): number {
  return headerSize(payloadLength) + payloadLength;
}

/** Writes a frame's header at `at`. Returns the offset after it. `opcode` may have RSV1 set. */
export function writeHeader(into: Uint8Array, at: number, opcode: number, length: number, key: number): number {
  into[at++] = 0x80 | opcode;
  if (length < 126) {
    into[at++] = 0x80 | length;
  } else if (length < 0x1_0000) {
    into[at++] = 0x80 | 126;
    into[at++] = length >>> 8;
    into[at++] = length & 0xff;
  } else {
    into[at++] = 0x80 | 127;
    const fields = new DataView(into.buffer, into.byteOffset + at, 8);
    fields.setUint32(0, Math.floor(length / 0x1_0000_0000));
    fields.setUint32(4, length >>> 0);
    at += 8;
  }
  for (let shift = 0; shift < 32; shift += 8) into[at++] = key >>> shift & 0xff;
  return at;
}

/** Writes one frame at `at`. Returns the offset after it. The payload is copied, not changed. */
export function writeFrame(into: Uint8Array, at: number, opcode: number, payload: Uint8Array, key: number): number {
  at = writeHeader(into, at, opcode, payload.length, key);
  into.set(payload, at);
  mask(into, at, at + payload.length, key);
  return at + payload.length;
}
