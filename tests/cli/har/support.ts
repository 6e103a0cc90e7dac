/** HAR files of tests. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Field {
  readonly name: string;
  readonly value: string;
}

/** A message as HAR has it. */
export interface Message {
  readonly type: string;
  readonly time: number;
  readonly opcode: number;
  readonly data: string;
}

/** As much of an entry as is looked at. */
export interface Entry {
  readonly startedDateTime: string;
  readonly time: number;
  readonly request: {
    readonly method: string;
    readonly httpVersion: string;
    readonly url: string;
    readonly headers: Field[];
  };
  readonly response: {
    readonly status: number;
    readonly statusText: string;
    readonly headers: Field[];
    readonly redirectURL: string;
    readonly _error?: string;
  };
  readonly timings: { readonly dns: number; readonly connect: number; readonly ssl: number; readonly wait: number };
  readonly serverIPAddress?: string;
  readonly connection?: string;
  readonly _resourceType: string;
  readonly _webSocketMessages: Message[];
  readonly _webSocketClose?: {
    readonly time: number;
    readonly code: number;
    readonly reason: string;
    readonly wasClean: boolean;
  };
}

/** A folder with a file for a recording; `using` removes it. */
export class HarFolder {
  readonly folder: string = mkdtempSync(join(tmpdir(), "curlws-har-"));
  readonly path: string = join(this.folder, "feed.har");

  /** Writes the file: text as it is, or a log with these entries. */
  write(content: string | readonly unknown[]): string {
    writeFileSync(this.path, typeof content === "string" ? content : JSON.stringify({ log: { entries: content } }));
    return this.path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function entriesOf(path: string): Entry[] {
  return JSON.parse(readFileSync(path, "utf8")).log.entries;
}

/** The messages of an entry without their times. */
export function messagesOf({ _webSocketMessages: list }: Entry): [type: string, opcode: number, data: string][] {
  return list.map(({ type, opcode, data }) => [type, opcode, data]);
}

/** When the connections of {@linkcode entry} began. */
export const STARTED = "2026-01-02T03:04:05.000Z";

/** An entry; messages are `[type, ms since the start, data]`. */
export function entry(
  messages: readonly (readonly [type: "send" | "receive", at: number, data: string | Uint8Array])[],
  { url = "wss://example.com/feed", status = 101, headers = [], close, ...more }: {
    url?: string;
    status?: number;
    headers?: [string, string][];
    close?: { at?: number; code: number; reason?: string };
    [name: string]: unknown;
  } = {},
): object {
  const start = Date.parse(STARTED);
  return {
    startedDateTime: STARTED,
    time: 0,
    request: { url },
    response: { status, headers: headers.map(([name, value]) => ({ name, value })) },
    _resourceType: "websocket",
    _webSocketMessages: messages.map(([type, at, data]) => ({
      type,
      time: (start + at) / 1000,
      opcode: typeof data === "string" ? 1 : 2,
      data: typeof data === "string" ? data : btoa(String.fromCharCode(...data)),
    })),
    ...(close === undefined
      ? {}
      : { _webSocketClose: { time: (start + (close.at ?? 0)) / 1000, code: close.code, reason: close.reason ?? "" } }),
    ...more,
  };
}
