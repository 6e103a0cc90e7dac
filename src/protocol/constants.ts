/** Constants of RFC 6455, and the table of violations with their close codes. */

/** Opcodes, RFC 6455 section 5.2. */
export const OPCODE_CONTINUATION = 0x0;
export const OPCODE_TEXT = 0x1;
export const OPCODE_BINARY = 0x2;
export const OPCODE_CLOSE = 0x8;
export const OPCODE_PING = 0x9;
export const OPCODE_PONG = 0xa;

/** The bit "Per-Message Compressed" of a frame's first byte, RFC 7692 section 6. */
export const RSV1 = 0x40;

/** The largest payload of a control frame, in bytes: RFC 6455 section 5.5. */
export const MAX_CONTROL_PAYLOAD = 125;

/** Close codes that no frame carries: RFC 6455 section 7.4.1. */
export const CLOSE_NO_STATUS = 1005;
export const CLOSE_ABNORMAL = 1006;

/** The ways to break the protocol, each with the close code that the peer gets, and an explanation. */
export const VIOLATIONS = {
  RESERVED_BITS: [1002, "a frame has a reserved bit set that no extension defines (RFC 6455 section 5.2)"],
  RESERVED_OPCODE: [1002, "a frame has a reserved opcode (RFC 6455 section 5.2)"],
  MASKED: [1002, "a frame from the server is masked (RFC 6455 section 5.1)"],
  LENGTH_NOT_MINIMAL: [1002, "a frame's length is not in its shortest form (RFC 6455 section 5.2)"],
  LENGTH_TOO_LARGE: [1002, "a frame's 64-bit length has its first bit set (RFC 6455 section 5.2)"],
  CONTROL_FRAGMENTED: [1002, "a control frame is fragmented (RFC 6455 section 5.5)"],
  CONTROL_TOO_LONG: [1002, "a control frame is longer than 125 bytes (RFC 6455 section 5.5)"],
  CONTINUATION_UNEXPECTED: [1002, "a continuation frame continues no message (RFC 6455 section 5.4)"],
  CONTINUATION_EXPECTED: [1002, "a new message begins inside a fragmented one (RFC 6455 section 5.4)"],
  CLOSE_PAYLOAD: [1002, "a close frame's payload has one byte (RFC 6455 section 5.5.1)"],
  CLOSE_CODE: [1002, "a close frame has a code that may not be sent (RFC 6455 section 7.4)"],
  CLOSE_REASON: [1007, "a close frame's reason is not UTF-8 (RFC 6455 section 8.1)"],
  TEXT_NOT_UTF8: [1007, "a text message is not UTF-8 (RFC 6455 section 8.1)"],
  DEFLATE_INVALID: [1007, "a compressed message is not valid DEFLATE data (RFC 7692 section 7.2.2)"],
  MESSAGE_TOO_BIG: [1009, "a message is too large"],
} as const;

/** The peer broke the protocol. */
export class ProtocolViolation extends Error {
  override readonly name: string = "ProtocolViolation";
  readonly violation: keyof typeof VIOLATIONS;
  readonly closeCode: number;

  constructor(violation: keyof typeof VIOLATIONS, detail?: string) {
    const [closeCode, message] = VIOLATIONS[violation];
    super(detail === undefined ? message : `${message}: ${detail}`);
    this.violation = violation;
    this.closeCode = closeCode;
  }
}

/** Returns whether an endpoint may send a close code (RFC 6455 section 7.4, and the IANA registry, up to 1014). */
export function isSendableCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== CLOSE_NO_STATUS && code !== CLOSE_ABNORMAL) ||
    (code >= 3000 && code <= 4999);
}
