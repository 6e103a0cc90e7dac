/** Standard output with backpressure: what a slow reader has not taken is bounded, and the event loop is never blocked. */
import { write, writeSync } from "node:fs";
import process from "node:process";
import { setImmediate } from "node:timers";
import { OutputError } from "../errors.ts";

/** Takes all of some bytes, later. */
export type Sink = (bytes: Uint8Array) => Promise<void>;

/** Who is told that the output is full, or takes more again. */
export interface OutputHost {
  onFull(): void;
  onDrained(): void;
  /** Nothing can be written any more: the reader is gone, or the disk is full. */
  onBroken(error: NodeJS.ErrnoException): void;
}

/** Above it the output is full. */
const HIGH_WATER = 1024 * 1024;
const ENCODER = new TextEncoder();

interface DenoGlobal {
  stdout: { write(bytes: Uint8Array): Promise<number> };
}

/** Standard output. Deno's `process.stdout` and `fs.write` block the event loop while a pipe is full; its own write does not. */
export function standardOutput(): Sink {
  const deno = (globalThis as { Deno?: DenoGlobal }).Deno;
  const some = deno !== undefined
    ? (bytes: Uint8Array) => deno.stdout.write(bytes)
    : (bytes: Uint8Array) =>
      new Promise<number>((resolve, reject) =>
        write(process.stdout.fd ?? 1, bytes, 0, bytes.length, null, (error, count) =>
          error ? reject(error) : resolve(count))
      );
  return async (bytes) => {
    for (let at = 0; at < bytes.length;) {
      try {
        at += await some(bytes.subarray(at));
      } catch (error) {
        // A descriptor that somebody else made non-blocking.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
}

/**
 * Writes a result, such as a help text, before it returns.
 *
 * @throws {OutputError} where it cannot be written, unless its reader is gone, who has all it wanted
 */
export function printLine(text: string): void {
  const bytes = ENCODER.encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw new OutputError(error);
      // A descriptor that somebody else made non-blocking: 5 ms cost nobody anything.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Writes in order; what comes while a write is under way goes out together. */
export class Output {
  readonly #sink: Sink;
  readonly #host: OutputHost;
  #queue: (string | Uint8Array)[] = [];
  #size = 0;
  #full = false;
  #broken = false;
  #writing: Promise<void> | null = null;

  constructor(sink: Sink, host: OutputHost) {
    this.#sink = sink;
    this.#host = host;
  }

  push(data: string | Uint8Array): void {
    if (this.#broken) return;
    this.#queue.push(data);
    this.#size += data.length;
    this.#writing ??= this.#write();
    if (this.#size < HIGH_WATER || this.#full) return;
    this.#full = true;
    this.#host.onFull();
  }

  /** Settles when all of it was written, or nothing can be. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      // What comes in the same turn goes out together.
      await new Promise<void>((resolve) => setImmediate(resolve));
      while (this.#queue.length > 0) {
        const size = this.#size;
        await this.#sink(joined(this.#queue.splice(0)));
        this.#size -= size;
        if (!this.#full || this.#size >= HIGH_WATER / 2) continue;
        this.#full = false;
        this.#host.onDrained();
      }
    } catch (error) {
      this.#broken = true;
      this.#queue = [];
      this.#host.onBroken(error as NodeJS.ErrnoException);
    }
    this.#writing = null;
  }
}

/** The longest text that is joined: an engine's longest string is 512 MiB and more, and a message may have 64 MiB and more. */
const MAX_JOINED = 64 * 1024 * 1024;

function joined(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const texts = parts.every((part) => typeof part === "string");
  if (texts && parts.reduce((sum, { length }) => sum + length, 0) <= MAX_JOINED) return ENCODER.encode(parts.join(""));
  const pieces = parts.map((part) => typeof part === "string" ? ENCODER.encode(part) : part);
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
