/** What a connection sends: frames with their masks, compressed where that was agreed, up to its close frame. */
import type { CompleteDeflateOptions } from "./options.ts";
import { OPCODE_CLOSE, OPCODE_TEXT, RSV1 } from "./protocol/constants.ts";
import { MessageDeflater } from "./protocol/deflate.ts";
import type { DeflateParameters } from "./protocol/extensions.ts";
import { MaskingKeys } from "./protocol/mask.ts";
import { SendQueue } from "./send_queue.ts";
import { createDeflate, type Zlib } from "./zlib.ts";

const keys = new MaskingKeys();
const encoder = new TextEncoder();

export class Outgoing {
  readonly queue: SendQueue;
  #deflater: MessageDeflater | null = null;
  #threshold = 0;
  /** Whether the close frame is queued: nothing may follow it. */
  closeSent = false;
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
    this.#deflater = new MessageDeflater(parameters, (bits) => createDeflate(zlib, bits, level, memLevel));
    this.#threshold = threshold;
  }

  /** Queues a message; its bytes are copied. */
  message(opcode: number, message: Uint8Array): void {
    const { length } = message;
    this.messages++;
    if (this.#deflater === null || length < this.#threshold) {
      this.queue.push(opcode, message, keys.next(), length);
    } else {
      const compressed = this.#deflater.deflate(message);
      this.inflated += length;
      this.compressed += compressed.length;
      this.queue.push(opcode | RSV1, compressed, keys.next(), length);
    }
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
    this.controls++;
    this.queue.push(opcode, payload, keys.next(), 0);
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
