/**
 * The message reader with compression: the same however it is cut, bounded by the limit; and what is deflated comes
 * back.
 */
import { InflateError } from "../../../src/errors.ts";
import {
  type DeflateStream,
  type InflateStream,
  MessageDeflater,
  MessageInflater,
} from "../../../src/protocol/permessage_deflate.ts";
import type { DeflateParameters } from "../../../src/handshake/extensions.ts";
import { ReferenceInflate } from "../reference_inflate.ts";
import { readFrames } from "../reference_reader.ts";
import { runReader } from "../run_reader.ts";
import { checkSame, concat, cut, Input, makeRandom, type Target, toHex } from "../target.ts";
import { frame, LIMITS, seeds as plainSeeds } from "./message_reader.ts";

const NO_TAKEOVER = 1, RAW = 2, TEXT = 4, FRAGMENTS = 8, TWICE = 16;

/** Checks an input with an inflate stream of any make. */
export function fuzzWith(create: (windowBits: number) => InflateStream, data: Uint8Array): void {
  const input = new Input(data);
  const maxMessageSize = LIMITS[input.byte() % LIMITS.length]!;
  const mode = input.byte(), seed = input.short(), flags = input.byte();
  const rest = input.rest();
  const bytes = (flags & RAW) !== 0 ? wrap(rest, flags, seed) : rest;
  const parameters: DeflateParameters = {
    serverNoContextTakeover: (flags & NO_TAKEOVER) !== 0,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const expected = told(readFrames(bytes, { maxMessageSize, inflate: reference(parameters) }));
  const run = (chunks: readonly Uint8Array[], stop?: () => boolean) => {
    const inflater = new MessageInflater(parameters, create);
    try {
      return told(runReader(chunks, { maxMessageSize, inflater, stop }));
    } finally {
      inflater.close();
    }
  };
  checkSame(run([bytes]), expected, "the whole input and the reference");
  checkSame(run(cut(bytes, mode, makeRandom(seed))), expected, "the input in parts");
  const random = makeRandom(seed + 1);
  checkSame(run(cut(bytes, mode, makeRandom(seed)), () => random(2) === 0), expected, "in parts, with stops");
  const round = new MessageDeflater(parameters, () => new StoredDeflate()).deflate(rest);
  const inflater = new MessageInflater(parameters, create);
  const back = runReader([frame(0xc2, round)], { maxMessageSize: rest.length, inflater });
  inflater.close();
  checkSame(back, [`binary ${toHex(rest)}`], "a message, deflated and inflated");
}

/** A compressed payload in a frame, or in several; once or twice. */
function wrap(payload: Uint8Array, flags: number, seed: number): Uint8Array {
  const first = (flags & TEXT) !== 0 ? 0x41 : 0x42;
  const parts = (flags & FRAGMENTS) !== 0 ? cut(payload, 1 + seed % 97, makeRandom(seed ^ 0x5555)) : [payload];
  const frames = parts.map((part, i) => frame((i === 0 ? first : 0) | (i + 1 === parts.length ? 0x80 : 0), part));
  return concat(...frames, ...((flags & TWICE) !== 0 ? frames : []));
}

/**
 * Bytes that are wrong in two ways are refused for either, by how they were cut: what comes before an error of the
 * stream need not have been given out. That they are refused must be the same.
 */
function told(events: string[]): string[] {
  const either = /^violation (?:DEFLATE_INVALID|TEXT_NOT_UTF8|MESSAGE_TOO_BIG)$/;
  return events.map((event) => event.replace(either, "violation by a message's content"));
}

function reference(parameters: DeflateParameters) {
  const stream = new ReferenceInflate();
  return (payload: Uint8Array, ended: boolean) => {
    const parts: Uint8Array[] = [];
    let error = false;
    try {
      stream.write(payload, ended);
      for (let part = stream.read(); part !== null; part = stream.read()) parts.push(part.slice());
    } catch (caught) {
      if (!(caught instanceof InflateError)) throw caught;
      error = true;
    }
    if (ended && parameters.serverNoContextTakeover) stream.reset();
    return { bytes: concat(...parts), error };
  };
}

/** Compresses nothing: blocks of type 00. */
class StoredDeflate implements DeflateStream {
  deflate(input: Uint8Array): Uint8Array {
    const blocks: (Uint8Array | number[])[] = [];
    for (let at = 0; at < input.length; at += 0xffff) {
      const block = input.subarray(at, at + 0xffff), { length } = block;
      blocks.push([0, length & 255, length >> 8, ~length & 255, ~length >> 8 & 255], block);
    }
    return concat(...blocks, [0, 0, 0, 0xff, 0xff]);
  }

  reset(): void {}

  close(): void {}
}

/** Compressed by zlib: "Hello" in the ways of RFC 7692 section 7.2.3; a text with dynamic codes; 1,000 zeros. */
const PAYLOADS: readonly (readonly number[])[] = [
  [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
  [0xf2, 0x00, 0x11, 0x00, 0x00],
  [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
  [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
  [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
  [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
  [0x00],
  [],
  // An empty block with BFINAL set, whose end is taken away.
  [0x01],
  [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x01],
  [
    0xb4,
    0x8b,
    0xdb,
    0x95,
    0x02,
    0x50,
    0x08,
    0x03,
    0x5b,
    0x49,
    0x01,
    0x36,
    0x75,
    0x15,
    0x14,
    0x56,
    0x04,
    0xe5,
    0xa1,
    0xeb,
    0x56,
    0xbf,
    0xf7,
    0xd8,
    0x83,
    0x7f,
    0xc9,
    0x24,
    0xd3,
    0xc2,
    0x78,
    0x8c,
    0x9e,
    0xae,
    0x38,
    0x66,
    0xbc,
    0x1c,
    0xe7,
    0xf8,
    0xc5,
    0xcf,
    0xdc,
    0xee,
    0x85,
    0x78,
    0x72,
    0xa2,
    0xf7,
    0x6c,
    0xeb,
    0xef,
    0x0d,
    0x8a,
    0xcb,
    0x01,
    0xcb,
    0xe9,
    0x43,
    0xbe,
    0x2b,
    0xac,
    0x9c,
    0x69,
    0xed,
    0x9a,
    0x2a,
    0xc2,
    0x44,
    0x17,
    0x03,
    0x1b,
    0xb1,
    0x95,
    0xda,
    0x44,
    0xb6,
    0x33,
    0x33,
    0x6d,
    0x8b,
    0x02,
    0xc6,
    0x12,
    0xfb,
    0x26,
    0xe1,
    0x41,
    0x3b,
    0x28,
    0x43,
    0xa8,
    0x17,
    0x99,
    0xb6,
    0xb9,
    0x99,
    0xec,
    0x16,
    0xaa,
    0x59,
    0x82,
    0xe4,
    0x0a,
    0x1b,
    0x80,
    0x96,
    0x8b,
    0x0d,
    0x99,
    0x77,
    0x91,
    0xf4,
    0x2c,
    0x81,
    0x97,
    0x71,
    0xb1,
    0x5a,
    0xe6,
    0x3f,
    0x00,
  ],
  [0x62, 0x60, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x0c, 0x77, 0x00, 0x00],
];

function seeds(): Uint8Array[] {
  const raw = PAYLOADS.flatMap((payload, i) =>
    [RAW, RAW | TEXT, RAW | TEXT | FRAGMENTS, RAW | TWICE, RAW | NO_TAKEOVER | TWICE | FRAGMENTS].map((flags, j) =>
      concat([j === 3 ? i : 0, i, j, i * 5 + j, flags], payload)
    )
  );
  const messages = PAYLOADS.map((payload) => frame(0xc1, Uint8Array.from(payload)));
  const framed = messages.map((message, i) => concat([0, i, 1, i, 0], message));
  // The second message refers to the first.
  const shared = [0, NO_TAKEOVER].map((flags) => concat([0, 9, 1, 7, flags], messages[0]!, messages[1]!));
  const plain = plainSeeds().map((seed) => concat(seed.subarray(0, 4), [0], seed.subarray(4)));
  return [...raw, ...framed, ...shared, ...plain];
}

export const deflate: Target = {
  name: "deflate",
  fuzz: (data) => fuzzWith(() => new ReferenceInflate(), data),
  seeds,
  dictionary: [],
};
