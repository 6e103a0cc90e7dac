/** A refusal's body, as it comes with the error. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MAX_BODY_SIZE } from "../../src/handshake/body.ts";
import { test } from "../support/testing.ts";
import { failed, header, read } from "./responses.ts";
import { concat, cut, latin1, toHex } from "../protocol/support.ts";

const TEXT = "It is not for you.";
const BODIES: readonly (readonly [name: string, kind: "refused" | "ended", fields: string[], wire: string])[] = [
  ["a length", "refused", [`content-length: ${TEXT.length}`], TEXT],
  ["a length, and more behind", "refused", [`Content-Length: ${TEXT.length}`], `${TEXT}HTTP/1.1 101`],
  ["a length that is not reached", "ended", ["Content-Length: 100"], TEXT],
  ["no length", "ended", [], TEXT],
  ["a length that is no number", "ended", ["Content-Length: many"], TEXT],
  ["one chunk", "refused", ["Transfer-Encoding: chunked"], `12\r\n${TEXT}\r\n0\r\n\r\n`],
  ["chunks", "refused", ["transfer-encoding: Chunked"], "6\r\nIt is \r\n00b;x=1\r\nnot for you\r\n1\r\n.\r\n0\r\n\r\n"],
  ["chunks in a list of codings", "refused", ["Transfer-Encoding: gzip, chunked"], `12\r\n${TEXT}\r\n0\r\n\r\n`],
  ["chunks and a length", "refused", ["Content-Length: 3", "Transfer-Encoding: chunked"], `12\r\n${TEXT}\r\n0\r\n`],
  ["chunks without an end", "ended", ["Transfer-Encoding: chunked"], `12\r\n${TEXT}`],
  ["chunks, the last one in part", "ended", ["Transfer-Encoding: chunked"], `6\r\nIt is \r\nff\r\n${TEXT.slice(6)}`],
  ["chunks that end in a size", "ended", ["Transfer-Encoding: chunked"], `12\r\n${TEXT}\r\n4`],
  ["chunks that go wrong", "refused", ["Transfer-Encoding: chunked"], `12\r\n${TEXT}\r\nwrong\r\n`],
  ["chunks that go wrong at once", "refused", ["Transfer-Encoding: chunked"], "\nwrong"],
  ["chunks that are not last", "ended", ["Transfer-Encoding: chunked, gzip"], TEXT],
];

for (const [name, kind, fields, wire] of BODIES) {
  test(`a refusal's body with ${name}`, () => {
    const error = failed(kind, header("HTTP/1.1 403 No", ...fields) + wire);
    assertEquals(error.code, "ERR_HANDSHAKE_STATUS");
    const text = wire.includes("It is") ? TEXT : "";
    assertEquals(error.body, latin1(text));
    assertEquals(error.message.includes("; it says: "), text !== "");
    assertStringIncludes(error.message, text);
  });
}

test("a refusal that has no body by its status ends with its header", () => {
  // RFC 9112 section 6.3, rule 1.
  for (const status of [204, 304]) {
    const error = failed("refused", header(`HTTP/1.1 ${status} x`, "Server: test"));
    assertEquals([error.code, error.status], ["ERR_HANDSHAKE_STATUS", status]);
    assertEquals(error.body, new Uint8Array(0));
  }
});

test("a refusal's body is kept up to its limit, and the refusal does not wait for more", () => {
  const body = Uint8Array.from({ length: MAX_BODY_SIZE * 3 }, (_, i) => 0x61 + i % 26);
  const chunk = (size: number) =>
    concat(...Array.from({ length: Math.ceil(body.length / size) }, (_, i) => {
      const part = body.subarray(i * size, (i + 1) * size);
      return concat(latin1(`${part.length.toString(16)}\r\n`), part, latin1("\r\n"));
    }));
  for (
    const [fields, wire] of [
      [[], body],
      [[`Content-Length: ${body.length}`], body],
      [["Transfer-Encoding: chunked"], chunk(5000)],
      [["Transfer-Encoding: chunked"], chunk(body.length)],
    ] as const
  ) {
    const bytes = concat(latin1(header("HTTP/1.1 403 No", ...fields)), wire);
    for (const cuts of [[], [30], [MAX_BODY_SIZE], [10_000, 20_000, 100_000, 140_000]]) {
      const outcome = read(cut(bytes, cuts));
      assert(outcome.kind === "refused");
      assertEquals(toHex(outcome.error.body!), toHex(body.subarray(0, MAX_BODY_SIZE)));
      const told = outcome.error.message.split("; it says: ")[1];
      assertEquals(told, String.fromCharCode(...body.subarray(0, 200)));
    }
  }
});

test("a body without a length is waited for while it is smaller than its limit", () => {
  const head = latin1(header("HTTP/1.1 403 No"));
  for (const [size, kind] of [[MAX_BODY_SIZE - 1, "ended"], [MAX_BODY_SIZE, "refused"]] as const) {
    const outcome = read([head, new Uint8Array(size)]);
    assert("error" in outcome);
    assertEquals([outcome.kind, outcome.error.body!.length], [kind, size]);
  }
});

test("chunks of single bytes are read up to the body's limit", () => {
  const wire = latin1("1\r\nx\r\n".repeat(MAX_BODY_SIZE + 1));
  const head = latin1(header("HTTP/1.1 403 No", "Transfer-Encoding: chunked"));
  for (const cuts of [[], [1000], [100_000], [MAX_BODY_SIZE * 2 - 1]]) {
    const outcome = read([head, ...cut(wire, cuts)]);
    assert(outcome.kind === "refused");
    assertEquals(outcome.error.body!.length, MAX_BODY_SIZE);
  }
});

test("an endless line of a chunk's size, and endless trailers, end the body", () => {
  const head = latin1(header("HTTP/1.1 403 No", "Transfer-Encoding: chunked"));
  for (const wire of ["2\r\nno\r\n5;" + "x".repeat(1 << 20), "2\r\nno\r\n" + "\n".repeat(1 << 20)]) {
    const outcome = read([head, ...cut(latin1(wire), [100, 70_000, 400_000, 700_000])]);
    assert(outcome.kind === "refused");
    assertEquals(new TextDecoder().decode(outcome.error.body), "no");
  }
});

test("a response and a body byte by byte take no longer than their length", () => {
  const bytewise = (text: string) => Array.from(latin1(text), (byte) => Uint8Array.of(byte));
  const long = header("HTTP/1.1 403 No", `X: ${"x".repeat(60_000)}`, "Transfer-Encoding: chunked");
  const outcome = read(bytewise(long + "1\r\nx\r\n".repeat(20_000) + "0\r\n"));
  assert(outcome.kind === "refused");
  assertEquals(outcome.error.body!.length, 20_000);
}, { timeout: 5000 });
