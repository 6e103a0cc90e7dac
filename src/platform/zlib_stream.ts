/** What an inflating and a deflating stream of zlib have in common: a `z_stream`, its input and its output. */
import { CurlWebSocketError } from "../errors.ts";
import { allocate, ffi, type Pointer, toCString } from "./ffi.ts";
import type { Zlib } from "./zlib.ts";

const Z_OK = 0;
/** Nothing could be done: no input, or no room for output. */
export const Z_BUF_ERROR = -5;
export const Z_SYNC_FLUSH = 2;

/** What `inflateInit2_` and `deflateInit2_` are given: zlib compares its first digit alone. */
export const ZLIB_VERSION: Uint8Array<ArrayBuffer> = toCString("1");

/** Where these fields of `z_stream` lie, in 32-bit words, on every platform. */
const NEXT_IN = 0;
export const AVAIL_IN = 2;

/** This many bytes are given to zlib, and taken from it, with one call. */
export const BUFFER_SIZE: number = 64 * 1024;

/** Bytes at an address that C is given. All streams of a thread share them: each call is over before the next begins. */
interface Buffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly low: number;
  readonly high: number;
}

function makeBuffer(): Buffer {
  const bytes = allocate(BUFFER_SIZE);
  const address = ffi().address(ffi().pointerTo(bytes));
  return { bytes, low: Number(address & 0xffff_ffffn), high: Number(address >> 32n) };
}

let input: Buffer | undefined, output: Buffer | undefined;

/** One `z_stream`. Each call uses the two buffers of the thread, so what one leaves in them lasts until the next. */
export class ZlibStream {
  readonly zlib: Zlib;
  /** Held for as long as zlib knows its address. */
  readonly words: Uint32Array<ArrayBuffer>;
  pointer: Pointer;

  constructor(zlib: Zlib) {
    this.zlib = zlib;
    const bytes = allocate(zlib.layout.bytes);
    this.words = new Uint32Array(bytes.buffer);
    this.pointer = ffi().pointerTo(bytes);
    input ??= makeBuffer();
    output ??= makeBuffer();
  }

  /** @throws {CurlWebSocketError} `ERR_ZLIB` */
  check(code: number, call: string): void {
    if (code === Z_OK) return;
    throw new CurlWebSocketError("ERR_ZLIB", `${call} of ${this.zlib.path} ${this.zlib.version} failed with ${code}`);
  }

  /** Copies as much of `from` as fits, behind `at` bytes that are there; returns how much. */
  stage(from: Uint8Array, at: number): number {
    const { bytes, low, high } = input!;
    const count = Math.min(from.length, bytes.length - at);
    bytes.set(count === from.length ? from : from.subarray(0, count), at);
    this.words[NEXT_IN] = low;
    this.words[NEXT_IN + 1] = high;
    this.words[AVAIL_IN] = at + count;
    return count;
  }

  /** Empties the output buffer for the next call. */
  clear(): void {
    const { nextOut, availOut } = this.zlib.layout;
    this.words[nextOut] = output!.low;
    this.words[nextOut + 1] = output!.high;
    this.words[availOut] = BUFFER_SIZE;
  }

  /** zlib's words for what is wrong. */
  message(): string {
    const at = this.zlib.layout.message;
    const isNull = this.words[at] === 0 && this.words[at + 1] === 0;
    return isNull ? "invalid data" : ffi().cString(ffi().pointerAt(this.pointer, at * 4));
  }

  /** What the last call wrote. */
  written(): Uint8Array<ArrayBuffer> {
    return output!.bytes.subarray(0, BUFFER_SIZE - this.words[this.zlib.layout.availOut]!);
  }
}
