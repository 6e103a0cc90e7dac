/** Assembles messages from data frames: their order, size and UTF-8 (RFC 6455 sections 5.4, 5.6, 8.1). */
import { OPCODE_CONTINUATION, OPCODE_TEXT, ProtocolViolation } from "./constants.ts";
import { AsciiScanner, type PayloadDecoder, portableDecoder } from "./payload.ts";

/** How many pieces of text are joined at once: one by one, strings would become trees. */
const MANY_PIECES = 1024;
/** The smallest chunk for a message in pieces, in bytes: a page of memory. */
const FIRST_CHUNK = 4096;
/** The largest chunk that doubling makes, in bytes: a message wastes no more than that. */
const LARGEST_CHUNK = 4 * 1024 * 1024;

const scanner = new AsciiScanner();

/** A text of more bytes than this may be longer than an engine's strings: V8's have 2^29 - 24 characters at most. */
const LONG_TEXT = 2 ** 29 - 24;
/** How many bytes of such a text are checked at once: their text must fit into memory. */
const LONG_PART = 1024 * 1024;

/** Returns what to throw if text cannot be decoded: a `TypeError` may also mean that it is too long for the engine. */
function whyNoText(error: unknown, bytes: Uint8Array): unknown {
  if (error instanceof TypeError && (bytes.length <= LONG_TEXT || !isUtf8(bytes))) {
    return new ProtocolViolation("TEXT_NOT_UTF8");
  }
  return error instanceof TypeError ? tooLarge(bytes.length) : whyNoMemory(error, bytes.length);
}

/** Returns what to throw if there is no memory for a message: engines throw a `RangeError` for that. */
function whyNoMemory(error: unknown, size: number): unknown {
  return error instanceof RangeError ? tooLarge(size) : error;
}

function tooLarge(size: number): ProtocolViolation {
  return new ProtocolViolation("MESSAGE_TOO_BIG", `${size} bytes, which this JavaScript engine cannot hold`);
}

function isUtf8(bytes: Uint8Array): boolean {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for (let at = 0; at < bytes.length; at += LONG_PART) {
      decoder.decode(bytes.subarray(at, at + LONG_PART) as Uint8Array<ArrayBuffer>, { stream: true });
    }
    decoder.decode();
    return true;
  } catch {
    return false;
  }
}

/** Collects one message at a time. Its bytes are copied: the result belongs to the caller. */
export class MessageAssembler {
  readonly #maxMessageSize: number;
  readonly #payloads: PayloadDecoder;
  #opcode = 0;
  #size = 0;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** The last of `#chunks`, and how many of its bytes are filled. */
  #tail: Uint8Array<ArrayBuffer> | null = null;
  #filled = 0;
  /** How many bytes `#chunks` contain. */
  #gathered = 0;
  #text = "";
  /** The pieces after `#text`. */
  #pieces: string[] = [];
  #decoder: TextDecoder | null = null;

  constructor(maxMessageSize: number, decoder: PayloadDecoder = portableDecoder) {
    this.#maxMessageSize = maxMessageSize;
    this.#payloads = decoder;
  }

