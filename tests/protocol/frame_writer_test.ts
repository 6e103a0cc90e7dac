import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { frameSize, writeFrame } from "../../src/protocol/frame_writer.ts";
import { parseFrame } from "../support/frames.ts";
import { test } from "../support/testing.ts";
import { CLIENT_FRAMES } from "../vectors/frames.ts";
import { fromHex, property, toHex } from "./support.ts";

/** A key of the wire's order as the number that {@linkcode writeFrame} takes. */
function keyOf(hex: string): number {
  return new DataView(fromHex(hex).buffer).getUint32(0, true);
}

for (const { name, opcode, payload, key, wire } of CLIENT_FRAMES) {
  test(`writes ${name}`, () => {
    const bytes = fromHex(payload), expected = fromHex(wire);
    assertEquals(frameSize(bytes.length), expected.length);
    for (const at of [0, 1, 2, 3, 6]) {
      const into = new Uint8Array(at + expected.length + 3).fill(0x55);
      assertEquals(writeFrame(into, at, opcode, bytes, keyOf(key)), at + expected.length);
      assertEquals(toHex(into.subarray(at, at + expected.length)), toHex(expected));
      assertEquals([...into.subarray(0, at), ...into.subarray(at + expected.length)], Array(at + 3).fill(0x55));
    }
    assertEquals(toHex(bytes), payload, "the payload is not changed");
  });
}

property(
  "what is written, an independent reader reads; the payload is left as it is",
  fc.record({
    opcode: fc.constantFrom(1, 2, 8, 9, 10),
    rsv1: fc.boolean(),
    // The sizes around which the header changes come often.
    size: fc.oneof(fc.nat({ max: 200 }), fc.constantFrom(125, 126, 127, 65_534, 65_535, 65_536, 65_537)),
    seed: fc.nat({ max: 255 }),
    at: fc.nat({ max: 9 }),
    key: fc.integer({ min: 0, max: 0xffff_ffff }),
  }),
  ({ opcode, rsv1, size, seed, at, key }) => {
    const payload = Uint8Array.from({ length: size }, (_, i) => seed + i * 7);
    const before = payload.slice();
    const into = new Uint8Array(at + frameSize(size));
    assertEquals(writeFrame(into, at, opcode | (rsv1 ? 0x40 : 0), payload, key), into.length);
    assertEquals(payload, before);
    const parsed = parseFrame(into.subarray(at))!;
    assertEquals(parsed.size, into.length - at);
    assertEquals(parsed.frame, { fin: true, reserved: rsv1 ? 4 : 0, opcode, masked: true, payload });
  },
);
