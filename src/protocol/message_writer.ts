/** One side of an open WebSocket: messages in, masked frames out (RFC 6455 section 5). Knows no socket, timer or libcurl. */
import { OPCODE_CLOSE, OPCODE_TEXT, RSV1 } from "./constants.ts";
import type { FrameObserver } from "./frame_observer.ts";
import { frameSize, headerSize, writeFrame, writeHeader } from "./frame_writer.ts";
import { mask, MaskingKeys } from "./mask.ts";
import type { MessageDeflater } from "./permessage_deflate.ts";

/** Memory that frames are written into, from `end` on. */
export interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where that begins which has not been sent. */
  readonly start: number;
  end: number;
}

/** Where frames are written to: one stream of bytes, in chunks of memory. */
export interface FrameSink {
  /**
   * The last chunk if it has room for `least` bytes, or a new one behind it.
   *
   * @param least at most the size of a header and of a text that is encoded in place, {@linkcode maxInPlace}
   * @param wanted how many bytes are to be written, if they fit
   */
  room(least: number, wanted: number): Chunk;
  /** What was written is a frame of `size` bytes; `counted` is what it adds to WHATWG's `bufferedAmount`. */
  commit(size: number, counted: number): void;
  /** Forgets what was written since the last commit: from `end` of this chunk on. */
  rollback(chunk: Chunk, end: number): void;
  /** The largest `least` of {@linkcode room}, in bytes. */
  readonly maxInPlace: number;
}

/** A message is lost to the compression's window, which the server no longer shares: no message may follow it. */
export class CompressionFailed extends Error {
  override readonly name: string = "CompressionFailed";

  constructor(cause: unknown) {
    super("a message could not be compressed", { cause });
  }
}

/** What a writer of messages is made with. */
export interface MessageWriterOptions {
  /** Where masking keys come from, by default a strong generator: section 10.3 wants them unpredictable. */
  readonly keys?: MaskingKeys;
  readonly observer?: FrameObserver | null;
}

const encoder = new TextEncoder();
/** One a thread: its pool is filled by one call. */
const randomKeys = new MaskingKeys();
/** A UTF-16 code unit is at most this many bytes of UTF-8. */
const MAX_UTF8 = 3;

/** Writes each message as one frame. What a method throws leaves the stream as it was, except {@linkcode CompressionFailed}. */
export class MessageWriter {
  readonly #sink: FrameSink;
  readonly #keys: MaskingKeys;
  readonly #observer: FrameObserver | null;
  /** Null if messages are not compressed. */
  #deflater: MessageDeflater | null = null;
  #threshold = 0;
  /** Since the start: messages, control frames, and the sizes of compressed messages before and after compression. */
  messages = 0;
  controls = 0;
  inflated = 0;
  compressed = 0;

  constructor(sink: FrameSink, { keys = randomKeys, observer = null }: MessageWriterOptions = {}) {
    this.#sink = sink;
    this.#keys = keys;
    this.#observer = observer;
  }

  /** From now on messages of at least `threshold` bytes are compressed. */
  compress(deflater: MessageDeflater, threshold: number): void {
    this.#deflater = deflater;
    this.#threshold = threshold;
  }

  /**
   * Writes a message; its bytes are copied.
   *
   * @throws {CompressionFailed} if it was not compressed, or was not written after that
   * @throws {RangeError} if memory runs out
   */
  message(opcode: number, message: Uint8Array): void {
    const { length } = message;
    if (this.#deflater === null || length < this.#threshold) {
      this.#frame(opcode, message, length);
    } else {
      try {
        const compressed = this.#deflater.deflate(message);
        this.#frame(opcode | RSV1, compressed, length);
        this.inflated += length;
        this.compressed += compressed.length;
      } catch (cause) {
        throw new CompressionFailed(cause);
      }
    }
    this.messages++;
    this.#observer?.messageSent?.(opcode, message);
  }

