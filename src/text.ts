/** The fastest strict decoding of messages that the runtime offers; bench/micro.ts compares the ways. */
import { runtime } from "./curl/ffi.ts";
import { AsciiScanner, type DecodeText } from "./protocol/utf8.ts";

/** Up to so many bytes, looking for ASCII and reading that as Latin-1 is faster than decoding UTF-8. */
const SHORT = 1024;

const scanner = new AsciiScanner();

/** As {@linkcode DecodeText} says. */
export const decodeMessage: DecodeText = (bytes, from, to) =>
  to - from <= SHORT && scanner.isAscii(bytes, from, to)
    ? runtime().latin1(bytes, from, to)
    : runtime().utf8(bytes.subarray(from, to));
