/** The fastest ways that the runtime offers to take a message out of what was received. */
import { runtime } from "../platform/runtime.ts";
import { AsciiScanner, type PayloadDecoder } from "../protocol/payload.ts";

/** Up to this many bytes, looking for ASCII and reading that as Latin-1 is faster than decoding UTF-8. */
const SHORT = 1024;

const scanner = new AsciiScanner();

/** As {@linkcode PayloadDecoder} says. */
export const runtimeDecoder: PayloadDecoder = {
  decode: (bytes: Uint8Array, from: number, to: number): string =>
    to - from <= SHORT && scanner.isAscii(bytes, from, to)
      ? runtime().latin1(bytes, from, to)
      : runtime().utf8(bytes.subarray(from, to)),
  ascii: (bytes: Uint8Array, from: number, to: number): string => runtime().latin1(bytes, from, to),
  copy: (bytes: Uint8Array, from: number, to: number): ArrayBuffer => runtime().copy(bytes, from, to),
};
