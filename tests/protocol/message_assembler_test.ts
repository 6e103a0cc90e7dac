import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MessageAssembler } from "../../src/protocol/message_assembler.ts";
import { portableDecoder } from "../../src/protocol/payload.ts";
import { OPCODE_BINARY, OPCODE_CONTINUATION, OPCODE_TEXT, ProtocolViolation } from "../../src/protocol/constants.ts";
import { test } from "../support/testing.ts";
import { INVALID, VALID } from "../vectors/utf8.ts";
import { bytewise, concat, cut, fromHex, places, property } from "./support.ts";
import { encodeUtf8, judgeUtf8 } from "./utf8.ts";

const LIMIT = 1 << 24;

/** The violation that `run` ends with. */
function violation(run: () => unknown): string {
  return assertThrows(run, ProtocolViolation).violation;
}

/** One message of one frame that comes in pieces. */
function assemble(opcode: number, pieces: readonly Uint8Array[], assembler = new MessageAssembler(LIMIT)): unknown {
  assembler.begin(opcode);
  for (const piece of pieces) {
    assembler.count(piece.length);
    assembler.push(piece);
  }
  return assembler.finish();
}

/** Where text that comes byte by byte fails: the number of bytes taken before; the length where only its end does. */
function failsAt(bytes: Uint8Array): number | null {
  const assembler = new MessageAssembler(LIMIT);
  assembler.begin(OPCODE_TEXT);
  assembler.count(bytes.length);
  let taken = 0;
  try {
    for (const byte of bytewise(bytes)) {
      assembler.push(byte);
      taken++;
    }
    assembler.finish();
  } catch (error) {
    assertInstanceOf(error, ProtocolViolation);
    assertEquals(error.violation, "TEXT_NOT_UTF8");
    return taken;
  }
  return null;
}

test("the judge of UTF-8 agrees with the vectors", () => {
  for (const { hex, text } of VALID) {
    assertEquals(judgeUtf8(fromHex(hex)), { text });
    assertEquals(encodeUtf8(Array.from(text, (char) => char.codePointAt(0)!)), fromHex(hex));
  }
  for (const { name, hex, bad } of INVALID) {
    const bytes = fromHex(hex);
    assertEquals(judgeUtf8(bytes), { bad: bad ?? bytes.length }, name);
  }
});

test("valid UTF-8 is text, whole and byte by byte", () => {
  for (const { hex, text } of VALID) {
    const bytes = fromHex(hex);
    const assembler = new MessageAssembler(LIMIT);
    assembler.begin(OPCODE_TEXT);
    assembler.count(bytes.length);
    assertEquals(assembler.whole(bytes), text);
    assertEquals(assemble(OPCODE_TEXT, bytewise(bytes)), text);
    assertEquals(assemble(OPCODE_TEXT, [bytes]), text);
  }
});

for (const { name, hex, bad } of INVALID) {
  test(`no UTF-8: ${name}`, () => {
    const bytes = fromHex(hex);
    assertEquals(failsAt(bytes), bad ?? bytes.length, "byte by byte it fails at the first bad byte");
    const assembler = new MessageAssembler(LIMIT);
    assembler.begin(OPCODE_TEXT);
    assembler.count(bytes.length);
    assertEquals(violation(() => assembler.whole(bytes)), "TEXT_NOT_UTF8");
    assertEquals(violation(() => assemble(OPCODE_TEXT, [bytes])), "TEXT_NOT_UTF8");
  });
}

test("each code point is text in one piece and cut anywhere inside", () => {
  // Each thousandth, and those around the powers of two.
  const points = [...Array(0x110).keys()].map((i) => i * 0x1001 % 0x110000);
  for (let bit = 1; bit <= 0x10_0000; bit *= 2) points.push(bit - 1, bit, bit + 1);
  for (const point of points.filter((point) => point < 0xd800 || point > 0xdfff)) {
    const bytes = encodeUtf8([point]);
    for (let place = 0; place <= bytes.length; place++) {
      assertEquals(assemble(OPCODE_TEXT, cut(bytes, [place])), String.fromCodePoint(point));
    }
  }
});

/** Bytes at the edges of the ranges of UTF-8, more often than others. */
const utf8ish = fc.array(
  fc.oneof(
    fc.nat({ max: 255 }),
    fc.constantFrom(0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4, 0xf5),
  ),
  { maxLength: 24 },
).map((bytes) => Uint8Array.from(bytes));

