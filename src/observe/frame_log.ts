/** What tells the debug log of frames, in place of what does not: so a connection without the log pays nothing for it. */
import type { DebugLog } from "./debug_log.ts";
import { OPCODE_TEXT, RSV1 } from "../protocol/constants.ts";
import { FrameParser } from "../protocol/frame_parser.ts";
import { SendQueue } from "../connection/send_queue.ts";

const NAMES: Readonly<Record<number, string>> = {
  0: "continuation",
  1: "text",
  2: "binary",
  8: "close",
  9: "ping",
  10: "pong",
};

function write(log: DebugLog, mark: ">" | "<", opcode: number, length: number, more: string): void {
  log.write("frames", `${mark} ${NAMES[opcode] ?? `opcode ${opcode}`}, ${length} bytes${more}`);
}

export class TracedParser extends FrameParser {
  readonly #log: DebugLog;

  constructor(log: DebugLog, allowRsv1: boolean) {
    super(allowRsv1);
    this.#log = log;
  }

  override readWhole(input: Uint8Array, at: number, end: number): number {
    const start = super.readWhole(input, at, end);
    if (start > 0) write(this.#log, "<", this.opcode, this.length, "");
    return start;
  }

  override readHeader(input: Uint8Array, at: number, end: number): number {
    const next = super.readHeader(input, at, end);
    const more = (this.rsv1 ? ", compressed" : "") + (this.fin ? "" : ", more follow");
    if (this.inFrame) write(this.#log, "<", this.opcode, this.length, more);
    return next;
  }
}

export class TracedQueue extends SendQueue {
  readonly #log: DebugLog;

  constructor(log: DebugLog) {
    super();
    this.#log = log;
  }

  override push(opcode: number, payload: Uint8Array, key: number, counted: number): void {
    super.push(opcode, payload, key, counted);
    write(this.#log, ">", opcode & 15, payload.length, opcode & RSV1 ? ", compressed" : "");
  }

  override pushText(opcode: number, text: string, key: number): boolean {
    const before = this.counted;
    const done = super.pushText(opcode, text, key);
    if (done) write(this.#log, ">", OPCODE_TEXT, this.counted - before, "");
    return done;
  }
}
