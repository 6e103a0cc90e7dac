/** WebSocket frames as a server sends and receives them. */
import { Buffer } from "node:buffer";

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One frame, unmasked. */
export interface Frame {
  fin: boolean;
  reserved: number;
  opcode: number;
  masked: boolean;
  payload: Uint8Array<ArrayBuffer>;
}

export interface FrameOptions {
  fin?: boolean;
  /** The three reserved bits, 0 to 7. */
  reserved?: number;
  /** Masks as only a client may. */
  masked?: boolean;
}

/** The bytes of a frame. */
export function frame(
  opcode: number,
  data: string | Uint8Array = "",
  { fin = true, reserved = 0, masked = false }: FrameOptions = {},
): Buffer<ArrayBuffer> {
  const payload = Buffer.from(data as string);
  const header = [(fin ? 0x80 : 0) | reserved << 4 | opcode];
  const mark = masked ? 0x80 : 0;
  if (payload.length < 126) header.push(mark | payload.length);
  else if (payload.length < 65536) header.push(mark | 126, payload.length >> 8, payload.length & 0xff);
  else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(payload.length));
    header.push(mark | 127, ...length);
  }
  if (masked) {
    const mask = Uint8Array.of(1, 2, 3, 4);
    header.push(...mask);
    applyMask(payload, mask);
  }
  return Buffer.concat([Buffer.from(header), payload]);
}

/** The payload of a close frame. */
export function closePayload(code: number, reason = ""): Buffer<ArrayBuffer> {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}

/** The code and reason of a close frame; 1005 for an empty one. */
export function readClose({ payload }: Frame): { code: number; reason: string } {
  const [high, low] = payload;
  if (high === undefined || low === undefined) return { code: 1005, reason: "" };
  return { code: high << 8 | low, reason: new TextDecoder().decode(payload.subarray(2)) };
}

function applyMask(payload: Uint8Array, mask: Uint8Array): void {
  for (let index = 0; index < payload.length; index++) payload[index] = payload[index]! ^ mask[index & 3]!;
}

/** The first frame in `bytes` and how many bytes it took; undefined until it is whole. */
export function parseFrame(bytes: Uint8Array): { frame: Frame; size: number } | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let length = second & 0x7f;
  let offset = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = view.getUint16(2);
    offset = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(view.getBigUint64(2));
    offset = 10;
  }
  const masked = second >= 0x80;
  const mask = masked ? bytes.subarray(offset, offset += 4) : undefined;
  if (bytes.length < offset + length) return undefined;
  const payload = new Uint8Array(bytes.subarray(offset, offset + length));
  if (mask) applyMask(payload, mask);
  const frame = { fin: first >= 0x80, reserved: first >> 4 & 7, opcode: first & 15, masked, payload };
  return { frame, size: offset + length };
}
