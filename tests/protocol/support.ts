/** What the tests of the pure core share: properties, bytes cut anywhere, and a message reader's events as a list. */
import { assert } from "@std/assert";
import fc from "fast-check";
import process from "node:process";
import type { MessageInflater } from "../../src/protocol/permessage_deflate.ts";
import { ProtocolViolation, type VIOLATIONS } from "../../src/protocol/constants.ts";
import { MessageReader } from "../../src/protocol/message_reader.ts";
import { test } from "../support/testing.ts";

/** An event of a message reader; binary payloads are in hexadecimal. */
export type Event =
  | readonly ["text", string]
  | readonly ["binary" | "ping" | "pong", string]
  | readonly ["close", number, string]
  | readonly ["violation", keyof typeof VIOLATIONS, number];

export interface PlayOptions {
  maxMessageSize?: number;
  inflater?: MessageInflater | null;
  /** Called after each event that may stop the reader; if it returns true, another call receives the rest. */
  stop?: () => boolean;
}

const DEFAULT_RUNS = 200;

/**
 * Registers a property. A failure prints the seed and the path of the smallest counterexample; with them in `FC_SEED`
 * and `FC_PATH` it is run again alone. `FC_RUNS` multiplies the number of runs.
 */
export function property<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => void,
  numRuns: number = DEFAULT_RUNS,
): void {
  const { FC_SEED, FC_PATH, FC_RUNS } = process.env;
  const parameters: fc.Parameters<[T]> = { numRuns: numRuns * Number(FC_RUNS ?? 1) };
  if (FC_SEED !== undefined) parameters.seed = Number(FC_SEED);
  if (FC_PATH !== undefined) parameters.path = FC_PATH;
  test(name, () => fc.assert(fc.property(arbitrary, check), parameters), { timeout: 120_000 });
}

/** Returns the bytes of a text in hexadecimal; white space is ignored. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const digits = hex.replace(/\s+/g, "");
  assert(/^(?:[0-9a-f]{2})*$/.test(digits), `not hexadecimal: ${digits.slice(0, 80)}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += BYTES[byte];
  return hex;
}

/** A byte for each character, which must not be above U+00FF. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Cuts bytes at the places given, which may be any numbers; the parts together are the whole. */
export function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, i) => bytes.slice(i === 0 ? 0 : sorted[i - 1]!, end));
}

/** Each byte by itself. */
export function bytewise(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

/** Places for {@linkcode cut}. */
export const places: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 12 });

/**
 * Returns the events of a new reader over chunks, up to the first violation; it throws any other exception. Each chunk
 * is overwritten when the reader has taken it: nothing may refer to it any more.
 */
export function play(chunks: readonly Uint8Array[], options: PlayOptions = {}): Event[] {
  const { maxMessageSize = 1 << 20, inflater = null, stop = () => false } = options;
  const events: Event[] = [];
  const messages: (string | ArrayBuffer)[] = [];
  const reader = new MessageReader({ maxMessageSize, inflater }, {
    onMessage(data) {
      messages.push(data);
      // Written down at the end: the message must be the receiver's own.
      events.push(["text", ""]);
      return !stop();
    },
    onPing(payload) {
      events.push(["ping", toHex(payload)]);
      return true;
    },
    onFragment: () => true,
    onPong(payload) {
      events.push(["pong", toHex(payload)]);
      return !stop();
    },
    onClose: (code, reason) => void events.push(["close", code, reason]),
  });
  try {
    for (const chunk of chunks) {
      // Not at the start of its buffer, and with something behind.
      const padded = new Uint8Array(chunk.length + 5);
      const input = padded.subarray(3, 3 + chunk.length);
      input.set(chunk);
      let at = 0;
      do {
        const count = events.length;
        const next = reader.receive(input, at);
        assert(next >= at && next <= input.length, `the offset ${next} is not between ${at} and ${input.length}`);
        assert(next === input.length || events.length > count, "stopped without an event");
        at = next;
      } while (at < input.length);
      padded.fill(0xaa);
    }
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    events.push(["violation", error.violation, error.closeCode]);
  }
  let next = 0;
  return events.map((event): Event => {
    if (event[0] !== "text") return event;
    const message = messages[next++]!;
    return typeof message === "string" ? ["text", message] : ["binary", toHex(new Uint8Array(message))];
  });
}

/** Returns a function for {@linkcode PlayOptions.stop} that returns these values in turn, again and again. */
export function stopping(values: readonly boolean[]): () => boolean {
  let next = 0;
  return () => values.length > 0 && values[next++ % values.length]!;
}

/** The bytes at `offset` in a larger buffer, among bytes that are not ASCII. */
export function placed(bytes: Uint8Array, offset: number): Uint8Array {
  const buffer = new Uint8Array(offset + bytes.length + 9).fill(0xff);
  buffer.set(bytes, offset);
  return buffer;
}
