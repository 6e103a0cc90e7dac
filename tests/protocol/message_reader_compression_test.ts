/** Compressed messages through the message reader and zlib, against the vectors and the runtime's own zlib. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import "../../runtimes/mod.ts";
import { type InflateStream, MessageDeflater, MessageInflater } from "../../src/protocol/permessage_deflate.ts";
import type { DeflateParameters } from "../../src/handshake/extensions.ts";
import { MessageReader } from "../../src/protocol/message_reader.ts";
import { loadZlib } from "../../src/platform/zlib.ts";
import { ZlibDeflate } from "../../src/platform/zlib_deflate.ts";
import { ZlibInflate } from "../../src/platform/zlib_inflate.ts";
import { frame, Opcode } from "../support/frames.ts";
import { test as register } from "../support/testing.ts";
import { INVALID, RFC_EXAMPLES, VALID } from "../vectors/deflate.ts";
import {
  bytewise,
  concat,
  cut,
  type Event,
  fromHex,
  places,
  play as playReader,
  type PlayOptions,
  property as registerProperty,
  stopping,
  toHex,
} from "./support.ts";

const zlib = loadZlib();
const skip = zlib === null ? "there is no zlib" : undefined;
const test = (name: string, body: () => void) => register(name, body, { skip });
const property: typeof registerProperty = (...args) => zlib !== null && registerProperty(...args);

const PARAMETERS: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};
const BITS = [8, 9, 10, 11, 12, 13, 14, 15];
const TAIL = fromHex("00 00 ff ff");
const encoder = new TextEncoder();

type Options = PlayOptions & Partial<DeflateParameters> & { wrap?: (stream: InflateStream) => InflateStream };

/** Returns the events of a reader with permessage-deflate over chunks. */
function play(chunks: readonly Uint8Array[], { wrap = (stream) => stream, ...options }: Options = {}): Event[] {
  const inflater = new MessageInflater({ ...PARAMETERS, ...options }, (bits) => wrap(new ZlibInflate(zlib!, bits)));
  try {
    return playReader(chunks, { ...options, inflater });
  } finally {
    inflater.close();
  }
}

/** Compresses as a server may, by the runtime's own zlib; `window` is what both sides have of earlier messages. */
function compress(payload: Uint8Array, { window = new Uint8Array(0), windowBits = 15, level = 6, strategy = 0 } = {}) {
  const size = 1 << windowBits;
  const dictionary = window.length === 0 ? undefined : Buffer.from(window.subarray(-Math.min(size, window.length)));
  const output = deflateRawSync(payload, {
    windowBits: Math.max(windowBits, 9),
    level,
    strategy,
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(dictionary && { dictionary }),
  });
  return new Uint8Array(output.subarray(0, -4));
}

/** Inflates messages that share a window of 2^`windowBits` bytes, in steps so small that the window is what counts. */
function inflateAll(payloads: readonly Uint8Array[], windowBits: number): string {
  const wire = concat(...payloads.flatMap((payload) => [payload, TAIL]));
  return toHex(inflateRawSync(wire, { windowBits, chunkSize: 64, finishFlush: constants.Z_SYNC_FLUSH }));
}

/** Bytes that compress to nothing smaller. */
function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, () => (seed = Math.imul(seed, 1103515245) + 12345 >>> 0) >>> 16);
}

for (const { name, wire, events, ...options } of [...RFC_EXAMPLES, ...VALID]) {
  test(`inflates: ${name}`, () => {
    const bytes = fromHex(wire);
    assertEquals(play([bytes], options), [...events]);
    assertEquals(play(bytewise(bytes), options), [...events]);
    assertEquals(play([bytes], { ...options, stop: () => true }), [...events]);
    for (let place = 1; place < bytes.length; place++) {
      assertEquals(play(cut(bytes, [place]), options), [...events], `cut at ${place}`);
    }
  });
}

for (const { name, wire, events, ...options } of INVALID) {
  test(`refuses: ${name}`, () => {
    const bytes = fromHex(wire);
    assertEquals(play([bytes], options), [...events]);
    assertEquals(play(bytewise(bytes), options), [...events]);
  });
}

