/**
 * What a fuzz target is, and what all of them use. Only web APIs, so that they run in any runtime and under Jazzer.js.
 */

export interface Target {
  readonly name: string;
  /** Throws where an invariant is broken. */
  readonly fuzz: (data: Uint8Array) => void;
  /** Well-formed inputs to begin with. */
  readonly seeds: () => Uint8Array[];
  /** Strings that the grammar knows. */
  readonly dictionary: readonly string[];
}

/** An invariant is broken. */
export class BrokenInvariant extends Error {
  override readonly name: string = "BrokenInvariant";
}

export function check(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new BrokenInvariant(message());
}

/** Compares two lists of events, line by line. */
export function checkSame(actual: readonly string[], expected: readonly string[], what: string): void {
  const length = Math.max(actual.length, expected.length);
  for (let i = 0; i < length; i++) {
    check(
      actual[i] === expected[i],
      () => `${what}: item ${i} is ${shorten(actual[i])}, and must be ${shorten(expected[i])}`,
    );
  }
}

function shorten(text: string | undefined): string {
  if (text === undefined) return "absent";
  return text.length > 160 ? `${text.slice(0, 160)}... (${text.length} characters)` : text;
}

/** Takes the parameters of a run from the front of an input; zeros follow its end. */
export class Input {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  byte(): number {
    return this.#data[this.#at++] ?? 0;
  }

  /** Sixteen bits. */
  short(): number {
    return this.byte() << 8 | this.byte();
  }

  /** A copy of all that is left. */
  rest(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#data.subarray(this.#at));
  }
}

/** Numbers below a bound, the same for the same seed (mulberry32). */
export type Random = (below: number) => number;

export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * below);
  };
}

/** Cuts bytes: bytewise where `mode` is 0, else into parts of up to `mode` bytes, some of them empty. */
export function cut(bytes: Uint8Array, mode: number, random: Random): Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = mode === 0 ? 1 : random(mode + 1);
    parts.push(Uint8Array.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return parts;
}

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A byte for each character, which must not be above U+00FF. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export function fromLatin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}

/**
 * How many bytes `body` asks for with `new Uint8Array(length)`: more than what came means that an announcement counts.
 */
export function allocatedBy(body: () => void): number {
  const native = globalThis.Uint8Array;
  let bytes = 0;
  globalThis.Uint8Array = new Proxy(native, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "number") bytes += args[0];
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    body();
  } finally {
    globalThis.Uint8Array = native;
  }
  return bytes;
}

/** Changes an input here and there, as a fuzzer without guidance would. */
export function mutate(data: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = Array.from(data);
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(bytes.length + 1);
    const kind = random(5);
    if (kind === 0) bytes.splice(at, 0, random(256));
    else if (kind === 1) bytes.splice(at, 1 + random(8));
    else if (kind === 2) bytes.splice(at, 0, ...bytes.slice(random(bytes.length + 1)).slice(0, random(64)));
    else if (at < bytes.length) bytes[at] = kind === 3 ? random(256) : bytes[at]! ^ 1 << random(8);
  }
  return Uint8Array.from(bytes);
}
