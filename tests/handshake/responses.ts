/** Responses to a handshake, read whole and in pieces. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import type { DeflateOffer } from "../../src/handshake/extensions.ts";
import type { Agreement, HandshakeOffer } from "../../src/handshake/agreement.ts";
import { ResponseReader } from "../../src/handshake/response.ts";
import { ACCEPTS } from "../vectors/handshake.ts";
import { bytewise, concat, cut, latin1, toHex } from "../protocol/support.ts";

/** What belongs to the key of the request. */
export const ACCEPT: string = ACCEPTS[0]!.accept;
export const NOTHING: HandshakeOffer = { protocols: [], deflate: null };
export const DEFLATE: DeflateOffer = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: null,
  clientMaxWindowBits: true,
};

/** A status line and fields that agree. */
export const STATUS: string = "HTTP/1.1 101 Switching Protocols";
export const FIELDS: readonly string[] = [
  "Upgrade: websocket",
  "Connection: Upgrade",
  `Sec-WebSocket-Accept: ${ACCEPT}`,
];

/** A header of lines. */
export function header(...lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

export const GOOD: string = header(STATUS, ...FIELDS);

/** What came out: an agreement, an error (at once, or where the stream ends), or nothing yet. */
export type Outcome =
  | { kind: "agreed"; agreement: Agreement; rest: string }
  | { kind: "refused" | "ended"; error: CurlWebSocketError }
  | { kind: "open" };

export function read(chunks: readonly Uint8Array[], offer: HandshakeOffer = NOTHING): Outcome {
  const reader = new ResponseReader(ACCEPT, offer);
  for (const [i, chunk] of chunks.entries()) {
    const padded = concat(Uint8Array.of(1, 2), chunk, Uint8Array.of(3));
    let result: ReturnType<ResponseReader["push"]>;
    try {
      result = reader.push(padded.subarray(2, 2 + chunk.length));
    } catch (error) {
      assertInstanceOf(error, CurlWebSocketError);
      return { kind: "refused", error };
    }
    if (result !== null) {
      const rest = toHex(concat(result.rest, ...chunks.slice(i + 1)));
      return { kind: "agreed", agreement: result.agreement, rest };
    }
    padded.fill(0x58);
  }
  const error = reader.end();
  return error === null ? { kind: "open" } : { kind: "ended", error };
}

/** The outcome in comparable form, its words left out where they may depend on the cuts. */
export function plain(outcome: Outcome, words = true): unknown {
  if (!("error" in outcome)) return outcome;
  const { code, message, status, headers, body } = outcome.error;
  return { kind: outcome.kind, code, message: words && message, status, headers, body: body && toHex(body) };
}

/** Reads a response whole, in two, and byte by byte, which must come to the same. */
export function readAnyhow(response: string | Uint8Array, offer: HandshakeOffer = NOTHING, words = true): Outcome {
  const bytes = typeof response === "string" ? latin1(response) : response;
  const outcome = read([bytes], offer);
  const expected = plain(outcome, words);
  if (bytes.length <= 2000) {
    assertEquals(plain(read(bytewise(bytes), offer), words), expected, "byte by byte");
    for (let place = 1; place < bytes.length; place++) {
      assertEquals(plain(read(cut(bytes, [place]), offer), words), expected, `cut at ${place}`);
    }
  }
  return outcome;
}

export function agreed(response: string, offer?: HandshakeOffer): { agreement: Agreement; rest: string } {
  const outcome = readAnyhow(response, offer);
  if (outcome.kind !== "agreed") throw new Error("not agreed", { cause: "error" in outcome && outcome.error });
  return outcome;
}

export function failed(
  kind: "refused" | "ended",
  response: string | Uint8Array,
  offer?: HandshakeOffer,
  words?: boolean,
): CurlWebSocketError {
  const outcome = readAnyhow(response, offer, words);
  assert("error" in outcome, outcome.kind);
  assertEquals(outcome.kind, kind);
  return outcome.error;
}
