/** permessage-deflate, RFC 7692 section 7.2: messages to and from raw DEFLATE streams, which somebody else provides. */
import { InflateError } from "../errors.ts";
import { ProtocolViolation } from "./constants.ts";
import { type DeflateParameters, MAX_WINDOW_BITS } from "../handshake/extensions.ts";

/** An empty message, compressed. */
const EMPTY: Uint8Array = Uint8Array.of(0);

/** A raw DEFLATE stream being read. */
export interface InflateStream {
  /**
   * Gives input, which must stay as it is until it is used up. `last` ends a message: the four octets that its sender
   * took away, 00 00 FF FF, follow it.
   */
  write(input: Uint8Array, last: boolean): void;
  /**
   * The next output: a view that lasts until the next call; null when the input is used up.
   *
   * @throws {InflateError} where the input is no DEFLATE stream
   */
  read(): Uint8Array | null;
  /** Whether all input is used up, and all output read. */
  readonly drained: boolean;
  /** Forgets the window, and all that came before. */
  reset(): void;
  /** Frees the stream; it is of no use after. */
  close(): void;
}

/** A raw DEFLATE stream being written. */
export interface DeflateStream {
  /** All output for `input` and a flush, which ends with 00 00 FF FF: a view that lasts until the next call. */
  deflate(input: Uint8Array): Uint8Array;
  /** Forgets the window. */
  reset(): void;
  /** Frees the stream; it is of no use after. */
  close(): void;
}

/** Inflates the messages of one connection, one after another. */
export class MessageInflater {
  readonly #parameters: DeflateParameters;
  readonly #create: (windowBits: number) => InflateStream;
  #stream: InflateStream | null = null;
  #closed = false;

  /** `create` is called for the first compressed message: many connections never have one. */
  constructor(parameters: DeflateParameters, create: (windowBits: number) => InflateStream) {
    this.#parameters = parameters;
    this.#create = create;
  }

  /**
   * Some of a message's payload; `last` is the end of its last frame. It must stay as it is until it is used up.
   *
   * @throws {Error} once closed: whoever sees a frame's header may end the connection before its payload is written
   */
  write(payload: Uint8Array, last: boolean): void {
    // A stream made now would never be freed.
    if (this.#closed) throw new Error("the inflater is closed");
    // Whatever the server's window is: zlib would notice only sometimes, by how the bytes are cut, that it is exceeded.
    (this.#stream ??= this.#create(MAX_WINDOW_BITS)).write(payload, last);
  }

  /**
   * Some inflated bytes, bounded in size: a view that lasts until the next call; null when what was written is used up.
   *
   * @throws {ProtocolViolation} `DEFLATE_INVALID`
   */
  read(): Uint8Array | null {
    try {
      return this.#stream!.read();
    } catch (error) {
      if (error instanceof InflateError) throw new ProtocolViolation("DEFLATE_INVALID", error.message);
      throw error;
    }
  }

  /** Whether what was written is used up, and all output read. */
  get drained(): boolean {
    return this.#stream!.drained;
  }

  /** The message has ended. */
  finish(): void {
    if (this.#parameters.serverNoContextTakeover) this.#stream!.reset();
  }

  /** Frees the stream, and makes none any more. */
  close(): void {
    this.#closed = true;
    this.#stream?.close();
    this.#stream = null;
  }
}

/** Compresses the messages of one connection, one after another. */
export class MessageDeflater {
  readonly #parameters: DeflateParameters;
  readonly #create: (windowBits: number) => DeflateStream;
  #stream: DeflateStream | null = null;

  /** `create` is called for the first message that is compressed: a stream takes some 256 KiB. */
  constructor(parameters: DeflateParameters, create: (windowBits: number) => DeflateStream) {
    this.#parameters = parameters;
    this.#create = create;
  }

  /** The payload of the compressed message: a view that lasts until the next call. */
  deflate(message: Uint8Array): Uint8Array {
    // Section 7.2.3.6: zlib would flush nothing.
    if (message.length === 0) return EMPTY;
    const stream = this.#stream ??= this.#create(this.#parameters.clientMaxWindowBits);
    const output = stream.deflate(message);
    if (this.#parameters.clientNoContextTakeover) stream.reset();
    // RFC 7692 section 7.2.1: the flush's last four octets are not sent.
    return output.subarray(0, output.length - 4);
  }

  /** Frees the stream. */
  close(): void {
    this.#stream?.close();
    this.#stream = null;
  }
}