test("a message is fragmented at each byte and each pair of bytes", () => {
  const payload = fromHex("f2 48 cd c9 c9 07 00");
  for (let first = 0; first <= payload.length; first++) {
    for (let second = first; second <= payload.length; second++) {
      const parts = cut(payload, [first, second]);
      const wire = concat(
        ...parts.map((part, i) => frame(i === 0 ? Opcode.text : 0, part, { fin: i === 2, reserved: i === 0 ? 4 : 0 })),
      );
      assertEquals(play([wire]), [["text", "Hello"]], `cut at ${first} and ${second}`);
      assertEquals(play(bytewise(wire)), [["text", "Hello"]], `cut at ${first} and ${second}, byte by byte`);
    }
  }
});

test("without permessage-deflate a compressed message is a violation", () => {
  assertEquals(playReader([fromHex("c1 07 f2 48 cd c9 c9 07 00")]), [["violation", "RESERVED_BITS", 1002]]);
});

test("messages around the buffers' size, of zeros and of noise, compressed and stored", () => {
  for (const size of [65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 400_000]) {
    for (const payload of [new Uint8Array(size), noise(size)]) {
      for (const level of [0, 6]) {
        const wire = frame(Opcode.binary, compress(payload, { level }), { reserved: 4 });
        for (const chunks of [[wire], cut(wire, [1000, 65_536, 65_540, 65_546, 131_080])]) {
          const [event, ...more] = play(chunks, { maxMessageSize: size });
          assertEquals(more, []);
          assert(event?.[1] === toHex(payload), `${size} bytes, level ${level}: ${event?.[0]}`);
          assertEquals(play(chunks, { maxMessageSize: size - 1 }), [["violation", "MESSAGE_TOO_BIG", 1009]]);
        }
      }
    }
  }
});

test("a bomb is refused when the limit is passed, and inflates no further", () => {
  const size = 64 << 20, maxMessageSize = 1 << 20;
  const bomb = compress(new Uint8Array(size), { level: 9 });
  assert(bomb.length < size / 1000);
  for (const opcode of [Opcode.text, Opcode.binary]) {
    // Also as a fragment that never ends.
    for (const fin of [true, false]) {
      let inflated = 0;
      const wrap = (stream: InflateStream): InflateStream => ({
        write: (input, last) => stream.write(input, last),
        read() {
          const output = stream.read();
          inflated += output?.length ?? 0;
          return output;
        },
        get drained() {
          return stream.drained;
        },
        reset: () => stream.reset(),
        close: () => stream.close(),
      });
      const wire = frame(opcode, bomb, { fin, reserved: 4 });
      assertEquals(play([wire], { maxMessageSize, wrap }), [["violation", "MESSAGE_TOO_BIG", 1009]]);
      assert(inflated > maxMessageSize && inflated <= maxMessageSize + (64 << 10), `${inflated} bytes were inflated`);
    }
  }
});

test("the limit is on each message, not on the connection", () => {
  const wire = concat(...Array.from({ length: 5 }, () => fromHex("c2 07 f2 48 cd c9 c9 07 00")));
  assertEquals(play([wire], { maxMessageSize: 5 }), Array(5).fill(["binary", toHex(encoder.encode("Hello"))]));
});

for (const windowBits of BITS) {
  test(`a server's window of 2^${windowBits} bytes`, () => {
    const block = noise(1 << windowBits, windowBits);
    const messages = [block, concat(block, block), block.subarray(7, 60), new Uint8Array(0), block];
    for (const serverNoContextTakeover of [false, true]) {
      let window = new Uint8Array(0);
      const wire = messages.map((message) => {
        const options = serverNoContextTakeover ? {} : { window };
        // zlib looks back 262 bytes less than its window: this stays inside one of 2^8 bytes too.
        const payload = compress(message, { ...options, windowBits });
        window = concat(window, message);
        return frame(Opcode.binary, payload, { reserved: 4 });
      });
      const events = messages.map((message): Event => ["binary", toHex(message)]);
      const options = { serverMaxWindowBits: windowBits, serverNoContextTakeover };
      assertEquals(play(wire, options), events);
      assertEquals(play(cut(concat(...wire), [99, 200, 300, 500]), options), events);
    }
  });

  test(`a client's window of 2^${windowBits} bytes`, () => {
    const block = noise(1 << windowBits, windowBits);
    const messages = [block, block, concat(block.subarray(9), block), encoder.encode("Hello"), noise(100_000), block];
    for (const clientNoContextTakeover of [false, true]) {
      const parameters = { ...PARAMETERS, clientMaxWindowBits: windowBits, clientNoContextTakeover };
      const deflater = new MessageDeflater(parameters, (bits) => new ZlibDeflate(zlib!, bits, 9, 9));
      const payloads = messages.map((message) => deflater.deflate(message).slice());
      deflater.close();
      assert(inflateAll(payloads, windowBits) === toHex(concat(...messages)));
      if (!clientNoContextTakeover) continue;
      payloads.forEach((payload, i) => assert(inflateAll([payload], windowBits) === toHex(messages[i]!)));
    }
  });
}