property(
  "random bytes are text or not as an independent validator judges, at the same byte",
  fc.record({ bytes: utf8ish, places }),
  ({ bytes, places }) => {
    const judgement = judgeUtf8(bytes);
    assertEquals(failsAt(bytes), "bad" in judgement ? judgement.bad : null);
    const run = () => assemble(OPCODE_TEXT, cut(bytes, places));
    if ("text" in judgement) assertEquals(run(), judgement.text);
    else assertEquals(violation(run), "TEXT_NOT_UTF8");
  },
  1000,
);

property(
  "random code points are text, cut anywhere",
  fc.record({
    points: fc.array(
      fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10_ffff })),
      { maxLength: 80 },
    ),
    places,
  }),
  ({ points, places }) => {
    assertEquals(assemble(OPCODE_TEXT, cut(encodeUtf8(points), places)), String.fromCodePoint(...points));
  },
);

property(
  "binary messages of any pieces are their bytes, and the receiver's own",
  fc.array(
    fc.array(
      fc.record({ size: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 9000 })), first: fc.nat({ max: 255 }) }),
      { maxLength: 8 },
    ),
    { minLength: 1, maxLength: 3 },
  ),
  (messages) => {
    // One assembler for all: nothing of a message may show in the next.
    const assembler = new MessageAssembler(LIMIT);
    for (const message of messages) {
      const pieces = message.map(({ size, first }) => Uint8Array.from({ length: size }, (_, i) => first + i));
      const expected = concat(...pieces);
      assembler.begin(OPCODE_BINARY);
      for (const piece of pieces) {
        assembler.count(piece.length);
        assembler.push(piece);
        piece.fill(0);
      }
      const result = assembler.finish();
      assertEquals(new Uint8Array(result as ArrayBuffer), expected);
      assert(assembler.empty);
    }
  },
);

test("a large message is joined from pieces of many sizes", () => {
  const assembler = new MessageAssembler(LIMIT);
  assembler.begin(OPCODE_BINARY);
  const expected = new Uint8Array(10_000_000);
  let at = 0;
  for (let size = 1; at < expected.length; size = size * 3 % 70_001) {
    const piece = expected.subarray(at, at + size).fill(size & 255);
    assembler.count(piece.length);
    assembler.push(piece);
    at += piece.length;
  }
  const message = new Uint8Array(assembler.finish() as ArrayBuffer);
  assertEquals(message.length, expected.length);
  assert(message.every((byte, i) => byte === expected[i]));
});

test("a whole binary message is copied", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const assembler = new MessageAssembler(3);
  assembler.begin(OPCODE_BINARY);
  assembler.count(3);
  const message = assembler.whole(bytes);
  bytes.fill(0);
  assertEquals(new Uint8Array(message as ArrayBuffer), Uint8Array.of(1, 2, 3));
  assembler.begin(OPCODE_BINARY);
  assembler.count(3);
});

test("`empty` is true until something is pushed", () => {
  const assembler = new MessageAssembler(LIMIT);
  for (const opcode of [OPCODE_TEXT, OPCODE_BINARY]) {
    assert(assembler.empty);
    assembler.begin(opcode);
    assert(assembler.empty);
    assembler.count(1);
    assembler.push(Uint8Array.of(0x41));
    assert(!assembler.empty);
    assembler.begin(OPCODE_CONTINUATION);
    assert(!assembler.empty);
    assembler.finish();
  }
});

test("a message begins with its opcode, goes on with continuations, and ends", () => {
  const assembler = new MessageAssembler(LIMIT);
  assertEquals(violation(() => assembler.begin(OPCODE_CONTINUATION)), "CONTINUATION_UNEXPECTED");
  assembler.begin(OPCODE_TEXT);
  assembler.begin(OPCODE_CONTINUATION);
  assertEquals(violation(() => assembler.begin(OPCODE_TEXT)), "CONTINUATION_EXPECTED");
  assertEquals(violation(() => assembler.begin(OPCODE_BINARY)), "CONTINUATION_EXPECTED");
  assertEquals(assembler.finish(), "");
  assertEquals(violation(() => assembler.begin(OPCODE_CONTINUATION)), "CONTINUATION_UNEXPECTED");
  assembler.begin(OPCODE_BINARY);
  assertEquals(assembler.finish(), new ArrayBuffer(0));
});

test("the limit is on the sum of a message's bytes, and counted before they are taken", () => {
  const assembler = new MessageAssembler(10);
  assembler.begin(OPCODE_BINARY);
  assembler.count(4);
  assembler.count(6);
  const error = assertThrows(() => assembler.count(1), ProtocolViolation, "11 bytes, and maxMessageSize is 10");
  assertEquals([error.violation, error.closeCode], ["MESSAGE_TOO_BIG", 1009]);
  assertEquals(violation(() => new MessageAssembler(0).count(1)), "MESSAGE_TOO_BIG");
  new MessageAssembler(0).count(0);
  new MessageAssembler(Infinity).count(2 ** 63);
});

