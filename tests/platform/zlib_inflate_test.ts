import { assert, assertEquals, assertThrows } from "@std/assert";
import { constants, deflateRawSync } from "node:zlib";
import "../../runtimes/mod.ts";
import { CurlWebSocketError, InflateError } from "../../src/errors.ts";
import { loadZlib, type Zlib } from "../../src/platform/zlib.ts";
import { ZlibDeflate } from "../../src/platform/zlib_deflate.ts";
import { ZlibInflate } from "../../src/platform/zlib_inflate.ts";
import type { InflateStream } from "../../src/protocol/permessage_deflate.ts";
import { test as register } from "../support/testing.ts";

const zlib = loadZlib();
const skip = zlib === null ? "there is no zlib" : undefined;
const test = (name: string, body: () => void) => register(name, body, { skip });

/** A message as it is sent: flushed, without the four octets that every flush ends with. */
function compressed(message: Uint8Array | string): Uint8Array {
  return new Uint8Array(deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4));
}

/** Runs the body with a stream, and closes it. */
function withStream(body: (stream: InflateStream) => void, windowBits = 15): void {
  const stream = new ZlibInflate(zlib!, windowBits);
  try {
    body(stream);
  } finally {
    stream.close();
  }
}

/** All output for what was written, and the length of each piece. */
function readAll(stream: InflateStream): { bytes: Uint8Array; pieces: number[] } {
  const pieces: Uint8Array[] = [];
  for (let piece = stream.read(); piece !== null; piece = stream.read()) pieces.push(piece.slice());
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return { bytes, pieces: pieces.map((piece) => piece.length) };
}

function textOf(stream: InflateStream): string {
  return new TextDecoder().decode(readAll(stream).bytes);
}

test("a message, whole and byte by byte, the next one with the window of the first", () =>
  withStream((stream) => {
    stream.write(compressed("hello, hello"), true);
    assertEquals(textOf(stream), "hello, hello");
    assertEquals([stream.drained, stream.read()], [true, null]);
    const wire = compressed("again");
    let text = "";
    for (const [i, byte] of wire.entries()) {
      stream.write(Uint8Array.of(byte), i === wire.length - 1);
      text += textOf(stream);
    }
    assertEquals(text, "again");
  }));

test("output comes 64 KiB at a time, however much there is", () =>
  withStream((stream) => {
    const size = 1_000_000;
    stream.write(compressed(new Uint8Array(size).fill(7)), true);
    assertEquals(stream.drained, false);
    const { bytes, pieces } = readAll(stream);
    assertEquals([bytes.length, bytes.every((byte) => byte === 7)], [size, true]);
    assertEquals(Math.max(...pieces), 65_536);
    assert(pieces.length >= Math.ceil(size / 65_536));
  }));

test("input may be longer than the buffer, by any few bytes", () =>
  withStream((stream) => {
    // What cannot be compressed: the input is about as long as the message.
    let seed = 1;
    for (const size of [65_520, 65_526, 65_530, 65_536, 200_000]) {
      const message = Uint8Array.from(
        { length: size },
        () => (seed = Math.imul(seed, 1103515245) + 12345 >>> 0) >>> 16,
      );
      stream.write(compressed(message), true);
      const { bytes } = readAll(stream);
      assert(bytes.length === size && bytes.every((byte, i) => byte === message[i]), `${size} bytes`);
    }
  }));

test("an empty message, and an empty end of one that had bytes", () =>
  withStream((stream) => {
    stream.write(new Uint8Array(), true);
    assertEquals([stream.drained, stream.read()], [true, null]);
    stream.write(Uint8Array.of(0), true);
    assertEquals(textOf(stream), "");
    stream.write(compressed("text"), false);
    const first = textOf(stream);
    stream.write(new Uint8Array(), true);
    assertEquals(first + textOf(stream), "text");
  }));

test("a block with BFINAL ends nothing: the next message goes on with its window", () =>
  withStream((stream) => {
    stream.write(new Uint8Array(deflateRawSync("final, final")), true);
    assertEquals(textOf(stream), "final, final");
    stream.write(compressed("more"), true);
    assertEquals(textOf(stream), "more");
  }));

test("what is no DEFLATE data, and a message that ends inside a block, are InflateErrors", () => {
  for (const bytes of [[0xff, 0xff], [0x07], [0x01, 0x05, 0x00, 0x00, 0x00]]) {
    withStream((stream) => {
      stream.write(Uint8Array.from(bytes), true);
      const error = assertThrows(() => readAll(stream), InflateError);
      assert((error as Error).message.length > 0);
    });
  }
  withStream((stream) => {
    stream.write(compressed("a text that is cut in the middle of its block").subarray(0, 10), true);
    assertThrows(() => readAll(stream), InflateError);
  });
});

test("reset() forgets the window: what refers to it is an error", () => {
  // The runtime's own deflate takes a window of earlier messages as its `dictionary`, which Deno ignores.
  const text = "some words that the second message repeats", message = new TextEncoder().encode(text);
  const deflate = new ZlibDeflate(zlib!, 15, -1, 8);
  const [first, second] = [1, 2].map(() => deflate.deflate(message).slice(0, -4)) as [Uint8Array, Uint8Array];
  deflate.close();
  for (const reset of [false, true]) {
    withStream((stream) => {
      stream.write(first, true);
      readAll(stream);
      if (reset) stream.reset();
      stream.write(second, true);
      if (reset) assertThrows(() => readAll(stream), InflateError);
      else assertEquals(textOf(stream), text);
    });
  }
});

test("streams take turns without a mix-up, though they share their buffers", () => {
  const streams = Array.from({ length: 5 }, () => new ZlibInflate(zlib!, 15));
  for (let round = 0; round < 3; round++) {
    for (const [i, stream] of streams.entries()) {
      stream.write(compressed(`stream ${i} in round ${round}`), true);
      assertEquals(textOf(stream), `stream ${i} in round ${round}`);
    }
  }
  for (const stream of streams) stream.close();
});

test("close() frees once, however often it is called", () => {
  let freed = 0;
  const counting = {
    ...zlib!,
    inflateEnd: (...args: Parameters<Zlib["inflateEnd"]>) => {
      freed++;
      return zlib!.inflateEnd(...args);
    },
  } as Zlib;
  const stream = new ZlibInflate(counting, 9);
  stream.close();
  stream.close();
  assertEquals(freed, 1);
});

test("a stream that zlib refuses is ERR_ZLIB, with the call, the library and the code", () => {
  const error = assertThrows(() => new ZlibInflate(zlib!, 99), CurlWebSocketError);
  assertEquals((error as CurlWebSocketError).code, "ERR_ZLIB");
  const { path, version } = zlib!;
  assertEquals((error as Error).message, `inflateInit2 of ${path} ${version} failed with -2`);
});
