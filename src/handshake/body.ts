/** The body of a response that refuses the handshake, RFC 9112 sections 6.3 and 7.1. Pure. */
import { fieldValues, type HeaderList } from "./fields.ts";
import { GrowingBuffer } from "./growing_buffer.ts";

/** How many bytes of a refusal's body are kept: an error page is smaller, and a program may keep many errors. */
export const MAX_BODY_SIZE: number = 64 * 1024;
/** How many bytes are read for it at most: a chunk of one byte takes six, and a chunk's extensions may have no end. */
const MAX_BODY_BYTES = 8 * MAX_BODY_SIZE;
/** How many characters of a chunk's size line are read: a size needs 16 at most; extensions may follow it. */
const MAX_SIZE_LINE = 32;

/** Reads the body of one refusal, as far as it is kept. It may be chunked (RFC 9112 section 7.1). */
export class BodyReader {
  readonly #body: GrowingBuffer = new GrowingBuffer();
  readonly #chunked: boolean;
  /** How many bytes are still to come: of the chunk, or of the body. */
  #left: number;
  /** The line of a chunk's size, as far as it has come. */
  #line = "";
  /** Whether a chunk has begun: an empty line then ends it. */
  #inside = false;
  #done = false;
  /** How many bytes have come, including the chunks' sizes and trailers. */
  #received = 0;

  constructor(status: number, headers: HeaderList) {
    // RFC 9112 section 6.3: these statuses have no body, whatever the fields say.
    const bodiless = status === 204 || status === 304;
    this.#chunked = !bodiless && /(^|,)\s*chunked\s*$/i.test(fieldValues(headers, "transfer-encoding")[0] ?? "");
    const length = bodiless ? "0" : fieldValues(headers, "content-length")[0];
    this.#left = this.#chunked ? 0 : length !== undefined && /^\d+$/.test(length) ? Number(length) : Infinity;
  }

  /** Takes bytes. Returns true if the body is complete, or as much of it has come as is kept. */
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

  /** The body as far as it has come: a copy. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#body.view.slice();
  }
}
