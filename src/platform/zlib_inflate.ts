/** Raw DEFLATE streams that are read, by the system's zlib. */
import { InflateError } from "../errors.ts";
import type { Zlib } from "./zlib.ts";
import { AVAIL_IN, BUFFER_SIZE, Z_BUF_ERROR, Z_SYNC_FLUSH, ZLIB_VERSION, ZlibStream } from "./zlib_stream.ts";

const Z_STREAM_END = 1, Z_DATA_ERROR = -3;

/** What {@linkcode ZlibInflate.write} adds to a message's end. */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);

/** A stream as `MessageInflater` of `protocol/permessage_deflate.ts` takes it. */
export class ZlibInflate {
  readonly #z: ZlibStream;
  /** What is written and not yet staged. */
  #rest: Uint8Array = TAIL.subarray(0, 0);
  /** The tail is still to be staged. */
  #tail = false;
  /** The message's end is to be checked when all is used up. */
  #ending = false;
  /** Whether the message has any bytes yet, and whether they end with a block that has BFINAL set. */
  #begun = false;
  #final = false;
  /** The last call filled the output: there may be more without any input. */
  #full = false;
  /** zlib's `data_type` after the last call that did anything: one that does nothing forgets that it is between blocks. */
  #state = 0;
  drained = true;

  /** The stream's window has 2^`windowBits` bytes, 8 to 15. */
  constructor(zlib: Zlib, windowBits: number) {
    this.#z = new ZlibStream(zlib);
    const { pointer } = this.#z;
    this.#z.check(zlib.inflateInit2_(pointer, -windowBits, ZLIB_VERSION, zlib.layout.bytes), "inflateInit2");
  }

  write(bytes: Uint8Array, last: boolean): void {
    const some = bytes.length > 0;
    // Some senders leave an empty message wholly empty, or add no empty block behind BFINAL: there is nothing to complete.
    this.#tail = this.#ending = last && (some || (this.#begun && !this.#final));
    this.#begun = !last && (some || this.#begun);
    if (some) this.#final = false;
    this.#rest = bytes;
    this.drained = !some && !this.#tail;
  }

  read(): Uint8Array | null {
    if (this.drained) return null;
    const { zlib, words, pointer } = this.#z, z = this.#z;
    const { availOut, dataType } = zlib.layout;
    z.clear();
    do {
      if (words[AVAIL_IN] === 0 && !this.#refill() && !this.#full) {
        this.drained = true;
        if (this.#ending) this.#checkEnd();
        break;
      }
      const code = zlib.inflate(pointer, Z_SYNC_FLUSH);
      if (code === Z_STREAM_END) this.#streamEnd();
      else if (code === Z_DATA_ERROR) throw new InflateError(z.message());
      else if (code !== Z_BUF_ERROR) z.check(code, "inflate");
      if (code !== Z_BUF_ERROR) this.#state = words[dataType]!;
      this.#full = words[availOut] === 0;
    } while (!this.#full);
    return z.written();
  }

  /** RFC 7692 section 7.2.2: with its tail, a message ends behind an empty block. */
  #checkEnd(): void {
    this.#ending = false;
    const BITS = 63, BETWEEN_BLOCKS = 128;
    if ((this.#state & (BETWEEN_BLOCKS | BITS)) !== BETWEEN_BLOCKS) {
      throw new InflateError("the message ends inside a block");
    }
  }

  /** Stages more input, the tail with the message's last bytes. Returns false if there is none. */
  #refill(): boolean {
    if (this.#rest.length > 0) {
      this.#rest = this.#rest.subarray(this.#z.stage(this.#rest, 0));
    } else if (!this.#tail) return false;
    if (this.#tail && this.#rest.length === 0) {
      const before = this.#z.words[AVAIL_IN]!;
      if (before + TAIL.length <= BUFFER_SIZE) {
        this.#z.stage(TAIL, before);
        this.#tail = false;
      }
    }
    return true;
  }

  /** A block with BFINAL set has ended: what follows begins a new stream, but its window goes on (section 7.2.3.5). */
  #streamEnd(): void {
    const { zlib, words, pointer } = this.#z;
    // A sender that adds no empty block behind has nothing to complete either.
    const left = words[AVAIL_IN]! + this.#rest.length + (this.#tail ? TAIL.length : 0);
    this.#final = left === 0;
    // Or the tail completed that very block.
    if (this.#ending && (left === TAIL.length || left === 0)) {
      this.#ending = this.#tail = false;
      words[AVAIL_IN] = 0;
    }
    this.#z.check(zlib.inflateResetKeep(pointer), "inflateResetKeep");
  }

  reset(): void {
    this.#z.check(this.#z.zlib.inflateReset(this.#z.pointer), "inflateReset");
  }

  close(): void {
    if (this.#z.pointer === null) return;
    this.#z.zlib.inflateEnd(this.#z.pointer);
    this.#z.pointer = null;
  }
}
