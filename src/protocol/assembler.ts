/** Data frames to messages: their order, size and UTF-8 (RFC 6455 sections 5.4, 5.6, 8.1). */
import { OPCODE_CONTINUATION, OPCODE_TEXT, ProtocolViolation } from "./constants.ts";
import { COPYING, type Copying } from "./copying.ts";

/** Collects one message at a time; its bytes are copied here, and the result is the receiver's own. */
export class Assembler {
  readonly #maxMessageSize: number;
  readonly #copying: Copying;
  #opcode = 0;
  #size = 0;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** The tail of `#chunks`, and how much of it is filled. */
  #tail: Uint8Array<ArrayBuffer> | null = null;
  #filled = 0;
  #text = "";
  #decoder: TextDecoder | null = null;

  constructor(maxMessageSize: number, copying: Copying = COPYING) {
    this.#maxMessageSize = maxMessageSize;
    this.#copying = copying;
  }

  /** A data frame begins. */
  begin(opcode: number): void {
    if (opcode === OPCODE_CONTINUATION) {
      if (this.#opcode === 0) throw new ProtocolViolation("CONTINUATION_UNEXPECTED");
    } else {
      if (this.#opcode !== 0) throw new ProtocolViolation("CONTINUATION_EXPECTED");
      this.#opcode = opcode;
    }
  }

  /** Counts bytes of the message before they are taken: a frame's announced length, or what was inflated. */
  count(length: number): void {
    this.#size += length;
    if (this.#size > this.#maxMessageSize) {
      throw new ProtocolViolation("MESSAGE_TOO_BIG", `${this.#size} bytes of at most ${this.#maxMessageSize}`);
    }
  }

  /** The whole message, where all of its bytes are here: the way most go. */
  whole(bytes: Uint8Array, from: number = 0, to: number = bytes.length): string | ArrayBuffer {
    const opcode = this.#opcode;
    this.#opcode = this.#size = 0;
    if (opcode !== OPCODE_TEXT) return this.#copying.copy(bytes, from, to);
    try {
      return this.#copying.decode(bytes, from, to);
    } catch {
      throw new ProtocolViolation("TEXT_NOT_UTF8");
    }
  }

  /** Whether no message has begun. */
  get idle(): boolean {
    return this.#opcode === 0;
  }

  /** Whether nothing of the message has been pushed. */
  get empty(): boolean {
    return this.#decoder === null && this.#chunks.length === 0;
  }

  /** Some of the payload. Text is decoded as it comes, so that the first bad byte fails it. */
  push(bytes: Uint8Array): void {
    if (this.#opcode === OPCODE_TEXT) {
      // `ignoreBOM`: a byte order mark is part of the message.
      this.#decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      this.#text += this.#decode(bytes, true);
      return;
    }
    while (bytes.length > 0) {
      if (this.#tail === null || this.#filled === this.#tail.length) {
        // Memory follows the bytes that came, never a length that was only announced.
        const size = Math.max(
          bytes.length,
          Math.min(this.#chunks.length === 0 ? 4096 : this.#tail!.length * 2, 1 << 22),
        );
        this.#tail = new Uint8Array(size);
        this.#chunks.push(this.#tail);
        this.#filled = 0;
      }
      const part = bytes.subarray(0, this.#tail.length - this.#filled);
      this.#tail.set(part, this.#filled);
      this.#filled += part.length;
      bytes = bytes.subarray(part.length);
    }
  }

  /** The message's last frame has ended. */
  finish(): string | ArrayBuffer {
    const text = this.#opcode === OPCODE_TEXT;
    const message = text ? this.#text + (this.#decoder === null ? "" : this.#decode(undefined, false)) : this.#joined();
    this.#opcode = this.#size = this.#filled = 0;
    this.#text = "";
    this.#decoder = this.#tail = null;
    this.#chunks = [];
    return message;
  }

  #decode(bytes: Uint8Array | undefined, stream: boolean): string {
    try {
      return this.#decoder!.decode(bytes as Uint8Array<ArrayBuffer> | undefined, { stream });
    } catch {
      throw new ProtocolViolation("TEXT_NOT_UTF8");
    }
  }

  #joined(): ArrayBuffer {
    const message = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      const part = chunk === this.#tail ? chunk.subarray(0, this.#filled) : chunk;
      message.set(part, at);
      at += part.length;
    }
    return message.buffer;
  }
}
