/** What calls an observer of frames, in place of what does not: a connection without such an observer pays nothing for it. */
import type { FrameObserver } from "./observer.ts";
import { OPCODE_TEXT, RSV1 } from "../protocol/constants.ts";
import { FrameParser } from "../protocol/frame_parser.ts";
import { SendQueue } from "../connection/send_queue.ts";

export class TracedParser extends FrameParser {
  readonly #observer: FrameObserver;

  constructor(observer: FrameObserver, allowRsv1: boolean) {
    super(allowRsv1);
    this.#observer = observer;
  }

  override readWhole(input: Uint8Array, at: number, end: number): number {
    const start = super.readWhole(input, at, end);
    if (start > 0) this.#observer.frameReceived(this.opcode, this.length, true, false);
    return start;
  }

  override readHeader(input: Uint8Array, at: number, end: number): number {
    const next = super.readHeader(input, at, end);
    if (this.inFrame) this.#observer.frameReceived(this.opcode, this.length, this.fin, this.rsv1);
    return next;
  }
}

export class TracedQueue extends SendQueue {
  readonly #observer: FrameObserver;

  constructor(observer: FrameObserver) {
    super();
    this.#observer = observer;
  }

  override push(opcode: number, payload: Uint8Array, key: number, counted: number): void {
    super.push(opcode, payload, key, counted);
    this.#observer.frameSent(opcode & 15, payload.length, (opcode & RSV1) !== 0);
  }

  override pushText(opcode: number, text: string, key: number): boolean {
    const before = this.counted;
    const done = super.pushText(opcode, text, key);
    if (done) this.#observer.frameSent(OPCODE_TEXT, this.counted - before, false);
    return done;
  }
}
