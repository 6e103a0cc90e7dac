/**
 * A HAR file that grows, in memory no more than a turn of the event loop brings, and is complete after each write: what is
 * written ends with the brackets that close the file, and the next write begins where these began. A program that is killed
 * leaves all but its last turn.
 *
 * It writes synchronously: the command flushes it before it prints, so what is printed is in the file, and there is nothing to
 * wait for when the process ends. A disk that is slow makes the event loop wait, and with it the server.
 */
import { Buffer } from "node:buffer";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers";

/** What a file is written by. */
export interface FileAccess {
  /** Opens a file of this user's, emptied or new. Returns its descriptor. */
  open(path: string): number;
  /** Writes at a position. Returns how many bytes were written. */
  write(fd: number, bytes: Uint8Array, position: number): number;
  truncate(fd: number, size: number): void;
  close(fd: number): void;
}

const ACCESS: FileAccess = {
  // Messages may be secret, so the file is for this user alone, as the history is.
  open: (path) => openSync(path, "w", 0o600),
  write: (fd, bytes, position) => writeSync(fd, bytes, 0, bytes.length, position),
  truncate: (fd, size) => ftruncateSync(fd, size),
  close: (fd) => closeSync(fd),
};

/** Text that waits for the end of the turn is written at once when it has this many characters: memory stays small. */
const EAGER_LENGTH = 1024 * 1024;

/** A file of which every write leaves a whole. */
export class HarFile {
  readonly #access: FileAccess;
  #fd: number | null;
  #parts: string[] = [];
  #length = 0;
  /** What closes the file now, and from the next write on. */
  #tail = "";
  #nextTail: string;
  /** Where the closing brackets begin, in bytes. */
  #position = 0;
  #scheduled = false;
  /** Called once, when the file cannot be written: nothing is written from then on. */
  onBroken: (error: unknown) => void = () => {};

  /**
   * Writes the beginning of a file, which replaces one that is there.
   *
   * @param head what the file begins with
   * @param tail what closes it
   * @throws {Error} the system's error, if that fails
   */
  constructor(path: string, head: string, tail: string, access: FileAccess = ACCESS) {
    this.#access = access;
    this.#nextTail = tail;
    this.#fd = access.open(path);
    try {
      this.#write(head);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /**
   * Appends text, in a write at the end of this turn. From then on `tail` closes the file, which must not get shorter: what a
   * tail lacks of the one before is in the text.
   */
  append(text: string, tail: string): void {
    if (this.#fd === null) return;
    this.#parts.push(text);
    this.#nextTail = tail;
    this.#length += text.length;
    if (this.#length >= EAGER_LENGTH) return this.flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Whether anything is written any more. */
  get isOpen(): boolean {
    return this.#fd !== null;
  }

  /** Writes what waits for the end of the turn. */
  flush(): void {
    if (this.#fd === null || this.#parts.length === 0) return;
    const text = this.#parts.join("");
    this.#parts = [];
    this.#length = 0;
    try {
      this.#write(text);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Writes the rest, and closes the file. */
  close(): void {
    this.flush();
    this.#close();
  }

  /** Gives the file up: it keeps what it has. */
  fail(error: unknown): void {
    if (this.#fd === null) return;
    this.#parts = [];
    this.#close();
    this.onBroken(error);
  }

  #write(text: string): void {
    const bytes = Buffer.from(text + this.#nextTail);
    try {
      this.#writeAll(bytes);
      this.#tail = this.#nextTail;
      this.#position += bytes.length - Buffer.byteLength(this.#tail);
    } catch (error) {
      this.#restore();
      throw error;
    }
  }

  #writeAll(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      at += this.#access.write(this.#fd!, bytes.subarray(at), this.#position + at);
    }
  }

  /** Undoes a write that failed in its middle, as on a full disk: there the brackets have been before, so there is room for them. */
  #restore(): void {
    if (this.#position === 0) return;
    try {
      const tail = Buffer.from(this.#tail);
      this.#writeAll(tail);
      this.#access.truncate(this.#fd!, this.#position + tail.length);
    } catch {
      // The file is torn: replay reads it up to its last whole line.
    }
  }

  #close(): void {
    if (this.#fd === null) return;
    try {
      this.#access.close(this.#fd);
    } catch (error) {
      // Network file systems may tell only now that the disk is full.
      this.#fd = null;
      this.onBroken(error);
    }
    this.#fd = null;
  }
}
