/** What a peer can make the pure core do with 64 KiB grows with their number, not with its square. */
import { assert } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { ExtensionError, parseExtensions } from "../../src/handshake/extensions.ts";
import { ResponseReader } from "../../src/handshake/response.ts";
import { test } from "../support/testing.ts";
import { runReader } from "./run_reader.ts";
import { concat, cut, latin1, makeRandom } from "./target.ts";
import { frame } from "./targets/message_reader.ts";

const SIZE = 64_000;
/** In milliseconds: what is linear takes a tenth of it, what is quadratic several times as much. */
const LIMIT = 2000;
const ATTEMPTS = 3;

/** Another attempt is for a machine that was busy. */
function isCheap(name: string, body: (expired: () => boolean) => void): void {
  test(`64 KiB are cheap: ${name}`, () => {
    const times: number[] = [];
    while (times.length < ATTEMPTS && !times.some((time) => time < LIMIT)) {
      const started = performance.now();
      body(() => performance.now() - started > LIMIT);
      times.push(performance.now() - started);
    }
    assert(times.some((time) => time < LIMIT), `took ${times.map(Math.round).join(", ")} ms`);
  }, { timeout: 120_000 });
}

const repeat = (part: string): string => part.repeat(Math.floor(SIZE / part.length));
const bytewise = (bytes: Uint8Array) => cut(bytes, 0, makeRandom(1));

const refusal = "HTTP/1.1 500 Oops\r\n";
const chunked = `${refusal}Transfer-Encoding: chunked\r\n\r\n`;
const responses: Record<string, string> = {
  "a header without an end": `HTTP/1.1 101 X\r\nA: ${repeat("b")}`,
  "a header of carriage returns": `HTTP/1.1 101 X\r\n${repeat("a:\r")}`,
  "short header fields": `HTTP/1.1 101 X\r\n${repeat("a:\r\n")}`,
  "spaces inside a field's value": `HTTP/1.1 101 X\r\nA: b${repeat(" ")}c\r\n\r\n`,
  "spaces inside Transfer-Encoding": `${refusal}Transfer-Encoding: ,${repeat(" ,")}c\r\n\r\n`,
  "interim responses": repeat("HTTP/1.1 100\r\n\r\n"),
  "a body": `${refusal}\r\n${repeat("b")}`,
  "a body in small chunks": `${chunked}${repeat("1\r\nb\r\n")}`,
  "a chunk's size line": `${chunked}${repeat("1")}`,
};

for (const [name, text] of Object.entries(responses)) {
  const bytes = latin1(text);
  for (const chunks of [[bytes], bytewise(bytes)]) {
    isCheap(`${name}, ${chunks.length === 1 ? "at once" : "bytewise"}`, (expired) => {
      const reader = new ResponseReader("", { protocols: [], deflate: null });
      try {
        for (const chunk of chunks) {
          reader.push(chunk);
          if (expired()) break;
        }
      } catch (error) {
        if (!(error instanceof CurlWebSocketError)) throw error;
      }
    });
  }
}

const lists: Record<string, string> = {
  "extensions": repeat("a,"),
  "parameters": `a${repeat(";b")}`,
  "spaces": `a${repeat(" ")}b`,
  "an open quotation": `a;b="${repeat("\\c")}`,
};
for (const [name, text] of Object.entries(lists)) {
  isCheap(`a list of extensions with ${name}`, () => {
    try {
      parseExtensions(text);
    } catch (error) {
      if (!(error instanceof ExtensionError)) throw error;
    }
  });
}

const part = (first: number) => frame(first, Uint8Array.of(0x41));
const fragments = Array.from({ length: SIZE / 3 }, () => part(0));
const inputs: Record<string, Uint8Array> = {
  "one text": frame(0x81, new Uint8Array(SIZE).fill(0x41)),
  "a text in fragments": concat(part(0x01), ...fragments, part(0x80)),
  "bytes in fragments": concat(part(0x02), ...fragments, part(0x80)),
  "small messages": concat(...fragments.map(() => part(0x82))),
};
for (const [name, bytes] of Object.entries(inputs)) {
  isCheap(`frames: ${name}, at once`, () => void runReader([bytes], { maxMessageSize: SIZE, inflater: null }));
  const chunks = bytewise(bytes);
  isCheap(`frames: ${name}, bytewise`, () => void runReader(chunks, { maxMessageSize: SIZE, inflater: null }));
}
