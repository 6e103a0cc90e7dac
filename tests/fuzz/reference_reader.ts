/**
 * What a client must make of a server's bytes, by RFC 6455 and RFC 7692 and without a line of the message reader: slow,
 * over the whole input. The message reader is compared with it.
 */
import { judgeUtf8 } from "../protocol/utf8.ts";
import { toHex } from "./target.ts";

/** Inflated bytes, and whether an error follows them. */
export type Inflated = { readonly bytes: Uint8Array; readonly error: boolean };

export interface ReferenceOptions {
  readonly maxMessageSize: number;
  /** Inflates the payload of a frame; `ended` is the end of its message. Null without compression. */
  readonly inflate: ((payload: Uint8Array, ended: boolean) => Inflated) | null;
}

/** Returns the events, one line each; the last may be a violation, by its name. */
export function readFrames(bytes: Uint8Array, { maxMessageSize, inflate }: ReferenceOptions): string[] {
  const events: string[] = [];
  const violation = (name: string): string[] => [...events, `violation ${name}`];
  let message: { opcode: number; compressed: boolean; payload: number[]; announced: number } | null = null;
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at]!;
    const fin = (first & 128) !== 0, rsv = first >> 4 & 7, opcode = first & 15;
    const control = opcode >= 8;
    // Section 5.2, RSV1 to RSV3; RFC 7692 section 6: RSV1 on the first frame of a data message.
    if ((rsv & 3) !== 0) return violation("RESERVED_BITS");
    if (rsv === 4 && (inflate === null || control || opcode === 0)) return violation("RESERVED_BITS");
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) return violation("RESERVED_OPCODE");
    if (control && !fin) return violation("CONTROL_FRAGMENTED");
    if (at + 1 >= bytes.length) break;
    const second = bytes[at + 1]!;
    if (second >= 128) return violation("MASKED");
    if (control && second > 125) return violation("CONTROL_TOO_LONG");
    const lengthBytes = second === 126 ? 2 : second === 127 ? 8 : 0;
    const start = at + 2 + lengthBytes;
    if (start > bytes.length) break;
    let length = BigInt(second);
    if (lengthBytes > 0) {
      length = 0n;
      for (let i = 0; i < lengthBytes; i++) length = length * 256n + BigInt(bytes[at + 2 + i]!);
      if (length >= 1n << 63n) return violation("LENGTH_TOO_LARGE");
      if (length < (lengthBytes === 2 ? 126n : 65536n)) return violation("LENGTH_NOT_MINIMAL");
    }
    const size = Number(length);
    const payload = bytes.subarray(start, start + size);
    const complete = payload.length === size;
    at = start + size;
    if (control) {
      if (!complete) break;
      if (opcode === 9) events.push(`ping ${toHex(payload)}`);
      if (opcode === 10) events.push(`pong ${toHex(payload)}`);
      if (opcode !== 8) continue;
      if (size === 0) return [...events, 'close 1005 ""'];
      if (size === 1) return violation("CLOSE_PAYLOAD");
      const code = payload[0]! * 256 + payload[1]!;
      if (!mayBeSent(code)) return violation("CLOSE_CODE");
      const reason = judgeUtf8(payload.subarray(2));
      if ("bad" in reason) return violation("CLOSE_REASON");
      return [...events, `close ${code} ${JSON.stringify(reason.text)}`];
    }
    if (opcode === 0) {
      if (message === null) return violation("CONTINUATION_UNEXPECTED");
    } else {
      if (message !== null) return violation("CONTINUATION_EXPECTED");
      message = { opcode, compressed: rsv === 4, payload: [], announced: 0 };
    }
    message.announced += size;
    if (!message.compressed && message.announced > maxMessageSize) return violation("MESSAGE_TOO_BIG");
    const ended = complete && fin;
    const { bytes: added, error } = message.compressed ? inflate!(payload, ended) : { bytes: payload, error: false };
    for (const byte of added) message.payload.push(byte);
    const content = Uint8Array.from(message.payload);
    if (content.length > maxMessageSize) return violation("MESSAGE_TOO_BIG");
    if (message.opcode === 1) {
      const text = judgeUtf8(content);
      if ("bad" in text && ((ended && !error) || text.bad < content.length)) return violation("TEXT_NOT_UTF8");
      if (ended && !error && "text" in text) events.push(`text ${JSON.stringify(text.text)}`);
    } else if (ended && !error) {
      events.push(`binary ${toHex(content)}`);
    }
    if (error) return violation("DEFLATE_INVALID");
    if (!complete) break;
    if (ended) message = null;
  }
  return events;
}

/** Section 7.4 and the registry of close codes: which an endpoint may set in a close frame. */
function mayBeSent(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(code);
}
