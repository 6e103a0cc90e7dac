/** Runs a message reader over chunks, and notes its events. */
import { ProtocolViolation } from "../../src/protocol/constants.ts";
import type { MessageInflater } from "../../src/protocol/permessage_deflate.ts";
import { MessageReader } from "../../src/protocol/message_reader.ts";
import { allocatedBy, check, toHex } from "./target.ts";

export interface RunOptions {
  readonly maxMessageSize: number;
  readonly inflater: MessageInflater | null;
  /** Called after each message and pong; if it returns true, the reader stops, and another call receives the rest. */
  readonly stop?: () => boolean;
}

/** Returns the events, one line each; the last may be a violation, by its name. Nothing else may be thrown. */
export function runReader(chunks: readonly Uint8Array[], options: RunOptions): string[] {
  const { maxMessageSize, stop = () => false } = options;
  const events: (string | Uint8Array)[] = [];
  const reader = new MessageReader(options, {
    onMessage(data) {
      const size = typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength;
      check(size <= maxMessageSize, () => `a message of ${size} bytes came out, above the limit of ${maxMessageSize}`);
      // Bytes are written down at the end: the message must be the receiver's own.
      events.push(typeof data === "string" ? `text ${JSON.stringify(data)}` : new Uint8Array(data));
      return !stop();
    },
    onPing(payload) {
      events.push(`ping ${toHex(payload)}`);
      return true;
    },
    onFragment: () => true,
    onPong(payload) {
      events.push(`pong ${toHex(payload)}`);
      return !stop();
    },
    onClose: (code, reason) => void events.push(`close ${code} ${JSON.stringify(reason)}`),
  });
  let input = 0, violation: string | undefined;
  const allocated = allocatedBy(() => {
    try {
      for (const chunk of chunks) {
        const own = chunk.slice();
        input += own.length;
        receiveAll(reader, own, () => events.length);
        own.fill(0xaa);
      }
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      violation = `violation ${error.violation}`;
    }
  });
  const produced = events.reduce((size, event) => size + event.length, 0);
  // The assembler begins with 4 KiB for a message, doubles that, and joins it at the end; a stream has a fixed size.
  const bound = 8192 * (events.length + 2) + 8 * (input + produced) +
    (options.inflater === null ? 0 : (1 << 18) + 8 * Math.min(maxMessageSize, 1 << 21));
  check(allocated <= bound, () => `${allocated} bytes were allocated for ${input} bytes of input`);
  const lines = events.map((event) => typeof event === "string" ? event : `binary ${toHex(event)}`);
  return violation === undefined ? lines : [...lines, violation];
}

function receiveAll(reader: MessageReader, chunk: Uint8Array, events: () => number): void {
  let at = 0;
  do {
    const before = events();
    const next = reader.receive(chunk, at);
    check(next >= at && next <= chunk.length, () => `the offset ${next} is not from ${at} to ${chunk.length}`);
    check(next === chunk.length || events() > before, () => `stopped at ${next} without an event`);
    at = next;
  } while (at < chunk.length);
}