test("text in thousands of pieces of one byte is the same text, ASCII or not", () => {
  for (const text of ["abc".repeat(1500), `${"abc".repeat(900)}é漢😀`.repeat(2), "é".repeat(2100)]) {
    const bytes = new TextEncoder().encode(text);
    assertEquals(assemble(OPCODE_TEXT, Array.from(bytes, (byte) => Uint8Array.of(byte))), text);
  }
});

test("fragments of a byte share memory", () => {
  const platform = globalThis.Uint8Array;
  let made = 0;
  const assembler = new MessageAssembler(LIMIT), bytes = Uint8Array.of(1, 2, 3);
  globalThis.Uint8Array = new Proxy(platform, {
    construct(target, values) {
      made++;
      return Reflect.construct(target, values);
    },
  });
  try {
    assembler.begin(OPCODE_BINARY);
    for (let i = 0; i < 100_000; i++) {
      if (i > 0) assembler.begin(OPCODE_CONTINUATION);
      assembler.count(1);
      assembler.push(bytes.subarray(i % 3, i % 3 + 1));
    }
    const message = new platform(assembler.finish() as ArrayBuffer);
    assertEquals(message.length, 100_000);
    assert(message.every((byte, i) => byte === i % 3 + 1));
  } finally {
    globalThis.Uint8Array = platform;
  }
  assert(made < 20, `${made} pieces of memory for 100,000 fragments`);
});

test("what the engine cannot hold is too big, and no other violation; other errors pass", () => {
  const failing = (error: Error) => {
    const fail = () => {
      throw error;
    };
    return new MessageAssembler(LIMIT, { ...portableDecoder, decode: fail, copy: fail, ascii: fail });
  };
  const text = new TextEncoder().encode("text");
  for (const opcode of [OPCODE_TEXT, OPCODE_BINARY]) {
    const whole = (error: Error) => () => {
      const assembler = failing(error);
      assembler.begin(opcode);
      assembler.count(4);
      return assembler.whole(text);
    };
    const { violation, closeCode, message } = assertThrows(whole(new RangeError("too long")), ProtocolViolation);
    assertEquals([violation, closeCode], ["MESSAGE_TOO_BIG", 1009]);
    assert(message.includes("4 bytes, which this JavaScript engine cannot hold"), message);
    assertThrows(whole(new SyntaxError("other")), SyntaxError, "other");
  }
  const assembler = failing(new TypeError("bad byte"));
  assembler.begin(OPCODE_TEXT);
  assertEquals(violation(() => assembler.whole(text)), "TEXT_NOT_UTF8");
});

test("memory that cannot be had for a message in fragments: it is too big", () => {
  const platform = globalThis.Uint8Array, bytes = Uint8Array.of(1, 2, 3, 4);
  const steps: Record<string, (assembler: MessageAssembler) => void> = {
    "a second piece": (assembler) => assembler.push(bytes),
    "the whole": (assembler) => void assembler.finish(),
  };
  for (const [name, step] of Object.entries(steps)) {
    const assembler = new MessageAssembler(LIMIT);
    assembler.begin(OPCODE_BINARY);
    for (let i = 0; i < 2; i++) {
      assembler.count(4);
      if (i === 0 || name === "the whole") assembler.push(bytes);
    }
    globalThis.Uint8Array = class {
      constructor() {
        throw new RangeError("no memory");
      }
    } as unknown as Uint8ArrayConstructor;
    try {
      assertEquals(violation(() => step(assembler)), "MESSAGE_TOO_BIG", name);
    } finally {
      globalThis.Uint8Array = platform;
    }
  }
});

test("a text that the engine's strings cannot hold is too big where its bytes are right, else no UTF-8", () => {
  const failing = {
    ...portableDecoder,
    decode(): string {
      throw new TypeError("it is too long, or has a bad byte");
    },
  };
  // Pages that are never written take no memory.
  const bytes = new Uint8Array(2 ** 29);
  const whole = () => {
    const assembler = new MessageAssembler(2 ** 30, failing);
    assembler.begin(OPCODE_TEXT);
    assembler.count(bytes.length);
    return assembler.whole(bytes);
  };
  assertEquals(violation(whole), "MESSAGE_TOO_BIG");
  bytes[bytes.length - 1] = 0xff;
  assertEquals(violation(whole), "TEXT_NOT_UTF8");
});
