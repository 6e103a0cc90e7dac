import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { MaskingKeys } from "../../src/protocol/mask.ts";
import { CompressionFailed, MessageWriter } from "../../src/protocol/message_writer.ts";
import { Chunks, Doubling, messageWriter } from "../fuzz/targets/message_writer.ts";
import { parseFrame } from "../support/frames.ts";
import { test } from "../support/testing.ts";
import { property, toHex } from "./support.ts";

/** The frames, each as its first byte's last seven bits and its payload. */
function framesOf({ bytes }: Chunks): [first: number, payload: Buffer][] {
  const found: [number, Buffer][] = [];
  for (let rest = Buffer.from(bytes); rest.length > 0;) {
    const { frame, size } = parseFrame(rest)!;
    assert(frame.masked && frame.fin);
    found.push([frame.opcode | frame.reserved << 4, Buffer.from(frame.payload)]);
    rest = rest.subarray(size);
  }
  return found;
}

property(
  "whatever is written, however small the chunks are and when memory runs out, an independent reader reads the same",
  fc.uint8Array({ maxLength: 70 }),
  (bytes) => messageWriter.fuzz(bytes),
);

test("text is encoded in place, whatever its length in bytes turns out to be", () => {
  const texts = [
    "",
    "a",
    "é",
    "x".repeat(125),
    "é".repeat(63),
    "漢".repeat(42),
    "漢".repeat(125),
    "\ud800 lone \udc00",
    "😀",
  ]
    .concat("a".repeat(65_535), "a".repeat(65_536), "é".repeat(40_000), "漢字".repeat(10_000))
    .concat("x".repeat(300_000), "漢".repeat(100_000));
  const sink = new Chunks(262_144), writer = new MessageWriter(sink);
  for (const text of texts) writer.text(text);
  const got = framesOf(sink);
  assertEquals(got.length, texts.length);
  for (const [i, [opcode, payload]] of got.entries()) {
    assertEquals(opcode, 1);
    assert(payload.equals(Buffer.from(new TextEncoder().encode(texts[i]!))), `text ${i}`);
  }
});

test("each frame has a masking key of its own, from the generator that is given", () => {
  const sink = new Chunks(1000);
  let next = 0;
  const keys = new MaskingKeys((words) => words.forEach((_, i) => words[i] = 0x0101_0101 * ++next));
  const writer = new MessageWriter(sink, { keys });
  writer.text("abc");
  writer.message(2, Uint8Array.of(0, 0));
  writer.control(9, Uint8Array.of(0));
  writer.close(1001, Uint8Array.of());
  assertEquals(
    toHex(sink.bytes),
    "8183" + "01010101" + "606362" + "8282" + "02020202" + "0202" + "8981" + "03030303" + "03" + "8882" + "04040404" +
      "07ed",
  );
});

test("a close frame has a code and a reason, or neither", () => {
  const sink = new Chunks(1000), writer = new MessageWriter(sink);
  writer.close(4321, new TextEncoder().encode("why"));
  writer.close(0, new Uint8Array(0));
  assertEquals(framesOf(sink).map(([opcode, payload]) => [opcode, payload.toString("latin1")]), [[8, "\x10\xe1why"], [
    8,
    "",
  ]]);
  assertEquals([writer.messages, writer.controls], [0, 2]);
});

test("a message that the compression fails for is lost; one that is compressed and finds no memory is too", () => {
  const doubling = new Doubling(), sink = new Chunks(64), writer = new MessageWriter(sink);
  writer.compress(doubling.deflater, 10);
  doubling.fails = true;
  const error = assertThrows(() => writer.message(2, new Uint8Array(10)), CompressionFailed);
  assertEquals((error.cause as Error).message, "no memory for zlib");
  doubling.fails = false;
  sink.left = 0;
  assertThrows(() => writer.text("x".repeat(200)), CompressionFailed);
  assertThrows(() => writer.message(2, new Uint8Array(9)), RangeError, "no memory");
  assertEquals([writer.messages, sink.bytes.length], [0, 0]);
  writer.dispose();
  assertEquals(doubling.closed, 1);
});