test("a window that is too small is noticed by these tests", () => {
  const block = noise(400);
  assertThrows(() => inflateAll([compress(concat(block, block))], 8));
});

test("the client's messages share a window, or do not", () => {
  const sizes = [false, true].map((clientNoContextTakeover) => {
    const deflater = new MessageDeflater(
      { ...PARAMETERS, clientNoContextTakeover },
      (bits) => new ZlibDeflate(zlib!, bits, -1, 8),
    );
    const message = noise(1000);
    const payloads = [message, message, message].map((message) => toHex(deflater.deflate(message)));
    deflater.close();
    if (clientNoContextTakeover) assertEquals(new Set(payloads).size, 1);
    return payloads[2]!.length / 2;
  });
  assert(sizes[0]! < 50 && sizes[1]! > 900, `${sizes}`);
});

test("the client writes the RFC's examples", () => {
  const deflater = new MessageDeflater(PARAMETERS, (bits) => new ZlibDeflate(zlib!, bits, -1, 8));
  const hello = encoder.encode("Hello");
  const payloads = [hello, hello, new Uint8Array(0)].map((message) => toHex(deflater.deflate(message)));
  deflater.close();
  assertEquals(payloads[2], "00");
  // Other implementations of zlib may choose other codes.
  if (/^1\.[\d.]+$/.test(zlib!.version)) assertEquals(payloads, ["f248cdc9c90700", "f200110000", "00"]);
});

/** Text that has something to compress. */
const words = fc.array(
  fc.constantFrom("the ", "quick ", "bid", "ask", '{"price":', "\u00e9\u4e16\u{1f600}", "0.125,"),
  {
    maxLength: 30,
  },
).map((words) => words.join(""));

const messages = fc.array(
  fc.record({
    message: fc.oneof(
      words,
      fc.uint8Array({ maxLength: 200 }),
      fc.nat({ max: 3000 }).map((size) => new Uint8Array(size).fill(size)),
    ),
    compressed: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    level: fc.constantFrom(0, 1, 6, 9),
    strategy: fc.constantFrom(constants.Z_DEFAULT_STRATEGY, constants.Z_HUFFMAN_ONLY, constants.Z_FIXED),
    fragments: fc.array(fc.nat({ max: 1000 }), { maxLength: 3 }),
  }),
  { maxLength: 6 },
);

const connection = fc.record({
  messages,
  serverNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: fc.constantFrom(...BITS),
});

/** What a server writes on a connection, and what it means. */
function written(given: typeof connection extends fc.Arbitrary<infer T> ? T : never) {
  const wire: Uint8Array[] = [], events: Event[] = [];
  let window = new Uint8Array(0);
  for (const { message, compressed, level, strategy, fragments } of given.messages) {
    const text = typeof message === "string";
    const bytes = text ? encoder.encode(message) : message;
    let payload = bytes;
    if (compressed) {
      payload = compress(bytes, { window, windowBits: given.serverMaxWindowBits, level, strategy });
      if (!given.serverNoContextTakeover) window = concat(window, bytes);
    }
    const parts = cut(payload, fragments);
    parts.forEach((part, i) => {
      const opcode = i > 0 ? Opcode.continuation : text ? Opcode.text : Opcode.binary;
      wire.push(frame(opcode, part, { fin: i === parts.length - 1, reserved: compressed && i === 0 ? 4 : 0 }));
    });
    events.push(text ? ["text", message] : ["binary", toHex(bytes)]);
  }
  return { wire: concat(...wire), events };
}

