/** permessage-deflate, RFC 7692 section 7.2: messages to and from raw DEFLATE streams, which are passed in. */
import { InflateError } from "../errors.ts";
import { ProtocolViolation } from "./constants.ts";
import { type DeflateParameters, MAX_WINDOW_BITS } from "../handshake/extensions.ts";

/** An empty message, compressed: RFC 7692 section 7.2.3.6. */
const EMPTY: Uint8Array = Uint8Array.of(0);

/** A raw DEFLATE stream that inflates. */
export interface InflateStream {
  /**
   * Takes input, which must not change until it is used up. If it is the `last` of a message, the stream adds the four
   * octets that the sender left out, 00 00 FF FF.
   */
  write(input: Uint8Array, last: boolean): void;
  /**
   * Returns the next output, a view that is valid until the next call, or null if the input is used up.
   *
   * @throws {InflateError} if the input is not a DEFLATE stream
   */
  read(): Uint8Array | null;
  /** Whether all input is used up, and all output read. */
  readonly drained: boolean;
  /** Forgets the window and all input. */
  reset(): void;
  /** Frees the stream, which must not be used after. */
  close(): void;
}

/** A raw DEFLATE stream that compresses. */
export interface DeflateStream {
  /**
   * Returns all output for `input` and a flush, which ends with 00 00 FF FF: a view that is valid until the next call.
   */
  deflate(input: Uint8Array): Uint8Array;
  /** Forgets the window. */
  reset(): void;
  /** Frees the stream, which must not be used after. */
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
   * Takes some of a message's payload, which must not change until it is used up; `last` is true for the end of its
   * last frame.
   *
   * @throws {Error} once closed: an observer of a frame's header may end the connection before its payload is written
   */
  write(payload: Uint8Array, last: boolean): void {
    // A stream made now would never be freed.
    if (this.#closed) throw new Error("the inflater is closed");
    // The largest window, whatever was agreed: zlib notices only sometimes, by how the bytes are cut, that it is
    // exceeded.
    (this.#stream ??= this.#create(MAX_WINDOW_BITS)).write(payload, last);
  }

  /**
   * Returns some inflated bytes, bounded in size: a view that is valid until the next call. Null if the payload is used
   * up.
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

  /** Whether the payload is used up, and all output has been read. */
  get drained(): boolean {
    return this.#stream!.drained;
  }

  /** The message has ended. */
  finish(): void {
    if (this.#parameters.serverNoContextTakeover) this.#stream!.reset();
  }

  /** Frees the stream. No new one is made after. */
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

  /** Returns the payload of the compressed message: a view that is valid until the next call. */
  deflate(message: Uint8Array): Uint8Array {
    // Of an empty message, zlib would flush nothing.
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
