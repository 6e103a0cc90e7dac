/** Records connections into a HAR file: an entry for each handshake, with the messages of those that became a WebSocket. */
import { Buffer } from "node:buffer";
import type { ConnectionEnd, ConnectionInfo } from "../../mod.ts";
import type { Observer } from "../../src/observe/observer.ts";
import {
  ENTRY_END,
  entryEnd,
  entryStart,
  messageLine,
  OPCODE_BINARY,
  OPCODE_TEXT,
  OPEN_TAIL,
  TAIL,
} from "./har_entry.ts";
import type { HarFile } from "./har_file.ts";

/**
 * What may be kept of connections while an earlier one is still open, characters: an entry is one piece of the file. A rotation
 * takes seconds; what is recorded for long beside another connection belongs into a file of its own.
 */
const MAX_KEPT = 64 * 1024 * 1024;

/** One entry: written as it grows if no earlier one is open, else kept. */
class Entry {
  kept: string[] = [];
  isOpen = true;
  messages = 0;
}

/** A file's recorder. Its entries are in the order in which the handshakes ended. */
export class HarRecorder {
  readonly #file: HarFile;
  readonly #secrets: boolean;
  /** The entries that are not all written: the first is the one that is written now. */
  readonly #entries: Entry[] = [];
  #keptLength = 0;
  #count = 0;

  /** Without `secrets` the file has no credentials, cookies and values of a URL's query; what messages hold stays. */
  constructor(file: HarFile, secrets: boolean) {
    this.#file = file;
    this.#secrets = secrets;
  }

  /** An observer for one connection, and the attempts to make it. */
  observer(): Observer {
    return new ConnectionRecorder(this, this.#secrets);
  }

  /** Begins an entry. */
  begin(text: string): Entry {
    const entry = new Entry();
    this.#entries.push(entry);
    this.write(entry, this.#count++ === 0 ? text : `,\n${text}`);
    return entry;
  }

  /** Appends to an entry. */
  write(entry: Entry, text: string): void {
    if (this.#entries[0] === entry) return this.#file.append(text, OPEN_TAIL);
    entry.kept.push(text);
    this.#keptLength += text.length;
    if (this.#keptLength <= MAX_KEPT) return;
    this.fail(new Error(`more than ${MAX_KEPT / 1024 / 1024} Mi characters wait for the end of an earlier connection`));
  }

  /** Ends an entry, with its closing brackets. */
  end(entry: Entry, text: string): void {
    entry.isOpen = false;
    if (this.#entries[0] !== entry) return this.write(entry, text);
    this.#file.append(text, TAIL);
    do {
      this.#entries.shift();
    } while (this.#writeKept());
  }

  /** Writes what the first entry has; returns whether that is all of it. */
  #writeKept(): boolean {
    const [entry] = this.#entries;
    if (entry === undefined) return false;
    const text = entry.kept.splice(0).join("");
    this.#keptLength -= text.length;
    this.#file.append(text, entry.isOpen ? OPEN_TAIL : TAIL);
    return !entry.isOpen;
  }

  /** Whether anything is recorded. */
  get isOpen(): boolean {
    return this.#file.isOpen;
  }

  /** Gives the recording up. */
  fail(error: unknown): void {
    for (const entry of this.#entries) entry.kept = [];
    this.#file.fail(error);
  }

  /** Writes what waits for the end of the turn. */
  flush(): void {
    this.#file.flush();
  }

  /** Writes what is left, and closes the file. */
  close(): void {
    this.#file.close();
  }
}

class ConnectionRecorder implements Observer {
  readonly #recorder: HarRecorder;
  readonly #secrets: boolean;
  /** Ms since 1970 when the monotonic clock was 0: an entry's times are of one clock, whatever is done to the other. */
  #epoch = 0;
  #url: URL | null = null;
  #startedAt = 0;
  #requestedAt = 0;
  #info: ConnectionInfo | null = null;
  /** Null where there is none that the file does not have. */
  #request: string | null = null;
  #response: string | null = null;
  #entry: Entry | null = null;

  constructor(recorder: HarRecorder, secrets: boolean) {
    this.#recorder = recorder;
    this.#secrets = secrets;
  }

  attemptStarted(url: URL): void {
    const now = performance.now();
    this.#epoch = Date.now() - now;
    this.#url = url;
    this.#startedAt = now;
    this.#info = this.#request = this.#response = null;
  }

  connected(info: ConnectionInfo): void {
    this.#info = info;
  }

  requestSent(request: Uint8Array): void {
    this.#request = latin1(request);
    this.#requestedAt = performance.now();
  }

  headReceived(head: Uint8Array): void {
    // An interim response is replaced by the next one.
    this.#response = latin1(head);
  }

  responseReceived(_url: URL, status: number): void {
    // The other one begins its entry when it is open.
    if (status !== 101) this.#refused(null);
  }

  opened(_agreement: unknown, info: ConnectionInfo): void {
    this.#guard(() => {
      this.#entry = this.#recorder.begin(this.#start(info, info.times.handshake, null));
    });
  }

  messageReceived(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.#message("receive", OPCODE_TEXT, () => data);
    else this.#message("receive", OPCODE_BINARY, () => Buffer.from(data).toString("base64"));
  }

  messageSent(opcode: number, message: string | Uint8Array): void {
    this.#message("send", opcode, () => {
      if (typeof message === "string") return message;
      const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
      return bytes.toString(opcode === OPCODE_TEXT ? "utf8" : "base64");
    });
  }

  ended(end: ConnectionEnd): void {
    const entry = this.#entry;
    this.#entry = null;
    if (entry === null) return this.#refused(end.error?.message ?? null);
    this.#guard(() => this.#recorder.end(entry, entryEnd(end, this.#now())));
  }

  #message(type: "send" | "receive", opcode: number, dataOf: () => string): void {
    const entry = this.#entry;
    if (entry === null || !this.#recorder.isOpen) return;
    this.#guard(() => {
      const line = messageLine(type, this.#now(), opcode, dataOf());
      this.#recorder.write(entry, `${entry.messages++ === 0 ? "\n" : ",\n"}${line}`);
    });
  }

  /** The handshake has failed: an entry without messages, if there was a request. */
  #refused(error: string | null): void {
    if (this.#request === null) return;
    this.#guard(() => {
      const start = this.#start(this.#info, performance.now() - this.#requestedAt, error);
      this.#recorder.end(this.#recorder.begin(start), ENTRY_END);
    });
  }

  #start(info: ConnectionInfo | null, waited: number, error: string | null): string {
    const handshake = {
      url: this.#url!,
      startedAt: this.#epoch + this.#startedAt,
      request: this.#request!,
      response: this.#response,
      info,
      waited,
      error,
    };
    this.#request = null;
    return entryStart(handshake, this.#secrets);
  }

  #now(): number {
    return this.#epoch + performance.now();
  }

  /** What is thrown here, as for a message longer than a text can be, is the end of the recording, and not of the connection. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#recorder.fail(error);
    }
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
