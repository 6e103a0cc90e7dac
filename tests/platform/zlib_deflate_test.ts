import { assert, assertEquals, assertThrows } from "@std/assert";
import { constants, inflateRawSync } from "node:zlib";
import "../../runtimes/mod.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import { loadZlib, type Zlib } from "../../src/platform/zlib.ts";
import { ZlibDeflate } from "../../src/platform/zlib_deflate.ts";
import type { DeflateStream } from "../../src/protocol/permessage_deflate.ts";
import { test as register } from "../support/testing.ts";

const zlib = loadZlib();
const skip = zlib === null ? "there is no zlib" : undefined;
const test = (name: string, body: () => void) => register(name, body, { skip });

interface Settings {
  windowBits?: number;
  level?: number;
  memLevel?: number;
}

/** Runs the body with a stream, and closes it. */
function withStream(
  body: (stream: DeflateStream) => void,
  { windowBits = 15, level = -1, memLevel = 8 }: Settings = {},
): void {
  const stream = new ZlibDeflate(zlib!, windowBits, level, memLevel);
  try {
    body(stream);
  } finally {
    stream.close();
  }
}

/** The messages of these outputs, by the runtime's own zlib. */
function inflated(...outputs: Uint8Array[]): Uint8Array {
  const wire = new Uint8Array(outputs.reduce((sum, output) => sum + output.length, 0));
  let at = 0;
  for (const output of outputs) {
    wire.set(output, at);
    at += output.length;
  }
  return new Uint8Array(inflateRawSync(wire, { finishFlush: constants.Z_SYNC_FLUSH }));
}

const encoder = new TextEncoder(), decoder = new TextDecoder();

/** Bytes that compress to nothing smaller. */
function noise(size: number): Uint8Array {
  let seed = 1;
  return Uint8Array.from({ length: size }, () => (seed = Math.imul(seed, 1103515245) + 12345 >>> 0) >>> 16);
}

test("each output ends with a flush, and all of them are one stream", () =>
  withStream((stream) => {
    const outputs = ["hello, hello", "hello again", "x"].map((text) => stream.deflate(encoder.encode(text)).slice());
    for (const output of outputs) assertEquals(output.subarray(-4), Uint8Array.of(0, 0, 0xff, 0xff));
    assertEquals(decoder.decode(inflated(...outputs)), "hello, hellohello againx");
  }));

test("messages of any length, compressible or not", () =>
  withStream((stream) => {
    for (const size of [1, 65_530, 65_535, 65_536, 65_537, 131_072, 1_000_000]) {
      for (const message of [noise(size), new Uint8Array(size)]) {
        stream.reset();
        const output = inflated(stream.deflate(message));
        assert(output.length === size && output.every((byte, i) => byte === message[i]), `${size} bytes`);
      }
    }
  }));

test("every window, level and memory level gives a stream that inflates", () => {
  const message = encoder.encode("some words, and some words again. ".repeat(100));
  for (const windowBits of [8, 9, 12, 15]) {
    for (const level of [-1, 0, 1, 9]) {
      for (const memLevel of [1, 9]) {
        withStream((stream) => {
          assertEquals(
            inflated(stream.deflate(message).slice(), stream.deflate(message).slice()).length,
            2 * message.length,
          );
        }, { windowBits, level, memLevel });
      }
    }
  }
});

test("a window of 2^8 is kept to: an inflater with no larger one reads it", () =>
  withStream((stream) => {
    const message = new Uint8Array([...noise(250), ...noise(250), ...noise(250)]);
    const output = stream.deflate(message);
    // In steps so small that the window is what counts.
    const options = { windowBits: 8, chunkSize: 64, finishFlush: constants.Z_SYNC_FLUSH };
    assertEquals(new Uint8Array(inflateRawSync(output, options)), message);
  }, { windowBits: 8 }));

test("reset() forgets the window: the same message has the same output again", () =>
  withStream((stream) => {
    const message = encoder.encode("words that could be referred to");
    const first = stream.deflate(message).slice(), second = stream.deflate(message).slice();
    assert(second.length < first.length);
    stream.reset();
    assertEquals(stream.deflate(message).slice(), first);
  }));

test("close() frees once, however often it is called", () => {
  let freed = 0;
  const counting = {
    ...zlib!,
    deflateEnd: (...args: Parameters<Zlib["deflateEnd"]>) => {
      freed++;
      return zlib!.deflateEnd(...args);
    },
  } as Zlib;
  const stream = new ZlibDeflate(counting, 15, 1, 1);
  stream.deflate(encoder.encode("text"));
  stream.close();
  stream.close();
  assertEquals(freed, 1);
});

test("a stream that zlib refuses is ERR_ZLIB, with the call, the library and the code", () => {
  const error = assertThrows(() => new ZlibDeflate(zlib!, 15, 10, 8), CurlWebSocketError);
  assertEquals((error as CurlWebSocketError).code, "ERR_ZLIB");
  const { path, version } = zlib!;
  assertEquals((error as Error).message, `deflateInit2 of ${path} ${version} failed with -2`);
});