property(
  "what a server compresses is received, fragmented, cut and stopped anywhere",
  fc.record({ connection, places, stops: fc.array(fc.boolean(), { maxLength: 5 }) }),
  ({ connection, places, stops }) => {
    const { wire, events } = written(connection);
    assertEquals(play([wire], connection), events);
    assertEquals(play(cut(wire, places), { ...connection, stop: stopping(stops) }), events);
  },
);

property(
  "damaged messages give the same up to where they fail, cut anywhere, and only documented violations",
  fc.record({
    connection,
    places,
    faults: fc.array(fc.record({ at: fc.nat({ max: 3000 }), byte: fc.nat({ max: 255 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    maxMessageSize: fc.constantFrom(100, 1 << 20),
  }),
  ({ connection, places, faults, maxMessageSize }) => {
    const { wire } = written(connection);
    for (const { at, byte } of faults) if (wire.length > 0) wire[at % wire.length] = byte;
    // In a full window each reference is there or not, whatever the cuts.
    const options = { ...connection, serverMaxWindowBits: 15, maxMessageSize };
    const whole = play([wire], options), parts = play(cut(wire, places), options);
    const told = (events: Event[]) => events.filter(([kind]) => kind !== "violation");
    assertEquals(told(parts), told(whole));
    // What fails first in one message, its DEFLATE data, its text or its size, may depend on the cuts.
    assertEquals(parts.length, whole.length);
  },
  300,
);

property(
  "what the client compresses, an independent reader inflates",
  fc.record({
    messages: fc.array(fc.oneof(words, fc.uint8Array({ maxLength: 500 })), { minLength: 1, maxLength: 5 }),
    clientMaxWindowBits: fc.constantFrom(...BITS),
    clientNoContextTakeover: fc.boolean(),
    level: fc.integer({ min: -1, max: 9 }),
    memLevel: fc.integer({ min: 1, max: 9 }),
  }),
  ({ messages, clientMaxWindowBits, clientNoContextTakeover, level, memLevel }) => {
    const bytes = messages.map((message) => typeof message === "string" ? encoder.encode(message) : message);
    const deflater = new MessageDeflater(
      { ...PARAMETERS, clientMaxWindowBits, clientNoContextTakeover },
      (bits) => new ZlibDeflate(zlib!, bits, level, memLevel),
    );
    try {
      const payloads = bytes.map((message) => deflater.deflate(message).slice());
      assertEquals(inflateAll(payloads, clientMaxWindowBits), toHex(concat(...bytes)));
      // And our own reader takes it, as a server's.
      const wire = payloads.map((payload) => frame(Opcode.binary, payload, { reserved: 4 }));
      assertEquals(
        play(wire, { serverMaxWindowBits: clientMaxWindowBits, serverNoContextTakeover: clientNoContextTakeover }),
        bytes.map((message): Event => ["binary", toHex(message)]),
      );
    } finally {
      deflater.close();
    }
  },
);

test("a frame that inflates to a thousand times its size can be stopped in the middle", () => {
  const inflater = new MessageInflater(PARAMETERS, (bits) => new ZlibInflate(zlib!, bits));
  const size = 48 << 20;
  const output = deflateRawSync(new Uint8Array(size), { finishFlush: constants.Z_SYNC_FLUSH });
  const input = frame(Opcode.binary, output.subarray(0, -4), { reserved: 4 });
  let stops = 0, most = 0;
  const messages: (string | ArrayBuffer)[] = [];
  const reader = new MessageReader({ maxMessageSize: size, inflater }, {
    onMessage: (data) => messages.push(data) > 0,
    onPing: () => true,
    onPong: () => true,
    onFragment: (inflated) => {
      stops++;
      most = Math.max(most, inflated);
      return false;
    },
    onClose: () => {},
  });
  try {
    for (let at = 0; at < input.length;) at = reader.receive(input, at);
    assert(stops >= 2 && most < size / 2, `${stops} stops, ${most} bytes at once`);
    assertEquals((messages[0] as ArrayBuffer).byteLength, size);
    assert(new Uint8Array(messages[0] as ArrayBuffer).every((byte) => byte === 0));
  } finally {
    inflater.close();
  }
});
