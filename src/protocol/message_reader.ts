/** One side of an open WebSocket: bytes in, events out (RFC 6455). Knows no socket, timer, runtime or libcurl. */
import { MessageAssembler } from "./message_assembler.ts";
import * as P from "./constants.ts";
import { type PayloadDecoder, portableDecoder } from "./payload.ts";
import type { MessageInflater } from "./permessage_deflate.ts";
import type { FrameObserver } from "./frame_observer.ts";
import { FrameParser } from "./frame_parser.ts";

/** What came, in order. A callback that returns false stops {@linkcode MessageReader.receive}. */
export interface MessageReaderEvents {
  onMessage(data: string | ArrayBuffer): boolean;
  onPing(payload: Uint8Array<ArrayBuffer>): boolean;
  onPong(payload: Uint8Array<ArrayBuffer>): boolean;
  /** Some of a message is here, of `size` bytes, inflated: a frame that ends none, or a part of one. There may be any number. */
  onFragment(size: number): boolean;
  /** The peer's close frame; nothing follows it. */
  onClose(code: number, reason: string): void;
}

/**
 * This much of a compressed frame is inflated before {@linkcode MessageReaderEvents.onFragment} may say stop: DEFLATE may make
 * a thousand times as much of it, some 20 ms of work.
 */
const COMPRESSED_STEP = 16 * 1024;

const REASON = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a reader is made with. */
export interface MessageReaderOptions {
  /** In bytes; of a compressed message, of what it inflates to. */
  readonly maxMessageSize: number;
  /** Null without permessage-deflate. */
  readonly inflater: MessageInflater | null;
  /** Called for each frame's header. */
  readonly observer?: FrameObserver | null;
  /** How messages are taken out of what was received; by default {@linkcode portableDecoder}. */
  readonly decoder?: PayloadDecoder;
}

export class MessageReader {
  readonly #parser: FrameParser;
  readonly #assembler: MessageAssembler;
  readonly #inflater: MessageInflater | null;
  readonly #events: MessageReaderEvents;
  readonly #observer: FrameObserver | null;
  /** The payload of a control frame that has come in part. */
  #control: Uint8Array<ArrayBuffer> | null = null;
  /** Whether the message is compressed: its first frame says so. */
  #compressed = false;
  #closed = false;
  /** Since the start: frames, the payload of those that are not compressed or control frames, and of those that are compressed. */
  frames = 0;
  payload = 0;
  compressed = 0;
  inflated = 0;

  constructor(
    { maxMessageSize, inflater, observer = null, decoder = portableDecoder }: MessageReaderOptions,
    events: MessageReaderEvents,
  ) {
    this.#parser = new FrameParser(inflater !== null);
    this.#observer = observer;
    this.#assembler = new MessageAssembler(maxMessageSize, decoder);
    this.#inflater = inflater;
    this.#events = events;
  }

  /**
   * Takes `input[at..end)`; returns the offset up to which they were taken: short of the end if a callback said stop.
   *
   * @throws {P.ProtocolViolation} at the first thing the peer does wrong; the reader is of no more use then
   */
  receive(input: Uint8Array, at: number, end: number = input.length): number {
    const parser = this.#parser, assembler = this.#assembler;
    while (at < end || (parser.inFrame && parser.remaining === 0)) {
      // RFC 6455 section 1.4: what follows a close frame is discarded.
      if (this.#closed) return end;
      // The way most messages come: one frame, here as a whole, not compressed.
      const start = assembler.idle ? parser.readWhole(input, at, end) : 0;
      if (start > 0) {
        at = start + parser.length;
        this.frames++;
        this.#observer?.frameReceived(parser.opcode, parser.length, true, false);
        this.payload += parser.length;
        assembler.begin(parser.opcode);
        assembler.count(parser.length);
        if (!this.#events.onMessage(assembler.whole(input, start, at))) return at;
        continue;
      }
      if (!parser.inFrame) {
        at = parser.readHeader(input, at, end);
        if (!parser.inFrame) break;
        this.frames++;
        this.#observer?.frameReceived(parser.opcode, parser.length, parser.fin, parser.rsv1);
        if (parser.opcode < P.OPCODE_CLOSE) {
          assembler.begin(parser.opcode);
          if (parser.opcode !== P.OPCODE_CONTINUATION) this.#compressed = parser.rsv1;
          if (!this.#compressed) assembler.count(parser.length);
        }
      }
      const compressed = this.#compressed && parser.opcode < P.OPCODE_CLOSE;
      const take = Math.min(parser.remaining, end - at, compressed ? COMPRESSED_STEP : Infinity);
      const bytes = input.subarray(at, at + take);
      at += take;
      parser.remaining -= take;
      if (parser.opcode >= P.OPCODE_CLOSE) {
        const payload = this.#control ??= new Uint8Array(parser.length);
        payload.set(bytes, parser.length - parser.remaining - take);
        if (parser.remaining > 0) break;
        this.#control = null;
        parser.inFrame = false;
        if (!this.#onControl(parser.opcode, payload)) return at;
        continue;
      }
      if (compressed) {
        if (parser.remaining === 0) parser.inFrame = false;
        const { inflated } = this;
        const message = this.#inflate(bytes, parser.fin && !parser.inFrame);
        const events = this.#events, size = this.inflated - inflated;
        if (!(message === undefined ? events.onFragment(size) : events.onMessage(message))) return at;
        continue;
      }
      this.payload += take;
      if (take > 0) assembler.push(bytes);
      if (parser.remaining > 0) break;
      parser.inFrame = false;
      if (!(parser.fin ? this.#events.onMessage(assembler.finish()) : this.#events.onFragment(take))) return at;
    }
    return at;
  }

  /** Some of a compressed message's payload; `last` ends it. Returns the message then. */
  #inflate(payload: Uint8Array, last: boolean): string | ArrayBuffer | undefined {
    const inflater = this.#inflater!, assembler = this.#assembler;
    this.compressed += payload.length;
    inflater.write(payload, last);
    let bytes = inflater.read();
    if (last && bytes !== null && inflater.drained && assembler.empty) {
      assembler.count(bytes.length);
      this.inflated += bytes.length;
      inflater.finish();
      return assembler.whole(bytes);
    }
    for (; bytes !== null; bytes = inflater.read()) {
      assembler.count(bytes.length);
      this.inflated += bytes.length;
      if (bytes.length > 0) assembler.push(bytes);
    }
    if (!last) return undefined;
    inflater.finish();
    return assembler.finish();
  }

  #onControl(opcode: number, payload: Uint8Array<ArrayBuffer>): boolean {
    if (opcode === P.OPCODE_PONG) return this.#events.onPong(payload);
    if (opcode === P.OPCODE_PING) return this.#events.onPing(payload);
    this.#closed = true;
    if (payload.length === 0) {
      this.#events.onClose(P.CLOSE_NO_STATUS, "");
      return true;
    }
    if (payload.length === 1) throw new P.ProtocolViolation("CLOSE_PAYLOAD");
    const code = payload[0]! << 8 | payload[1]!;
    if (!P.isSendableCloseCode(code)) throw new P.ProtocolViolation("CLOSE_CODE", String(code));
    let reason: string;
    try {
      reason = REASON.decode(payload.subarray(2));
    } catch {
      throw new P.ProtocolViolation("CLOSE_REASON");
    }
    this.#events.onClose(code, reason);
    return true;
  }
}
