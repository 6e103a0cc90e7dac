/** What a connection sends: frames with their masks, compressed where that was agreed, up to its close frame. */
import type { CompleteDeflateOptions } from "../options/options.ts";
import { OPCODE_CLOSE, OPCODE_PONG, OPCODE_TEXT, RSV1 } from "../protocol/constants.ts";
import { MessageDeflater } from "../protocol/permessage_deflate.ts";
import type { DeflateParameters } from "../handshake/extensions.ts";
import { MaskingKeys } from "../protocol/mask.ts";
import { SendQueue } from "./send_queue.ts";
import type { Zlib } from "../platform/zlib.ts";
import { ZlibDeflate } from "../platform/zlib_deflate.ts";

/** Pings of one packet are few: each of up to this many is answered. */
const MAX_PONGS = 64;

const keys = new MaskingKeys();
const encoder = new TextEncoder();

/** A message is lost to the compression's window: nothing may follow it. */
export class CompressionFailed extends Error {
  override readonly name: string = "CompressionFailed";

  constructor(cause: unknown) {
    super("a message could not be compressed", { cause });
  }
}

export class Outgoing {
  readonly queue: SendQueue;
  #deflater: MessageDeflater | null = null;
  #threshold = 0;
  /** Whether the close frame is queued: nothing may follow it. */
  closeSent = false;
  /** Pongs since the last time that none waited to go out, and the payload of the last ping that has none among them. */
  #pongs = 0;
  #pong: Uint8Array | null = null;
  /** Where the last pong ends, in the stream of what is queued. */
  #pongsEnd = 0;
  /** Since the start: messages, control frames, and compressed messages' sizes before and after. */
  messages = 0;
  controls = 0;
  inflated = 0;
  compressed = 0;

  constructor(queue: SendQueue = new SendQueue()) {
    this.queue = queue;
  }

  /** From now on messages are compressed, by what was agreed and the user's options. */
  compress(zlib: Zlib, parameters: DeflateParameters, { threshold, level, memLevel }: CompleteDeflateOptions): void {
    this.#deflater = new MessageDeflater(parameters, (bits) => new ZlibDeflate(zlib, bits, level, memLevel));
    this.#threshold = threshold;
  }

  /**
   * Queues a message; its bytes are copied.
   *
   * @throws {CompressionFailed} where it could not be compressed, or queued when it was: the server's window and ours are
   * no longer the same, so nothing may follow. What else is thrown leaves all as it was
   */
  message(opcode: number, message: Uint8Array): void {
    const { length } = message;
    if (this.#deflater === null || length < this.#threshold) {
      this.queue.push(opcode, message, keys.next(), length);
    } else {
      try {
        const compressed = this.#deflater.deflate(message);
        this.queue.push(opcode | RSV1, compressed, keys.next(), length);
        this.inflated += length;
        this.compressed += compressed.length;
      } catch (cause) {
        throw new CompressionFailed(cause);
      }
    }
    this.messages++;
  }

  /** Queues a text message. */
  text(text: string): void {
    // Compression, and what is too long to be encoded in place, takes the text's bytes.
    const compressed = this.#deflater !== null && text.length * 3 >= this.#threshold;
    if (compressed || !this.queue.pushText(OPCODE_TEXT, text, keys.next())) {
      this.message(OPCODE_TEXT, encoder.encode(text));
    } else {
      this.messages++;
    }
  }

  control(opcode: number, payload: Uint8Array): void {
    this.queue.push(opcode, payload, keys.next(), 0);
    this.controls++;
  }

  /**
   * Queues the answer to a ping. Beyond {@linkcode MAX_PONGS} that wait to go out, one more is kept, for the latest ping:
   * RFC 6455 section 5.5.3 wants no more, and a server that sends pings and reads nothing takes no memory.
   */
  pong(payload: Uint8Array): void {
    if (this.#pongs === MAX_PONGS) {
      this.#pong = payload;
      return;
    }
    this.control(OPCODE_PONG, payload);
    this.#pongs++;
    this.#pongsEnd = this.queue.sent + this.queue.size;
  }

  /** Some of what was queued went out. Returns whether that made room for a pong, which is now queued. */
  pongsLeft(): boolean {
    // Not only when nothing is queued any more: a sender of much may keep it from that for hours, and its server waits for
    // pongs as well.
    if (this.#pongs === 0 || this.queue.sent < this.#pongsEnd) return false;
    this.#pongs = 0;
    const payload = this.#pong;
    if (payload === null || this.closeSent) return false;
    this.#pong = null;
    this.pong(payload);
    return true;
  }

  /** Queues the close frame; code 0 sends none. */
  closeFrame(code: number, reason: Uint8Array): void {
    const payload = new Uint8Array(code === 0 ? 0 : 2 + reason.length);
    if (code !== 0) {
      payload[0] = code >> 8;
      payload[1] = code & 0xff;
      payload.set(reason, 2);
    }
    this.control(OPCODE_CLOSE, payload);
    this.closeSent = true;
  }

  /** Frees what it holds; what is queued stays counted. */
  close(): void {
    this.#deflater?.close();
    this.queue.close();
  }
}
