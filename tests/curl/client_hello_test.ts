import { assertEquals } from "@std/assert";
import { Readable } from "node:stream";
import { getExtensionData, readTlsClientHello } from "read-tls-client-hello";
import {
  alpnOf,
  ciphersOf,
  compressionsOf,
  delegatedOf,
  extensionsOf,
  groupsOf,
  hasGrease,
  ja3Of,
  keySharesOf,
  readClientHello,
  recordSizeLimitOf,
  signaturesOf,
  versionsOf,
} from "../../src/curl/client_hello.ts";
import { test } from "../support/testing.ts";

const u8 = (...parts: (number | readonly number[])[]) => parts.flat();
const u16 = (number: number) => [number >> 8, number & 255];
const sized = (octets: 1 | 2 | 3, data: readonly number[]) => [
  ...[16, 8, 0].slice(3 - octets).map((shift) => data.length >> shift & 255),
  ...data,
];
const list = (octets: 1 | 2, numbers: readonly number[]) => sized(octets, numbers.flatMap(u16));
const extension = (id: number, data: readonly number[]) => u8(u16(id), sized(2, data));
const text = (value: string) => [...new TextEncoder().encode(value)];

const SHARES = [[0x1a1a, [0]], [4588, [1, 2, 3]], [29, [4, 5]]] as const;
/** A message with each part that is read, and GREASE at each place. */
const MESSAGE = Uint8Array.from(u8(
  1,
  sized(
    3,
    u8(
      u16(0x0303),
      Array.from({ length: 32 }, (_, i) => i),
      sized(1, [1, 2, 3]),
      list(2, [0x2a2a, 4865, 4866, 49195]),
      sized(1, [0]),
      sized(
        2,
        u8(
          extension(0x3a3a, []),
          extension(0, sized(2, u8(0, sized(2, text("example.com"))))),
          extension(10, list(2, [0x1a1a, 4588, 29, 23])),
          extension(11, sized(1, [0])),
          extension(16, sized(2, u8(sized(1, text("h2")), sized(1, text("http/1.1"))))),
          extension(13, list(2, [0x0403, 0x0804])),
          extension(27, list(1, [2, 1])),
          extension(28, u16(16_385)),
          extension(34, list(2, [0x0403, 0x0203])),
          extension(43, list(1, [0x4a4a, 0x0304, 0x0303])),
          extension(51, sized(2, SHARES.flatMap(([group, key]) => u8(u16(group), sized(2, key))))),
          extension(21, [0, 0, 0]),
        ),
      ),
    ),
  ),
));

test("a ClientHello's parts, without GREASE, in their order", async () => {
  const hello = readClientHello(MESSAGE)!;
  assertEquals(hello.version, 771);
  assertEquals(ciphersOf(hello), [4865, 4866, 49195]);
  assertEquals(extensionsOf(hello), [0, 10, 11, 16, 13, 27, 28, 34, 43, 51, 21]);
  assertEquals(groupsOf(hello), [4588, 29, 23]);
  assertEquals(alpnOf(hello), ["h2", "http/1.1"]);
  assertEquals(signaturesOf(hello), [0x0403, 0x0804]);
  assertEquals(compressionsOf(hello), [2, 1]);
  assertEquals(recordSizeLimitOf(hello), 16_385);
  assertEquals(delegatedOf(hello), [0x0403, 0x0203]);
  assertEquals(versionsOf(hello), [0x0304, 0x0303]);
  assertEquals(keySharesOf(hello), [4588, 29]);
  assertEquals(hasGrease(hello), true);
  assertEquals(ja3Of(hello), "771,4865-4866-49195,0-10-11-16-13-27-28-34-43-51-21,4588-29-23,0");
  // Another's reader finds the same in it.
  const record = Uint8Array.from(u8(0x16, 3, 1, u16(MESSAGE.length), [...MESSAGE]));
  const message = await readTlsClientHello(Readable.from([record], { objectMode: false }));
  assertEquals(message.cipherSuites, [...hello.ciphers]);
  assertEquals(message.extensions.map(({ id }) => id), hello.extensions.map(({ id }) => id));
  assertEquals(getExtensionData(message, 51)?.entries.map(({ group }) => group), SHARES.map(([group]) => group));
});

test("a ClientHello without extensions has none of their parts", () => {
  const body = u8(u16(0x0301), Array(32).fill(0), sized(1, []), list(2, [47]), sized(1, [0]));
  const hello = readClientHello(Uint8Array.from(u8(1, sized(3, body))))!;
  assertEquals(ja3Of(hello), "769,47,,,");
  assertEquals([signaturesOf(hello), compressionsOf(hello), delegatedOf(hello), versionsOf(hello)], [
    null,
    null,
    null,
    null,
  ]);
  assertEquals([recordSizeLimitOf(hello), keySharesOf(hello), alpnOf(hello), hasGrease(hello)], [null, [], [], false]);
});

test("what is no whole ClientHello is none", () => {
  for (let length = 0; length < MESSAGE.length; length++) {
    assertEquals(readClientHello(MESSAGE.subarray(0, length)), null, String(length));
  }
  assertEquals(readClientHello(Uint8Array.of(2, ...MESSAGE.subarray(1))), null);
});
