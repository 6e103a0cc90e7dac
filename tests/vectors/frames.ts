/** Frames of a server and what they mean; `wire` and binary payloads are in hexadecimal. */
import type { Event } from "../protocol/support.ts";

export interface FrameVector {
  readonly name: string;
  readonly wire: string;
  readonly events: readonly Event[];
  readonly maxMessageSize?: number;
}

const zeros = (count: number): string => "00".repeat(count);

/** RFC 6455 section 5.7, the frames that a server may send. */
export const RFC_EXAMPLES: readonly FrameVector[] = [
  { name: "a single-frame text message", wire: "81 05 48 65 6c 6c 6f", events: [["text", "Hello"]] },
  { name: "a fragmented text message", wire: "01 03 48 65 6c  80 02 6c 6f", events: [["text", "Hello"]] },
  { name: "a ping", wire: "89 05 48 65 6c 6c 6f", events: [["ping", "48656c6c6f"]] },
  { name: "256 bytes of binary data", wire: `82 7e 01 00 ${zeros(256)}`, events: [["binary", zeros(256)]] },
  {
    name: "64 KiB of binary data",
    wire: `82 7f 00 00 00 00 00 01 00 00 ${zeros(65536)}`,
    events: [["binary", zeros(65536)]],
  },
];

/** A client's frame: what it is made of, and its bytes. */
export interface ClientFrameVector {
  readonly name: string;
  readonly opcode: number;
  readonly payload: string;
  /** In the order of the wire. */
  readonly key: string;
  /** Header, key and masked payload. */
  readonly wire: string;
}

/** RFC 6455 section 5.7, the masked frames; and each form of the length with a key that masks nothing. */
export const CLIENT_FRAMES: readonly ClientFrameVector[] = [
  {
    name: "the RFC's masked text message",
    opcode: 0x1,
    payload: "48656c6c6f",
    key: "37fa213d",
    wire: "81 85 37 fa 21 3d 7f 9f 4d 51 58",
  },
  {
    name: "the RFC's masked pong",
    opcode: 0xa,
    payload: "48656c6c6f",
    key: "37fa213d",
    wire: "8a 85 37 fa 21 3d 7f 9f 4d 51 58",
  },
  { name: "an empty message", opcode: 0x2, payload: "", key: "01020304", wire: "82 80 01 02 03 04" },
  { name: "a close without a code", opcode: 0x8, payload: "", key: "ffffffff", wire: "88 80 ff ff ff ff" },
  { name: "a close with a code", opcode: 0x8, payload: "03e8", key: "ffffffff", wire: "88 82 ff ff ff ff fc 17" },
  {
    name: "a key with its high bits set",
    opcode: 0x2,
    payload: zeros(9),
    key: "80818283",
    wire: "82 89 80 81 82 83 80 81 82 83 80 81 82 83 80",
  },
  {
    name: "a compressed message (RSV1)",
    opcode: 0x41,
    payload: "f248cdc9c90700",
    key: "00000000",
    wire: "c1 87 00 00 00 00 f2 48 cd c9 c9 07 00",
  },
  { name: "125 bytes", opcode: 0x2, payload: zeros(125), key: "00000000", wire: `82 fd 00 00 00 00 ${zeros(125)}` },
  {
    name: "126 bytes",
    opcode: 0x2,
    payload: zeros(126),
    key: "00000000",
    wire: `82 fe 00 7e 00 00 00 00 ${zeros(126)}`,
  },
  {
    name: "127 bytes",
    opcode: 0x2,
    payload: zeros(127),
    key: "00000000",
    wire: `82 fe 00 7f 00 00 00 00 ${zeros(127)}`,
  },
  {
    name: "65,535 bytes",
    opcode: 0x2,
    payload: zeros(65535),
    key: "00000000",
    wire: `82 fe ff ff 00 00 00 00 ${zeros(65535)}`,
  },
  {
    name: "65,536 bytes",
    opcode: 0x2,
    payload: zeros(65536),
    key: "00000000",
    wire: `82 ff 00 00 00 00 00 01 00 00 00 00 00 00 ${zeros(65536)}`,
  },
];

/** The lengths at which a header changes its form, and their headers. */
export const LENGTHS: readonly { readonly length: number; readonly header: string }[] = [
  { length: 0, header: "82 00" },
  { length: 1, header: "82 01" },
  { length: 125, header: "82 7d" },
  { length: 126, header: "82 7e 00 7e" },
  { length: 127, header: "82 7e 00 7f" },
  { length: 65535, header: "82 7e ff ff" },
  { length: 65536, header: "82 7f 00 00 00 00 00 01 00 00" },
  { length: 0x1_0000_0000, header: "82 7f 00 00 00 01 00 00 00 00" },
  { length: Number.MAX_SAFE_INTEGER, header: "82 7f 00 1f ff ff ff ff ff ff" },
];