  /**
   * A data frame begins.
   *
   * @throws {ProtocolViolation} if it may not come now
   */
  begin(opcode: number): void {
    if (opcode === OPCODE_CONTINUATION) {
      if (this.#opcode === 0) throw new ProtocolViolation("CONTINUATION_UNEXPECTED");
    } else {
      if (this.#opcode !== 0) throw new ProtocolViolation("CONTINUATION_EXPECTED");
      this.#opcode = opcode;
    }
  }

  /**
   * Counts bytes of the message before memory is taken for them: a frame's length, or what was inflated.
   *
   * @throws {ProtocolViolation} `MESSAGE_TOO_BIG`
   */
  count(length: number): void {
    this.#size += length;
    if (this.#size > this.#maxMessageSize) {
      const detail = `${this.#size} bytes, and maxMessageSize is ${this.#maxMessageSize}`;
      throw new ProtocolViolation("MESSAGE_TOO_BIG", detail);
    }
  }

  /** Returns a message whose bytes are all in `bytes[from..to)`: the usual case. */
  whole(bytes: Uint8Array, from: number = 0, to: number = bytes.length): string | ArrayBuffer {
    const opcode = this.#opcode;
    this.#opcode = this.#size = 0;
    try {
      return opcode === OPCODE_TEXT ? this.#payloads.decode(bytes, from, to) : this.#payloads.copy(bytes, from, to);
    } catch (error) {
      throw opcode === OPCODE_TEXT ? whyNoText(error, bytes.subarray(from, to)) : whyNoMemory(error, to - from);
    }
  }

  /** Whether no message is under way. */
  get idle(): boolean {
    return this.#opcode === 0;
  }

  /** Whether nothing of the message has been pushed. */
  get empty(): boolean {
    return this.#pieces.length === 0 && this.#text === "" && this.#chunks.length === 0;
  }

  /** Takes some of the payload. Text is decoded as it comes, so that the first bad byte fails. */
  push(bytes: Uint8Array): void {
    if (this.#opcode === OPCODE_TEXT) return this.#addText(bytes);
    for (let rest = bytes; rest.length > 0;) {
      if (this.#tail === null || this.#filled === this.#tail.length) this.#grow(rest.length);
      const part = rest.subarray(0, this.#tail!.length - this.#filled);
      this.#tail!.set(part, this.#filled);
      this.#filled += part.length;
      this.#gathered += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /**
   * Adds a chunk. Memory follows the bytes that have come: a chunk has the announced size only if that is at most four
   * times as much. The first chunk is as large as announced, since most messages are one frame; later ones are shared
   * by the fragments to come, or a message in fragments of one byte would take a hundred times its size.
   */
  #grow(length: number): void {
    const first = this.#tail === null;
    const usual = Math.min(first ? FIRST_CHUNK : Math.max(this.#tail!.length * 2, FIRST_CHUNK), LARGEST_CHUNK);
    const announced = this.#size - this.#gathered;
    const near = announced <= Math.max(4 * length, FIRST_CHUNK);
    const size = near ? first ? announced : Math.max(announced, usual) : Math.max(length, usual);
    try {
      this.#tail = new Uint8Array(size);
    } catch (error) {
      throw whyNoMemory(error, this.#gathered + size);
    }
    this.#chunks.push(this.#tail);
    this.#filled = 0;
  }

  #addText(bytes: Uint8Array): void {
    let piece: string;
    if (this.#decoder === null && scanner.isAscii(bytes, 0, bytes.length)) {
      piece = this.#payloads.ascii(bytes, 0, bytes.length);
    } else {
      // `ignoreBOM`: a byte order mark is part of the message.
      this.#decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      piece = this.#decode(bytes, true);
    }
    // In both engines, adding strings makes a tree with some 32 bytes for each node: too much for pieces of one byte.
    if (this.#pieces.push(piece) === MANY_PIECES) this.#text = this.#wholeText();
  }

  #wholeText(): string {
    try {
      return this.#text + this.#pieces.splice(0).join("");
    } catch (error) {
      throw whyNoMemory(error, this.#size);
    }
  }

  /** The message's last frame has ended. Returns the message. */
  finish(): string | ArrayBuffer {
    const text = this.#opcode === OPCODE_TEXT;
    if (this.#decoder !== null) this.#pieces.push(this.#decode(undefined, false));
    const message = text ? this.#wholeText() : this.#joined();
    this.#opcode = this.#size = 0;
    this.#text = "";
    this.#decoder = null;
    this.#forget();
    return message;
  }

  #forget(): void {
    this.#chunks = [];
    this.#tail = null;
    this.#filled = this.#gathered = 0;
  }

  #decode(bytes: Uint8Array | undefined, stream: boolean): string {
    try {
      return this.#decoder!.decode(bytes as Uint8Array<ArrayBuffer> | undefined, { stream });
    } catch (error) {
      throw error instanceof TypeError ? new ProtocolViolation("TEXT_NOT_UTF8") : whyNoMemory(error, this.#size);
    }
  }

  #used(chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    return chunk === this.#tail ? chunk.subarray(0, this.#filled) : chunk;
  }

  #joined(): ArrayBuffer {
    // The usual case: one frame, whose length was announced.
    if (this.#chunks.length === 1 && this.#filled === this.#tail!.length) return this.#tail!.buffer;
    let message: Uint8Array<ArrayBuffer>;
    try {
      message = new Uint8Array(this.#gathered);
    } catch (error) {
      throw whyNoMemory(error, this.#gathered);
    }
    let at = 0;
    for (const chunk of this.#chunks) {
      const part = this.#used(chunk);
      message.set(part, at);
      at += part.length;
    }
    return message.buffer;
  }
}