  /** Writes a text message; throws as {@linkcode message}. */
  text(text: string): void {
    // Compression, and what is too long to be encoded in place, takes the text's bytes.
    const compressed = this.#deflater !== null && text.length * MAX_UTF8 >= this.#threshold;
    if (compressed || !this.#textInPlace(text)) return this.message(OPCODE_TEXT, encoder.encode(text));
    this.messages++;
    this.#observer?.messageSent?.(OPCODE_TEXT, text);
  }

  /** Writes a control frame, with a payload of at most 125 bytes. */
  control(opcode: number, payload: Uint8Array): void {
    this.#frame(opcode, payload, 0);
    this.controls++;
  }

  /** Writes a close frame: section 5.5.1. A code of 0 gives it no payload. */
  close(code: number, reason: Uint8Array): void {
    const payload = new Uint8Array(code === 0 ? 0 : 2 + reason.length);
    if (code !== 0) {
      payload[0] = code >> 8;
      payload[1] = code & 0xff;
      payload.set(reason, 2);
    }
    this.control(OPCODE_CLOSE, payload);
  }

  /** Frees the compression. */
  dispose(): void {
    this.#deflater?.close();
  }

  /** `counted` is the length of the message before compression, and nothing for a control frame. */
  #frame(opcode: number, payload: Uint8Array, counted: number): void {
    const { length } = payload, size = frameSize(length), key = this.#keys.next();
    const chunk = this.#sink.room(Math.min(size, headerSize(length)), size);
    if (chunk.bytes.length - chunk.end >= size) {
      chunk.end = writeFrame(chunk.bytes, chunk.end, opcode, payload, key);
    } else {
      this.#longFrame(chunk, opcode, payload, key);
    }
    this.#sink.commit(size, counted);
    this.#observer?.frameSent(opcode & ~RSV1, length, (opcode & RSV1) !== 0);
  }

  /** A frame that needs more chunks than the one it begins in: all of it, or nothing if memory runs out. */
  #longFrame(chunk: Chunk, opcode: number, payload: Uint8Array, key: number): void {
    const { end } = chunk;
    try {
      chunk.end = writeHeader(chunk.bytes, end, opcode, payload.length, key);
      for (let at = 0; at < payload.length;) at += this.#append(payload, at, key);
    } catch (error) {
      this.#sink.rollback(chunk, end);
      throw error;
    }
  }

  /** Appends as much of a payload as one chunk takes, and masks it; returns how much. */
  #append(payload: Uint8Array, at: number, key: number): number {
    const chunk = this.#sink.room(1, payload.length - at);
    const part = payload.subarray(at, at + chunk.bytes.length - chunk.end);
    chunk.bytes.set(part, chunk.end);
    // The key's bytes go round: this part begins with the one that its offset in the payload has.
    const turn = (at & 3) * 8;
    const turned = turn === 0 ? key : key >>> turn | key << 32 - turn;
    mask(chunk.bytes, chunk.end, chunk.end + part.length, turned);
    chunk.end += part.length;
    return part.length;
  }

  /**
   * Writes a text message, encoded where it is sent from. Returns false, and writes nothing, if it does not fit there: it is
   * too long, or not ASCII and longer in bytes than there is room.
   */
  #textInPlace(text: string): boolean {
    // Most text is ASCII: its length is known before.
    const guess = headerSize(text.length), least = guess + text.length;
    if (least > this.#sink.maxInPlace) return false;
    const chunk = this.#sink.room(least, least), { bytes, end } = chunk;
    const { read, written } = encoder.encodeInto(text, bytes.subarray(end + guess));
    const header = headerSize(written);
    if (read < text.length || end + header + written > bytes.length) {
      this.#sink.rollback(chunk, end);
      return false;
    }
    if (header !== guess) bytes.copyWithin(end + header, end + guess, end + guess + written);
    const key = this.#keys.next();
    writeHeader(bytes, end, OPCODE_TEXT, written, key);
    chunk.end = end + header + written;
    mask(bytes, end + header, chunk.end, key);
    this.#sink.commit(header + written, written);
    this.#observer?.frameSent(OPCODE_TEXT, written, false);
    return true;
  }
}
