/** Compressed messages of a server (permessage-deflate); `wire` and binary payloads are in hexadecimal. */
import type { FrameVector } from "./frames.ts";

export interface DeflateVector extends FrameVector {
  /** The server compresses each message by itself. */
  readonly serverNoContextTakeover?: boolean;
}

/** RFC 7692 section 7.2.3, all of it. */
export const RFC_EXAMPLES: readonly DeflateVector[] = [
  { name: "7.2.3.1: a message in one frame", wire: "c1 07 f2 48 cd c9 c9 07 00", events: [["text", "Hello"]] },
  {
    name: "7.2.3.1: a message in two frames",
    wire: "41 03 f2 48 cd  80 04 c9 c9 07 00",
    events: [["text", "Hello"]],
  },
  {
    name: "7.2.3.2: two messages that share a window",
    wire: "c1 07 f2 48 cd c9 c9 07 00  c1 05 f2 00 11 00 00",
    events: [["text", "Hello"], ["text", "Hello"]],
  },
  {
    name: "7.2.3.2: two messages that share nothing",
    wire: "c1 07 f2 48 cd c9 c9 07 00  c1 07 f2 48 cd c9 c9 07 00",
    serverNoContextTakeover: true,
    events: [["text", "Hello"], ["text", "Hello"]],
  },
  {
    name: "7.2.3.3: a block without compression",
    wire: "c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00",
    events: [["text", "Hello"]],
  },
  { name: "7.2.3.4: a block with BFINAL", wire: "c1 08 f3 48 cd c9 c9 07 00 00", events: [["text", "Hello"]] },
  {
    name: "7.2.3.5: two blocks in one message",
    wire: "c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
    events: [["text", "Hello"]],
  },
  {
    name: "7.2.3.6: an empty last fragment",
    wire: "41 06 f2 48 cd c9 c9 07  00 01 00  80 00",
    events: [["text", "Hello"]],
  },
  { name: "7.2.3.6: an empty message", wire: "c1 01 00", events: [["text", ""]] },
];

/** More that must be taken. */
export const VALID: readonly DeflateVector[] = [
  { name: "an empty block of fixed codes", wire: "c2 02 02 00", events: [["binary", ""]] },
  { name: "a payload of no bytes", wire: "c1 00", events: [["text", ""]] },
  { name: "fragments of no bytes", wire: "41 00  00 00  80 00", events: [["text", ""]] },
  {
    name: "empty fragments around and inside",
    wire: "41 00  00 03 f2 48 cd  00 00  00 04 c9 c9 07 00  80 00",
    events: [["text", "Hello"]],
  },
  {
    name: "BFINAL without an empty block behind",
    wire: "c1 07 f3 48 cd c9 c9 07 00",
    events: [["text", "Hello"]],
  },
  {
    name: "BFINAL without an empty block behind, then an empty fragment",
    wire: "41 07 f3 48 cd c9 c9 07 00  80 00",
    events: [["text", "Hello"]],
  },
  {
    name: "the window goes on behind BFINAL",
    wire: "c1 08 f3 48 cd c9 c9 07 00 00  c1 05 f2 00 11 00 00",
    events: [["text", "Hello"], ["text", "Hello"]],
  },
  {
    name: "blocks behind BFINAL",
    wire: "c1 0e f3 48 cd c9 c9 07 00 f2 48 cd c9 c9 07 00",
    events: [["text", "HelloHello"]],
  },
  {
    name: "the window goes on behind an empty message",
    wire: "c1 07 f2 48 cd c9 c9 07 00  c1 01 00  c1 00  c1 05 f2 00 11 00 00",
    events: [["text", "Hello"], ["text", ""], ["text", ""], ["text", "Hello"]],
  },
  {
    name: "a message without compression between, which is not in the window",
    wire: "c1 07 f2 48 cd c9 c9 07 00  81 02 68 69  c1 05 f2 00 11 00 00",
    events: [["text", "Hello"], ["text", "hi"], ["text", "Hello"]],
  },
  {
    name: "control frames inside",
    wire: "41 03 f2 48 cd  89 01 2a  00 02 c9 c9  8a 00  80 02 07 00",
    events: [["ping", "2a"], ["pong", ""], ["text", "Hello"]],
  },
  {
    name: "a message as large as may be",
    wire: "c1 07 f2 48 cd c9 c9 07 00",
    maxMessageSize: 5,
    events: [["text", "Hello"]],
  },
];

/** What must be refused. */
export const INVALID: readonly DeflateVector[] = [
  { name: "a reserved block type", wire: "c1 01 06", events: [["violation", "DEFLATE_INVALID", 1007]] },
  {
    name: "a stored block with a wrong length",
    wire: "c1 06 00 05 00 fa fe 48",
    events: [["violation", "DEFLATE_INVALID", 1007]],
  },
  {
    name: "a reference to before the first byte",
    wire: "c1 05 f2 00 11 00 00",
    events: [["violation", "DEFLATE_INVALID", 1007]],
  },
  {
    name: "a reference to a window that is not shared",
    wire: "c1 07 f2 48 cd c9 c9 07 00  c1 05 f2 00 11 00 00",
    serverNoContextTakeover: true,
    events: [["text", "Hello"], ["violation", "DEFLATE_INVALID", 1007]],
  },
  {
    name: "an end inside a stored block",
    wire: "c1 06 00 20 00 df ff 48",
    events: [["violation", "DEFLATE_INVALID", 1007]],
  },
  {
    name: "an end inside a stored block's length",
    wire: "c1 02 00 05",
    events: [["violation", "DEFLATE_INVALID", 1007]],
  },
  {
    name: "an end inside a block of dynamic codes",
    wire: "c1 03 04 c0 31",
    events: [["violation", "DEFLATE_INVALID", 1007]],
  },
  {
    name: "text that inflates to no UTF-8",
    wire: "c1 07 00 01 00 fe ff ff 00",
    events: [["violation", "TEXT_NOT_UTF8", 1007]],
  },
  {
    name: "text that inflates to an open end",
    wire: "41 06 00 01 00 fe ff c3  80 01 00",
    events: [["violation", "TEXT_NOT_UTF8", 1007]],
  },
  {
    name: "a message that inflates to more than may be",
    wire: "c1 07 f2 48 cd c9 c9 07 00",
    maxMessageSize: 4,
    events: [["violation", "MESSAGE_TOO_BIG", 1009]],
  },
  { name: "RSV1 of a continuation", wire: "41 03 f2 48 cd  c0", events: [["violation", "RESERVED_BITS", 1002]] },
  { name: "RSV1 of a control frame", wire: "c9", events: [["violation", "RESERVED_BITS", 1002]] },
  { name: "RSV2 of a compressed message", wire: "e1", events: [["violation", "RESERVED_BITS", 1002]] },
  {
    name: "a compressed message inside a fragmented one",
    wire: "41 03 f2 48 cd  c1 01",
    events: [["violation", "CONTINUATION_EXPECTED", 1002]],
  },
];