/** What may come in a row, and in which order it is told. */
export const SEQUENCES: readonly FrameVector[] = [
  { name: "nothing", wire: "", events: [] },
  { name: "an empty text message", wire: "81 00", events: [["text", ""]] },
  { name: "an empty binary message", wire: "82 00", events: [["binary", ""]] },
  { name: "an empty message of empty fragments", wire: "01 00  00 00  80 00", events: [["text", ""]] },
  { name: "a fragment behind empty ones", wire: "02 00  00 00  80 01 2a", events: [["binary", "2a"]] },
  { name: "empty fragments behind one", wire: "02 01 2a  00 00  80 00", events: [["binary", "2a"]] },
  { name: "text in one fragment, the rest empty", wire: "01 01 2a  80 00", events: [["text", "*"]] },
  {
    name: "a fragmented binary message",
    wire: "02 02 01 02  00 01 03  80 02 04 05",
    events: [["binary", "0102030405"]],
  },
  {
    name: "a ping inside a message is told before it",
    wire: "01 02 48 65  89 01 2a  80 03 6c 6c 6f",
    events: [["ping", "2a"], ["text", "Hello"]],
  },
  { name: "an empty ping and pong", wire: "89 00  8a 00", events: [["ping", ""], ["pong", ""]] },
  { name: "the longest ping", wire: `89 7d ${zeros(125)}`, events: [["ping", zeros(125)]] },
  {
    name: "a control frame's payload shows nothing of the one before",
    wire: "8a 03 01 02 03  8a 01 04",
    events: [["pong", "010203"], ["pong", "04"]],
  },
  { name: "a close without a code", wire: "88 00", events: [["close", 1005, ""]] },
  { name: "a close with a code", wire: "88 02 03 e8", events: [["close", 1000, ""]] },
  { name: "a close with a reason", wire: "88 07 03 e9 c3 a9 74 c3 a9", events: [["close", 1001, "\u00e9t\u00e9"]] },
  { name: "a byte order mark in a reason stays", wire: "88 05 03 e8 ef bb bf", events: [["close", 1000, "\ufeff"]] },
  { name: "a byte order mark in a message stays", wire: "81 04 ef bb bf 41", events: [["text", "\ufeffA"]] },
  {
    name: "a byte order mark across fragments stays",
    wire: "01 01 ef  00 01 bb  80 01 bf",
    events: [["text", "\ufeff"]],
  },
  { name: "a close inside a message", wire: "01 01 2a  88 02 03 e8", events: [["close", 1000, ""]] },
  { name: "nothing is read behind a close", wire: "88 02 03 e8  ff ff ff  81 01 2a", events: [["close", 1000, ""]] },
  {
    name: "a code point across fragments",
    wire: "01 02 f0 9f  00 01 98  80 01 80",
    events: [["text", "\u{1f600}"]],
  },
  {
    name: "a message after a text message",
    wire: "01 01 41  80 01 42  82 01 43",
    events: [["text", "AB"], ["binary", "43"]],
  },
  {
    name: "a message as large as may be",
    wire: "02 03 01 02 03  80 01 04",
    maxMessageSize: 4,
    events: [["binary", "01020304"]],
  },
  {
    name: "each message has the limit to itself",
    wire: "82 04 01 02 03 04  82 04 05 06 07 08",
    maxMessageSize: 4,
    events: [["binary", "01020304"], ["binary", "05060708"]],
  },
];

const violates = (
  violation: Extract<Event, readonly ["violation", ...unknown[]]>[1],
  code: number,
): readonly Event[] => [
  ["violation", violation, code],
];

