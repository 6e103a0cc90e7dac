import { assertEquals } from "@std/assert";
import { ja4Of } from "../../../cli/fingerprint/ja4.ts";
import type { ClientHello } from "../../../src/curl/client_hello.ts";
import { test } from "../../support/testing.ts";

const u16 = (...numbers: number[]) => numbers.flatMap((number) => [number >> 8, number & 255]);
const list = (...numbers: number[]) => Uint8Array.from([...u16(numbers.length * 2), ...u16(...numbers)]);
const bytes = (...numbers: number[]) => Uint8Array.from(numbers);
const alpn = (...names: string[]) => {
  const entries = names.flatMap((name) => [name.length, ...Array.from(name, (char) => char.charCodeAt(0))]);
  return Uint8Array.from([...u16(entries.length), ...entries]);
};

/** The example of JA4's own description: a Chrome for a page. */
const CHROME: ClientHello = {
  version: 0x0303,
  ciphers: [
    ...[0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014],
    ...[0x009c, 0x009d, 0x002f, 0x0035],
  ],
  extensions: [
    { id: 0x2a2a, data: bytes() },
    ...[0x001b, 0x0000, 0x0033].map((id) => ({ id, data: bytes() })),
    { id: 0x0010, data: alpn("h2", "http/1.1") },
    ...[0x4469, 0x0017, 0x002d].map((id) => ({ id, data: bytes() })),
    { id: 0x000d, data: list(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601) },
    ...[0x0005, 0x0023, 0x0012].map((id) => ({ id, data: bytes() })),
    { id: 0x002b, data: bytes(6, 0x3a, 0x3a, 3, 4, 3, 3) },
    ...[0xff01, 0x000b, 0x000a, 0x0015].map((id) => ({ id, data: bytes() })),
  ],
};
const with_ = (change: Partial<ClientHello>) => ja4Of({ ...CHROME, ...change });
const replaced = (id: number, data: Uint8Array) => ({
  extensions: CHROME.extensions.map((extension) => extension.id === id ? { id, data } : extension),
});
const without = (...ids: number[]) => ({ extensions: CHROME.extensions.filter(({ id }) => !ids.includes(id)) });

test("JA4 of the example in its description", () => {
  assertEquals(ja4Of(CHROME), "t13d1516h2_8daaf6152771_e5627efa2ab1");
  assertEquals(with_({ extensions: CHROME.extensions.toReversed() }), "t13d1516h2_8daaf6152771_e5627efa2ab1");
});

test("JA4 without what a ClientHello may lack", () => {
  assertEquals(with_(without(0)).slice(0, 10), "t13i1515h2");
  assertEquals(with_(without(0x10)).slice(0, 10), "t13d151500");
  assertEquals(with_(without(0x2b)).slice(0, 4), "t12d");
  assertEquals(with_({ ...without(0x2b), version: 0x0301 }).slice(0, 4), "t10d");
  assertEquals(with_({ ...without(0x2b), version: 0x0300 }).slice(0, 4), "t00d");
  assertEquals(with_({ ciphers: [] }), "t13d0016h2_000000000000_e5627efa2ab1");
  assertEquals(with_({ extensions: [] }), "t12i150000_8daaf6152771_000000000000");
  assertEquals(with_({ ciphers: Array.from({ length: 120 }, (_, i) => i) }).slice(4, 6), "99");
});

test("JA4 of protocols with other names", () => {
  assertEquals(with_(replaced(0x10, alpn("http/1.1"))).slice(8, 10), "h1");
  assertEquals(with_(replaced(0x10, alpn("x"))).slice(8, 10), "xx");
  // 0x2a "*" and 0x62 "b"
  assertEquals(with_(replaced(0x10, alpn("*b"))).slice(8, 10), "22");
});
