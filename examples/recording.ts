/**
 * Files of JSON lines, compressed on the way, one after another; of market_data_recorder.ts. Each batch of lines is a gzip
 * member of its own: what was written can be read whatever becomes of the process (`zcat`, `gunzip`, `pigz` and Python's
 * gzip read one member after the other), and a `.part` that a kill left behind is a whole file but for the batch that was
 * being written.
 */
import type { Buffer } from "node:buffer";
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** Lines are kept until there are so many characters of them, or for a second: a line by itself compresses badly. */
const BATCH = 64 * 1024;

const compressed = promisify<string, Buffer>(gzip);

/** One file. */
class GzipFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly begun: number = performance.now();
  /** Bytes on the disk. */
  bytes = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<GzipFile> {
    return new GzipFile(path, await open(`${path}.part`, "wx"));
  }

  async write(text: string): Promise<void> {
    const member = await compressed(text);
    await this.#file.writeFile(member);
    this.bytes += member.length;
  }

  async close(): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
    await rename(`${this.#path}.part`, this.#path);
  }
}

/** When a file is followed by the next one. */
export interface Limits {
  readonly maxBytes: number;
  readonly maxSeconds: number;
}

/** All of a feed. */
export class Recording {
  readonly #folder: string;
  readonly #name: string;
  readonly #limits: Limits;
  readonly #timer: ReturnType<typeof setInterval>;
  #file: GzipFile | null = null;
  #files = 0;
  #finished = 0;
  #lines = "";
  #added = 0;
  #written = 0;
  /** What is under way: writes come one after another. */
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, name: string, limits: Limits) {
    this.#folder = folder;
    this.#name = name;
    this.#limits = limits;
    this.#timer = setInterval(() => void this.#flush(), 1000);
  }

  /** Bytes on the disk, of all files. */
  get bytes(): number {
    return this.#finished + (this.#file?.bytes ?? 0);
  }

  /** Lines on the disk, of all files: a kill of this process does not take them away. */
  get lines(): number {
    return this.#written;
  }

  /** Adds a line with the time of day. If there is a promise, wait for it before the next one: the disk is behind. */
  add(line: object): Promise<void> | null {
    const at = performance.timeOrigin + performance.now();
    this.#lines += `${JSON.stringify({ at: Math.round(at * 1000) / 1000, ...line })}\n`;
    this.#added++;
    return this.#lines.length >= BATCH ? this.#flush() : null;
  }

  /** Writes what was added, and closes the file. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flush();
    await this.#file?.close();
  }

  #flush(): Promise<void> {
    return this.#writing = this.#writing.then(async () => {
      if (this.#lines === "") return;
      this.#file ??= await this.#next();
      const lines = this.#lines, added = this.#added;
      this.#lines = "";
      await this.#file.write(lines);
      this.#written = added;
      const { bytes, begun } = this.#file;
      if (bytes < this.#limits.maxBytes && performance.now() - begun < this.#limits.maxSeconds * 1000) return;
      await this.#file.close();
      this.#finished += this.#file.bytes;
      this.#file = null;
    });
  }

  #next(): Promise<GzipFile> {
    const time = new Date().toISOString().replace(/[:.]/g, "-");
    const number = String(++this.#files).padStart(4, "0");
    return GzipFile.open(join(this.#folder, `${this.#name}-${time}-${number}.jsonl.gz`));
  }
}
