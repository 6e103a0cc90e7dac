/** Parses frame headers, RFC 6455 section 5.2, from bytes cut anywhere. */
import { MAX_CONTROL_PAYLOAD, OPCODE_CLOSE, OPCODE_PONG, ProtocolViolation } from "./constants.ts";

/** The longest header of a server's frame: two bytes and a 64-bit length. */
const MAX_HEADER = 10;

/** Parses one header at a time. The caller takes the payload's bytes, and counts `remaining` down. */
export class FrameParser {
  fin = false;
  /** "Per-Message Compressed", RFC 7692 section 6. */
  rsv1 = false;
  opcode = 0;
  /** The length of the frame's payload, in bytes. */
  length = 0;
  /** How many bytes of the payload are still to come. */
  remaining = 0;
  /** Whether a header has been parsed, and its payload not yet taken. */
  inFrame = false;

  readonly #allowRsv1: boolean;
  /** The first `#held` bytes of a header that is not complete; null if there is none. */
  #partial: Uint8Array | null = null;
  #held = 0;

  constructor(allowRsv1 = false) {
    this.#allowRsv1 = allowRsv1;
  }

  /**
   * Parses the header of a frame that is a whole message, not compressed, and whose payload is all there: the usual
   * case, in fewer steps. Returns the offset of its payload, or 0 for any other frame, which {@linkcode readHeader}
   * then parses.
   */
  readWhole(input: Uint8Array, at: number, end: number): number {
    if (this.inFrame || this.#held > 0 || end - at < 2) return 0;
    const first = input[at]!;
    let length = input[at + 1]!;
    if (first !== 0x81 && first !== 0x82) return 0;
    let start = at + 2;
    // 126 and 127 stand for a length that follows.
    if (length > 125) {
      if (end - at < MAX_HEADER) return 0;
      if (length === 126) {
        length = input[at + 2]! << 8 | input[at + 3]!;
        if (length < 126) return 0;
        start = at + 4;
      } else {
        if (length > 127 || uint32(input, at + 2) !== 0) return 0;
        length = uint32(input, at + 6);
        if (length < 0x1_0000) return 0;
        start = at + MAX_HEADER;
      }
    }
    if (start + length > end) return 0;
    this.opcode = first & 0x0f;
    this.length = length;
    return start;
  }

  /**
   * Parses a header in `input[at..end)`. Returns the offset after it; `inFrame` is true if it is complete.
   *
   * @throws {ProtocolViolation} at the first byte that is wrong
   */
  readHeader(input: Uint8Array, at: number, end: number): number {
    if (this.#held === 0) {
      const size = this.#parse(input, at, end);
      if (size > 0) return at + size;
    }
    const partial = this.#partial ??= new Uint8Array(MAX_HEADER);
    while (at < end) {
      partial[this.#held++] = input[at++]!;
      if (this.#parse(partial, 0, this.#held) > 0) {
        this.#held = 0;
        this.#partial = null;
        return at;
      }
    }
    return at;
  }

  /** Returns the header's size, or 0 if bytes are missing. */
  #parse(input: Uint8Array, at: number, end: number): number {
    const available = end - at;
    if (available < 1) return 0;
    const first = input[at]!;
    const opcode = first & 0x0f;
    if (first & 0x30 || (first & 0x40 && (!this.#allowRsv1 || opcode === 0 || opcode >= OPCODE_CLOSE))) {
      throw new ProtocolViolation("RESERVED_BITS", `first byte 0x${first.toString(16)}`);
    }
    if ((opcode > 2 && opcode < OPCODE_CLOSE) || opcode > OPCODE_PONG) {
      throw new ProtocolViolation("RESERVED_OPCODE", `0x${opcode.toString(16)}`);
    }
    const control = opcode >= OPCODE_CLOSE;
    if (control && first < 0x80) throw new ProtocolViolation("CONTROL_FRAGMENTED");
    if (available < 2) return 0;
    const second = input[at + 1]!;
    if (second & 0x80) throw new ProtocolViolation("MASKED");
    let length = second, size = 2;
    if (control && length > MAX_CONTROL_PAYLOAD) throw new ProtocolViolation("CONTROL_TOO_LONG");
    if (length === 126) {
      if (available < 4) return 0;
      length = input[at + 2]! << 8 | input[at + 3]!;
      size = 4;
      if (length < 126) throw new ProtocolViolation("LENGTH_NOT_MINIMAL", String(length));
    } else if (length === 127) {
      if (available < 10) return 0;
      const high = uint32(input, at + 2), low = uint32(input, at + 6);
      if (high >= 0x8000_0000) throw new ProtocolViolation("LENGTH_TOO_LARGE");
      // Above 2^53 the number is not exact, but larger than any maxMessageSize.
      length = high * 0x1_0000_0000 + low;
      size = 10;
      if (length < 0x1_0000) throw new ProtocolViolation("LENGTH_NOT_MINIMAL", String(length));
    }
    this.fin = first >= 0x80;
    this.rsv1 = (first & 0x40) !== 0;
    this.opcode = opcode;
    this.length = this.remaining = length;
    this.inFrame = true;
    return size;
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}