/** What a server may not do; each is told at the last byte of `wire`, and not before. */
export const VIOLATIONS: readonly FrameVector[] = [
  { name: "RSV1 where nothing defines it", wire: "c1", events: violates("RESERVED_BITS", 1002) },
  { name: "RSV2", wire: "a1", events: violates("RESERVED_BITS", 1002) },
  { name: "RSV3", wire: "91", events: violates("RESERVED_BITS", 1002) },
  { name: "RSV1 of a ping", wire: "c9", events: violates("RESERVED_BITS", 1002) },
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
    name: `opcode ${opcode}`,
    wire: (0x80 | opcode).toString(16),
    events: violates("RESERVED_OPCODE", 1002),
  })),
  { name: "a masked frame", wire: "81 85", events: violates("MASKED", 1002) },
  { name: "a masked empty ping", wire: "89 80", events: violates("MASKED", 1002) },
  { name: "125 bytes in 16 bits", wire: "82 7e 00 7d", events: violates("LENGTH_NOT_MINIMAL", 1002) },
  { name: "no bytes in 16 bits", wire: "82 7e 00 00", events: violates("LENGTH_NOT_MINIMAL", 1002) },
  {
    name: "65,535 bytes in 64 bits",
    wire: "82 7f 00 00 00 00 00 00 ff ff",
    events: violates("LENGTH_NOT_MINIMAL", 1002),
  },
  { name: "no bytes in 64 bits", wire: "82 7f 00 00 00 00 00 00 00 00", events: violates("LENGTH_NOT_MINIMAL", 1002) },
  { name: "a length of 2^63", wire: "82 7f 80 00 00 00 00 00 00 00", events: violates("LENGTH_TOO_LARGE", 1002) },
  { name: "a length of 2^64 - 1", wire: "82 7f ff ff ff ff ff ff ff ff", events: violates("LENGTH_TOO_LARGE", 1002) },
  { name: "a fragmented ping", wire: "09", events: violates("CONTROL_FRAGMENTED", 1002) },
  { name: "a fragmented pong", wire: "0a", events: violates("CONTROL_FRAGMENTED", 1002) },
  { name: "a fragmented close", wire: "08", events: violates("CONTROL_FRAGMENTED", 1002) },
  { name: "a ping of 126 bytes", wire: "89 7e", events: violates("CONTROL_TOO_LONG", 1002) },
  { name: "a close of 64 bits' length", wire: "88 7f", events: violates("CONTROL_TOO_LONG", 1002) },
  { name: "a continuation of nothing", wire: "80 00", events: violates("CONTINUATION_UNEXPECTED", 1002) },
  {
    name: "a continuation behind a whole message",
    wire: "81 01 41  00 01",
    events: [["text", "A"], ["violation", "CONTINUATION_UNEXPECTED", 1002]],
  },
  {
    name: "a continuation behind a fragmented message",
    wire: "01 01 41  80 01 42  80 01",
    events: [["text", "AB"], ["violation", "CONTINUATION_UNEXPECTED", 1002]],
  },
  {
    name: "text inside a fragmented message",
    wire: "01 01 41  81 01",
    events: violates("CONTINUATION_EXPECTED", 1002),
  },
  { name: "binary inside a fragmented message", wire: "02 00  02 00", events: violates("CONTINUATION_EXPECTED", 1002) },
  { name: "a close of one byte", wire: "88 01 03", events: violates("CLOSE_PAYLOAD", 1002) },
  { name: "close code 999", wire: "88 02 03 e7", events: violates("CLOSE_CODE", 1002) },
  { name: "close code 1005", wire: "88 02 03 ed", events: violates("CLOSE_CODE", 1002) },
  { name: "close code 65,535", wire: "88 03 ff ff 41", events: violates("CLOSE_CODE", 1002) },
  { name: "a close reason that is not UTF-8", wire: "88 03 03 e8 ff", events: violates("CLOSE_REASON", 1007) },
  { name: "a close reason with an open end", wire: "88 03 03 e8 c3", events: violates("CLOSE_REASON", 1007) },
  { name: "text that is not UTF-8", wire: "81 01 ff", events: violates("TEXT_NOT_UTF8", 1007) },
  { name: "text with an open end", wire: "81 01 c3", events: violates("TEXT_NOT_UTF8", 1007) },
  { name: "fragmented text with an open end", wire: "01 01 c3  80 00", events: violates("TEXT_NOT_UTF8", 1007) },
  {
    name: "text that goes bad in its second fragment",
    wire: "01 01 c3  80 01 41",
    events: violates("TEXT_NOT_UTF8", 1007),
  },
  { name: "a frame over the limit", wire: "82 05", maxMessageSize: 4, events: violates("MESSAGE_TOO_BIG", 1009) },
  {
    name: "fragments over the limit together",
    wire: "02 04 01 02 03 04  80 01",
    maxMessageSize: 4,
    events: violates("MESSAGE_TOO_BIG", 1009),
  },
  {
    name: "any byte where none may be",
    wire: "01 00  80 01",
    maxMessageSize: 0,
    events: violates("MESSAGE_TOO_BIG", 1009),
  },
  { name: "a length of 2^63 - 1", wire: "82 7f 7f ff ff ff ff ff ff ff", events: violates("MESSAGE_TOO_BIG", 1009) },
];
