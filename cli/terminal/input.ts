/** Sends standard input as messages, no faster than the connection takes them. */
import { Buffer } from "node:buffer";
import { fstatSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";
import { CommandError } from "../errors.ts";

/** What the input is sent to. */
export interface Receiver {
  readonly bufferedAmount: number;
  /** Whether a message can be sent now. */
  readonly isOpen: boolean;
  /** Resolves when messages can be sent: true, or false when none can be any more. */
  ready(): Promise<boolean>;
  /** Sends a message of `size` bytes. */
  send(data: string | Uint8Array, size: number): void;
}

/** Reading stops while this many bytes are unsent: enough to keep a fast connection busy, and little memory. */
const HIGH_WATER = 1024 * 1024;
/** How often `bufferedAmount` is checked, as no event tells of it: after 1 ms, then twice as long each time, up to 16 ms. */
const FIRST_LOOK = 1, LAST_LOOK = 16;

/** What standard input is: a terminal, nothing (closed, or /dev/null), or data. */
export function inputKind(): "terminal" | "nothing" | "data" {
  if (isatty(0)) return "terminal";
  try {
    return fstatSync(0).isCharacterDevice() ? "nothing" : "data";
  } catch {
    return "nothing";
  }
}

/**
 * Sends standard input up to its end: each line as a text message, or each chunk as a binary one. Returns how many messages it
 * sent. While the receiver takes none, it waits, and reads nothing; if it never will, it stops early.
 *
 * @throws {CommandError} if a line is not UTF-8, or too long
 */
export async function sendInput(
  receiver: Receiver,
  { binary, maxSize, onSent }: { binary: boolean; maxSize: number; onSent(size: number): void },
): Promise<number> {
  let count = 0;
  const send = (data: string | Uint8Array, size: number): void => {
    receiver.send(data, size);
    count++;
    onSent(size);
  };
  const lines = new Lines(maxSize);
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    const messages = binary ? [[chunk, chunk.length] as const] : lines.push(chunk);
    for (const [data, size] of messages) {
      // What is sent without a wait between goes out together.
      if (!receiver.isOpen && !await receiver.ready()) return count;
      send(data, size);
      if (receiver.bufferedAmount > HIGH_WATER) await drained(receiver);
    }
  }
  const last = lines.end();
  if (last !== null && await receiver.ready()) send(...last);
  return count;
}

/** Resolves once at most `limit` bytes are unsent, or nothing can be sent any more. */
export async function drained(receiver: Receiver, limit: number = HIGH_WATER / 2): Promise<void> {
  for (let wait = FIRST_LOOK; receiver.bufferedAmount > limit && await receiver.ready();) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, LAST_LOOK);
  }
}

/** Splits bytes into lines, without their `\n` or `\r\n`. */
class Lines {
  readonly #decoder: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #maxSize: number;
  #parts: Uint8Array[] = [];
  #size = 0;
  #number = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  *push(chunk: Uint8Array): Generator<[line: string, size: number]> {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield this.#line(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from === chunk.length) return;
    this.#parts.push(chunk.subarray(from));
    this.#size += chunk.length - from;
    this.#check(this.#size);
  }

  /** Returns the last line if no `\n` ended it, else null. */
  end(): [line: string, size: number] | null {
    return this.#size === 0 ? null : this.#line(new Uint8Array(0));
  }

  #check(size: number): void {
    if (size <= this.#maxSize) return;
    throw new CommandError(
      `line ${
        this.#number + 1
      } of standard input is longer than ${this.#maxSize} bytes; --max-message-size allows more, --binary sends it in pieces`,
    );
  }

  #line(rest: Uint8Array): [string, number] {
    let bytes = this.#parts.length === 0 ? rest : Buffer.concat([...this.#parts, rest]);
    this.#parts = [];
    this.#size = 0;
    this.#check(bytes.length);
    this.#number++;
    if (bytes.at(-1) === 13) bytes = bytes.subarray(0, -1);
    try {
      return [this.#decoder.decode(bytes), bytes.length];
    } catch (cause) {
      const message = `line ${this.#number} of standard input is not UTF-8, as text must be; --binary sends bytes`;
      throw new CommandError(message, { cause });
    }
  }
}
