/** The body of a response that refuses, RFC 9112 sections 6.3 and 7.1. Pure. */
import { fieldValues, type HeaderList } from "./fields.ts";
import { GrowingBuffer } from "./growing_buffer.ts";

/** This much of a refusal's body is kept: an error page is smaller, and a program may keep many errors. */
export const MAX_BODY_SIZE: number = 64 * 1024;
/** A refusal's body is read no further than this, as it comes: chunks of one byte take six, and extensions have no end. */
const MAX_BODY_BYTES = 8 * MAX_BODY_SIZE;
/** This many characters of a chunk's size line are looked at: a size needs 16 at most, and extensions may follow it. */
const MAX_SIZE_LINE = 32;

/** Reads the body of one refusal, as far as it is kept; it may be chunked (RFC 9112 section 7.1). */
export class BodyReader {
  readonly #body: GrowingBuffer = new GrowingBuffer();
  readonly #chunked: boolean;
  /** How much is still to come: of the chunk, or of the body. */
  #left: number;
  /** The line of a chunk's size, as far as it came. */
  #line = "";
  #inside = false;
  #done = false;
  /** How many bytes came, of chunks' sizes and trailers too. */
  #received = 0;

  constructor(status: number, headers: HeaderList) {
    // RFC 9112 section 6.3: these have no body, whatever their fields say.
    const bodiless = status === 204 || status === 304;
    this.#chunked = !bodiless && /(^|,)\s*chunked\s*$/i.test(fieldValues(headers, "transfer-encoding")[0] ?? "");
    const length = bodiless ? "0" : fieldValues(headers, "content-length")[0];
    this.#left = this.#chunked ? 0 : length !== undefined && /^\d+$/.test(length) ? Number(length) : Infinity;
  }

  /** Takes bytes; returns whether the body is complete, or as much of it as is kept. */
  push(chunk: Uint8Array): boolean {
    this.#received += chunk.length;
    for (let at = 0; at < chunk.length && !this.#over;) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + Math.min(this.#left, MAX_BODY_SIZE - this.#body.length));
        this.#body.push(part);
        at += part.length;
        this.#left -= part.length;
      } else if (chunk[at++] !== 10) {
        if (this.#line.length < MAX_SIZE_LINE) this.#line += String.fromCharCode(chunk[at - 1]!);
      } else {
        const size = this.#line.trim();
        this.#line = "";
        // The end of the chunk before.
        if (size === "" && this.#inside) {
          this.#inside = false;
          continue;
        }
        const length = parseInt(size, 16);
        if (length > 0) this.#left = length;
        else this.#done = true;
        this.#inside = true;
      }
    }
    return this.#over;
  }

  get #over(): boolean {
    return this.#done || (!this.#chunked && this.#left === 0) || this.#body.length >= MAX_BODY_SIZE ||
      this.#received >= MAX_BODY_BYTES;
  }

  /** What has come so far: a copy. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#body.view.slice();
  }
}
