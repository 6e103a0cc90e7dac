import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProtocolViolation } from "../../src/protocol/constants.ts";
import { FrameParser } from "../../src/protocol/frame_parser.ts";
import { frame, parseFrame } from "../support/frames.ts";
import { test } from "../support/testing.ts";
import { LENGTHS } from "../vectors/frames.ts";
import { concat, cut, fromHex, places, property } from "./support.ts";

type Header = Pick<FrameParser, "fin" | "rsv1" | "opcode" | "length">;
type Reading = { headers: Header[]; violation: string | null };

/** The headers in chunks of whole frames, whose payloads are skipped. */
function readHeaders(chunks: readonly Uint8Array[], allowRsv1: boolean): Reading {
  const parser = new FrameParser(allowRsv1);
  const headers: Header[] = [];
  try {
    for (const chunk of chunks) {
      let at = 0;
      while (at < chunk.length || (parser.inFrame && parser.remaining === 0)) {
        if (!parser.inFrame) {
          at = parser.readHeader(chunk, at, chunk.length);
          if (!parser.inFrame) {
            assertEquals(at, chunk.length, "a header in part is taken whole");
            break;
          }
          const { fin, rsv1, opcode, length, remaining } = parser;
          assertEquals(remaining, length);
          headers.push({ fin, rsv1, opcode, length });
        }
        const take = Math.min(parser.remaining, chunk.length - at);
        at += take;
        parser.remaining -= take;
        if (parser.remaining === 0) parser.inFrame = false;
      }
    }
  } catch (error) {
    assertInstanceOf(error, ProtocolViolation);
    return { headers, violation: error.violation };
  }
  return { headers, violation: null };
}

for (const { length, header } of LENGTHS) {
  test(`reads a length of ${length}, its header cut anywhere`, () => {
    const bytes = fromHex(header);
    for (let place = 0; place <= bytes.length; place++) {
      const parser = new FrameParser();
      const [first, second] = cut(bytes, [place]);
      assertEquals(parser.readHeader(first!, 0, place), place);
      assertEquals(parser.inFrame, place === bytes.length);
      if (!parser.inFrame) assertEquals(parser.readHeader(second!, 0, second!.length), second!.length);
      assert(parser.inFrame && parser.fin && !parser.rsv1);
      assertEquals([parser.opcode, parser.length, parser.remaining], [2, length, length]);
    }
  });
}

test("a header is read up to `end`, not beyond, and from `at`", () => {
  const bytes = fromHex("ff ff 82 7e 00 7e ff");
  const parser = new FrameParser();
  assertEquals(parser.readHeader(bytes, 2, 4), 4);
  assert(!parser.inFrame);
  assertEquals(parser.readHeader(bytes, 4, 4), 4);
  assertEquals(parser.readHeader(bytes, 4, 7), 6);
  assert(parser.inFrame);
  assertEquals(parser.length, 126);
});

test("a header behind a cut one begins anew", () => {
  const parser = new FrameParser();
  for (const [hex, length] of [["82 7e 01 00", 256], ["01 05", 5], ["89 00", 0]] as const) {
    for (const byte of fromHex(hex)) {
      assert(!parser.inFrame);
      parser.readHeader(Uint8Array.of(byte), 0, 1);
    }
    assert(parser.inFrame);
    assertEquals(parser.length, length);
    parser.inFrame = false;
  }
});

test("RSV1 is for the first frame of a message, if it is allowed at all", () => {
  for (let first = 0; first < 256; first++) {
    const reserved = first >> 4 & 7, opcode = first & 15, control = opcode >= 8;
    const known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    for (const allowed of [false, true]) {
      const rsv1 = reserved === 4 && allowed && !control && opcode !== 0;
      const parser = new FrameParser(allowed);
      const read = () => parser.readHeader(Uint8Array.of(first, 0), 0, 2);
      if (reserved !== 0 && !rsv1) {
        assertEquals(assertThrows(read, ProtocolViolation).violation, "RESERVED_BITS", `first byte ${first}`);
      } else if (!known) {
        assertEquals(assertThrows(read, ProtocolViolation).violation, "RESERVED_OPCODE", `first byte ${first}`);
      } else if (control && first < 0x80) {
        assertEquals(assertThrows(read, ProtocolViolation).violation, "CONTROL_FRAGMENTED", `first byte ${first}`);
      } else {
        assertEquals(read(), 2);
        assertEquals(parser.rsv1, rsv1);
        assertEquals(parser.fin, first >= 0x80);
        assertEquals(parser.opcode, opcode);
      }
    }
  }
});

property(
  "frames of a server are read as an independent reader reads them, cut anywhere",
  fc.record({
    frames: fc.array(
      fc.record({
        opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
        fin: fc.boolean(),
        rsv1: fc.boolean(),
        size: fc.oneof(fc.nat({ max: 125 }), fc.nat({ max: 300 }), fc.constantFrom(65_535, 65_536)),
      }),
      { maxLength: 6 },
    ),
    places,
  }),
  ({ frames, places }) => {
    const wire = concat(...frames.map(({ opcode, fin, rsv1, size }) => {
      const control = opcode >= 8;
      const payload = new Uint8Array(control ? Math.min(size, 125) : size);
      const reserved = rsv1 && !control && opcode !== 0 ? 4 : 0;
      return frame(opcode, payload, { fin: fin || control, reserved });
    }));
    const expected: Header[] = [];
    for (let rest = wire; rest.length > 0;) {
      const { frame: { fin, reserved, opcode, payload }, size } = parseFrame(rest)!;
      expected.push({ fin, rsv1: reserved === 4, opcode, length: payload.length });
      rest = rest.subarray(size);
    }
    assertEquals(readHeaders(cut(wire, places), true), { headers: expected, violation: null });
  },
);

/** Bytes that are often the beginning of a frame. */
const headerish = fc.array(
  fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 2, 0x81, 0x82, 0xc1, 0x88, 0x89, 0x8a, 0x7d, 0x7e, 0x7f)),
  { maxLength: 60 },
);

property(
  "any bytes give the same headers and the same violation, cut anywhere",
  fc.record({ bytes: headerish, places, allowRsv1: fc.boolean() }),
  ({ bytes, places, allowRsv1 }) => {
    const whole = Uint8Array.from(bytes);
    assertEquals(readHeaders(cut(whole, places), allowRsv1), readHeaders([whole], allowRsv1));
  },
  1000,
);
