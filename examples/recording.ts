/** Files of JSON lines, compressed on the way, one after another; of market_data_recorder.ts. */
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";

/** Lines are kept until there are so many characters of them, or for a second: a line by itself compresses badly. */
const BATCH = 64 * 1024;

const encoder = new TextEncoder();

/** One file. */
class GzipFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #stored: Promise<void>;
  readonly begun: number = performance.now();
  /** Bytes on the disk. */
  bytes = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
    const gzip = new CompressionStream("gzip");
    this.#writer = gzip.writable.getWriter();
    this.#stored = this.#store(gzip.readable);
    // Whoever writes next is told.
    this.#stored.catch(() => {});
  }

  static async open(path: string): Promise<GzipFile> {
    return new GzipFile(path, await open(`${path}.part`, "wx"));
  }

  async #store(compressed: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of compressed) {
      await this.#file.writeFile(chunk);
      this.bytes += chunk.length;
    }
  }

  /** Waits until the compressor can take it, which waits for the disk. */
  async write(text: string): Promise<void> {
    await Promise.race([this.#writer.ready, this.#stored]);
    await Promise.race([this.#writer.write(encoder.encode(text)), this.#stored]);
  }

  async close(): Promise<void> {
    await Promise.race([this.#writer.close(), this.#stored]);
    await this.#stored;
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

  /** Adds a line with the time of day. The promise is of the disk: wait for it before the next one. */
  async add(line: object): Promise<void> {
    const at = performance.timeOrigin + performance.now();
    this.#lines += `${JSON.stringify({ at: Math.round(at * 1000) / 1000, ...line })}\n`;
    if (this.#lines.length >= BATCH) await this.#flush();
  }

  /** Writes what was added, and closes the file. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flush();
    await this.#file?.close();
  }

  #flush(): Promise<void> {
    return this.#writing = this.#writing.then(async () => {
      const lines = this.#lines;
      if (lines === "") return;
      this.#lines = "";
      this.#file ??= await this.#next();
      await this.#file.write(lines);
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
