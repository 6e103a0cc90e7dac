import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { MaskingKeys } from "../../src/protocol/mask.ts";
import { type Chunk, CompressionFailed, type FrameSink, MessageWriter } from "../../src/protocol/message_writer.ts";
import { MessageDeflater } from "../../src/protocol/permessage_deflate.ts";
import { parseFrame } from "../support/frames.ts";
import { test } from "../support/testing.ts";
import { property } from "./support.ts";

/** Chunks of one size, and at most `left` of them. */
class Chunks implements FrameSink {
  readonly maxInPlace: number;
  readonly chunks: Chunk[] = [];
  readonly commits: [size: number, counted: number][] = [];
  readonly #size: number;
  left: number;

  constructor(size: number, left = Infinity) {
    this.maxInPlace = this.#size = size;
    this.left = left;
  }

  room(least: number): Chunk {
    assert(least <= this.#size, `room for ${least} of ${this.#size} bytes was wanted`);
    const tail = this.chunks.at(-1);
    if (tail !== undefined && tail.bytes.length - tail.end >= least) return tail;
    if (this.left-- <= 0) throw new RangeError("no memory");
    const chunk = { bytes: new Uint8Array(this.#size), start: 0, end: 0 };
    this.chunks.push(chunk);
    return chunk;
  }

  commit(size: number, counted: number): void {
    this.commits.push([size, counted]);
  }

  rollback(chunk: Chunk, end: number): void {
    this.chunks.splice(this.chunks.indexOf(chunk) + 1);
    chunk.end = end;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks.map(({ bytes, end }) => bytes.subarray(0, end)));
  }

  /** The frames, each as its first byte's last seven bits and its payload. */
  get frames(): [first: number, payload: Buffer][] {
    const found: [number, Buffer][] = [];
    for (let rest = this.bytes; rest.length > 0;) {
      const { frame, size } = parseFrame(rest)!;
      assert(frame.masked && frame.fin);
      found.push([frame.opcode | frame.reserved << 4, Buffer.from(frame.payload)]);
      rest = rest.subarray(size);
    }
    return found;
  }
}

const parameters = {
  clientNoContextTakeover: false,
  serverNoContextTakeover: false,
  clientMaxWindowBits: 15,
  serverMaxWindowBits: 15,
} as const;

/** "Compresses" by writing every byte twice, before the flush's four octets, and fails when it is told to. */
class Doubling {
  fails = false;
  closed = 0;
  readonly deflater: MessageDeflater = new MessageDeflater(parameters, () => ({
    deflate: (input) => {
      if (this.fails) throw new RangeError("no memory for zlib");
      return Uint8Array.from([...input].flatMap((byte) => [byte, byte]).concat(0, 0, 255, 255));
    },
    reset: () => {},
    close: () => void this.closed++,
  }));
}

const sizes = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_001));
const written = fc.oneof(
  fc.record({
    kind: fc.constant("text" as const),
    text: fc.string({ unit: "binary", maxLength: 200 }),
    times: fc.nat(400),
  }),
  fc.record({ kind: fc.constant("binary" as const), size: sizes, seed: fc.nat(255) }),
  fc.record({ kind: fc.constant("control" as const), size: fc.nat(125), opcode: fc.constantFrom(9, 10) }),
);

property(
  "whatever is written, and however small the chunks are, an independent reader reads the same",
  fc.record({
    chunk: fc.constantFrom(20, 150, 4096, 262_144),
    threshold: fc.constantFrom(0, 100, Infinity),
    messages: fc.array(written, { maxLength: 12 }),
  }),
  ({ chunk, threshold, messages }) => {
    const sink = new Chunks(chunk), seen: string[] = [];
    const writer = new MessageWriter(sink, {
      observer: {
        frameReceived: () => {},
        frameSent: (opcode, length, compressed) => void seen.push(`${opcode} ${length} ${compressed}`),
      },
    });
    writer.compress(new Doubling().deflater, threshold);
    const expected: [number, Buffer][] = [], counted: number[] = [];
    const expect = (opcode: number, payload: Buffer, compressible: boolean) => {
      const compressed = compressible && payload.length >= threshold;
      const doubled = payload.length === 0 ? Buffer.of(0) : Buffer.from([...payload].flatMap((byte) => [byte, byte]));
      expected.push(compressed ? [opcode | 0x40, doubled] : [opcode, payload]);
      counted.push(compressible ? payload.length : 0);
    };
    for (const message of messages) {
      if (message.kind === "text") {
        const text = message.text.repeat(message.times);
        writer.text(text);
        expect(1, Buffer.from(new TextEncoder().encode(text)), true);
      } else {
        const seed = message.kind === "binary" ? message.seed : 7;
        const payload = Buffer.from(Uint8Array.from({ length: message.size }, (_, i) => seed + i * 3));
        if (message.kind === "binary") writer.message(2, payload);
        else writer.control(message.opcode, payload);
        expect(message.kind === "binary" ? 2 : message.opcode, payload, message.kind === "binary");
      }
    }
    const got = sink.frames;
    assertEquals(got.length, expected.length);
    for (const [i, [first, payload]] of got.entries()) {
      assertEquals(first, expected[i]![0], `frame ${i}`);
      assert(payload.equals(expected[i]![1]), `the payload of frame ${i}`);
    }
    assertEquals(sink.commits.map(([, count]) => count), counted);
    assertEquals(sink.commits.reduce((sum, [size]) => sum + size, 0), sink.bytes.length);
    assertEquals(seen, got.map(([first, { length }]) => `${first & 15} ${length} ${(first & 0x40) !== 0}`));
    const controls = messages.filter(({ kind }) => kind === "control").length;
    assertEquals([writer.controls, writer.messages], [controls, messages.length - controls]);
  },
);

property(
  "memory that runs out anywhere leaves the stream as it was, and the writer goes on",
  fc.record({ before: fc.nat(60), size: fc.integer({ min: 0, max: 600 }), left: fc.nat(8), text: fc.boolean() }),
  ({ before, size, left, text }) => {
    const sink = new Chunks(64), writer = new MessageWriter(sink);
    writer.control(9, new Uint8Array(before));
    const bytes = sink.bytes, commits = sink.commits.length, messages = writer.messages;
    sink.left = left;
    const payload = new Uint8Array(size).fill(0x61);
    try {
      if (text) writer.text("a".repeat(size));
      else writer.message(2, payload);
    } catch (error) {
      assert(error instanceof RangeError);
      assertEquals([sink.bytes, sink.commits.length, writer.messages], [bytes, commits, messages]);
    }
    sink.left = Infinity;
    const done = sink.commits.length > commits;
    writer.message(2, payload);
    const frames = sink.frames;
    assertEquals(frames.length, done ? 3 : 2);
    assert(frames.at(-1)![1].equals(payload));
  },
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
  const got = sink.frames;
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
    sink.bytes.toString("hex"),
    "8183" + "01010101" + "606362" + "8282" + "02020202" + "0202" + "8981" + "03030303" + "03" + "8882" + "04040404" +
      "07ed",
  );
});

test("a close frame has a code and a reason, or neither", () => {
  const sink = new Chunks(1000), writer = new MessageWriter(sink);
  writer.close(4321, new TextEncoder().encode("why"));
  writer.close(0, new Uint8Array(0));
  assertEquals(sink.frames.map(([opcode, payload]) => [opcode, payload.toString("latin1")]), [[8, "\x10\xe1why"], [
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
