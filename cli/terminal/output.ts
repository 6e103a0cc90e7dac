/** Standard output with backpressure: a slow reader neither fills memory nor blocks the event loop. */
import { write, writeSync } from "node:fs";
import process from "node:process";
import { setImmediate } from "node:timers";
import { OutputError } from "../errors.ts";

/** Writes bytes. Resolves once all are written. */
export type Sink = (bytes: Uint8Array) => Promise<void>;

/** What an output reports. */
export interface OutputHost {
  onFull(): void;
  onDrained(): void;
  /** Nothing more can be written: the reader is gone, or the disk is full. */
  onBroken(error: NodeJS.ErrnoException): void;
}

/** With this many unwritten bytes the output is full: more than a pipe holds (64 KiB on Linux), and little memory. */
const HIGH_WATER = 1024 * 1024;
const ENCODER = new TextEncoder();

interface DenoGlobal {
  stdout: { write(bytes: Uint8Array): Promise<number> };
}

/** Standard output. Deno's `process.stdout` and `fs.write` block the event loop while a pipe is full; `Deno.stdout` does not. */
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
        // Another process has made the descriptor non-blocking, and the pipe is full: try again in 5 ms, which costs little CPU.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
}

/**
 * Writes a result, such as a help text, synchronously. If the reader is gone, it has all that it wanted: no error.
 *
 * @throws {OutputError} if it cannot be written for another reason
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
      // As above, but a synchronous wait.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Writes in order. Data that is pushed during a write is written together after it. */
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

  /** Resolves once all is written, or nothing can be. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      // Data of the same turn of the event loop is written together.
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

/** Texts are joined up to this many characters: well below the longest string of an engine, some 512 Mi characters. */
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
