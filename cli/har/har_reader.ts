/** Reads the WebSockets of a HAR file: curlws's, Chromium's, mitmproxy's, and what else has `_webSocketMessages`. Pure. */
import { Buffer } from "node:buffer";
import { shownText } from "../../src/observe/redact.ts";
import { CommandError } from "../errors.ts";
import { OPCODE_BINARY, OPCODE_TEXT, OPEN_TAIL, TAIL } from "./har_entry.ts";

/** A message of a recording. */
export interface RecordedMessage {
  readonly from: "client" | "server";
  /** When it was sent or came, ms since the connection was open; a clock may have been set back meanwhile. */
  readonly at: number;
  readonly data: string | Uint8Array<ArrayBuffer>;
}

/** A WebSocket of a recording, or a handshake that the server refused. */
export interface RecordedConnection {
  /** The path of its URL, without the query, whose values may be left out. */
  readonly path: string;
  /** 101, or the status of a refusal. */
  readonly status: number;
  /** The response's fields that were recorded. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The subprotocol that the server chose; null if there was none, or it was left out as a secret. */
  readonly protocol: string | null;
  readonly messages: readonly RecordedMessage[];
  /** How the server closes it: 1005 for no code, 1006 for a connection that breaks. */
  readonly close: { readonly at: number; readonly code: number; readonly reason: string };
}

/** A recording that cannot be replayed. */
export class RecordingError extends CommandError {}

type Json = { readonly [name: string]: unknown };

/** How many lines may be torn at the end of a file: one write's last, and what was left of the brackets behind it. */
const TORN_LINES = 4;
const SWITCHING = 101;
/** RFC 6455 section 5.5: what a control frame has room for, less the code; bytes. */
const MAX_REASON = 123;
/** A server that is asked to open a WebSocket refuses with one of these. Others are no response, as 0, or were dealt with. */
const MIN_REFUSAL = 200, MAX_STATUS = 599;

/**
 * The WebSockets of a recording, in the order in which they began.
 *
 * @param name of the file, for errors
 * @throws {RecordingError} if it is no HAR file, has no WebSocket, or a field is not as it must be
 */
export function readRecording(text: string, name: string): RecordedConnection[] {
  const root = jsonOf(text, name);
  const entries = objectOf(objectOf(root)?.log)?.entries;
  if (!Array.isArray(entries)) {
    throw new RecordingError(`${name} is no HAR file: it has no log.entries; record one by curlws --har ${name} URL`);
  }
  const read = entries.flatMap((entry: unknown, index) => {
    const fields = objectOf(entry);
    return fields === null || !isWebSocket(fields) ? [] : [new EntryReader(name, index, fields)];
  });
  const connections = read.map((entry) => entry.read()).filter((each) => each !== null)
    .sort((one, other) => one.startedAt - other.startedAt);
  if (connections.length > 0) return connections.map(({ connection }) => connection);
  const what = read.length > 0 ? "none of its handshakes has a response" : "no entry has _webSocketMessages";
  throw new RecordingError(
    `${name} has no WebSocket: of its ${entries.length} entries ${what}; in DevTools open the page again while the network panel records`,
  );
}

function jsonOf(text: string, name: string): unknown {
  try {
    // Editors may put a mark before the text.
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    const recovered = text.startsWith('{"log":{') ? recoveredJson(text) : undefined;
    if (recovered !== undefined) return recovered;
    throw new RecordingError(`${name} is no HAR file: ${(cause as Error).message}`, { cause });
  }
}

/** A file of curlws that ends in the middle of a line, as when the machine lost power: all its whole lines. */
function recoveredJson(text: string): unknown {
  let whole = text;
  for (let torn = 0; torn <= TORN_LINES && whole.includes("\n"); torn++) {
    if (torn > 0) whole = whole.slice(0, whole.lastIndexOf("\n"));
    whole = whole.replace(/,$/, "");
    for (const tail of [OPEN_TAIL, TAIL]) {
      try {
        return JSON.parse(whole + tail);
      } catch {
        // With the other tail, or less of the end.
      }
    }
  }
  return undefined;
}

const objectOf = (value: unknown): Json | null => typeof value === "object" && value !== null ? value as Json : null;

function isWebSocket(entry: Json): boolean {
  return Array.isArray(entry._webSocketMessages) || entry._resourceType === "websocket";
}

/** Reads one entry; errors name it by its place, as `log.entries[3]`. */
class EntryReader {
  readonly #where: string;
  readonly #entry: Json;

  constructor(name: string, index: number, entry: Json) {
    this.#where = `${name}: log.entries[${index}]`;
    this.#entry = entry;
  }

  /** Null if no server has responded. */
  read(): { startedAt: number; connection: RecordedConnection } | null {
    const response = objectOf(this.#entry.response), request = objectOf(this.#entry.request);
    const startedAt = Date.parse(String(this.#entry.startedDateTime));
    if (Number.isNaN(startedAt)) this.#fail("startedDateTime", this.#entry.startedDateTime, "must be an ISO 8601 date");
    const list = this.#entry._webSocketMessages ?? [];
    if (!Array.isArray(list)) this.#fail("_webSocketMessages", list, "must be a list");
    // Some tools leave the status of a WebSocket out, or 0.
    const given = Number(response?.status ?? 0), status = list.length > 0 && given < MIN_REFUSAL ? SWITCHING : given;
    if (status !== SWITCHING && !(status >= MIN_REFUSAL && status <= MAX_STATUS)) return null;
    const headers = this.#headers(response?.headers ?? []);
    const path = this.#path(request?.url);
    const openedAt = this.#openedAt(startedAt, list[0]);
    const messages = list.flatMap((message: unknown, index) => this.#message(message, index, openedAt));
    const chosen = headers.find(([name]) => name.toLowerCase() === "sec-websocket-protocol")?.[1];
    return {
      startedAt,
      connection: {
        path,
        status,
        headers,
        protocol: chosen === undefined || isHidden(chosen) ? null : chosen,
        messages,
        close: this.#close(openedAt, messages.at(-1)?.at ?? 0),
      },
    };
  }

  /** When the connection was open: after the phases of connecting, and not behind the first message. */
  #openedAt(startedAt: number, first: unknown): number {
    const timings = objectOf(this.#entry.timings) ?? {};
    // Of Chromium `receive`, and so `time`, may be how long the connection was open.
    const took = ["blocked", "dns", "connect", "send", "wait"].map((name) => Number(timings[name] ?? 0))
      .reduce((sum, time) => time > 0 ? sum + time : sum, 0);
    const firstAt = Number(objectOf(first)?.time ?? NaN) * 1000;
    return Number.isNaN(firstAt) ? startedAt + took : Math.min(startedAt + took, firstAt);
  }

  #path(url: unknown): string {
    if (typeof url !== "string" || !URL.canParse(url)) this.#fail("request.url", url, "must be a URL");
    return new URL(url).pathname;
  }

  #headers(list: unknown): [string, string][] {
    if (!Array.isArray(list)) this.#fail("response.headers", list, "must be a list");
    return list.map((each: unknown, index) => {
      // Some tools write pairs.
      const { name, value } = Array.isArray(each) ? { name: each[0], value: each[1] } : objectOf(each) ?? {};
      if (typeof name !== "string" || typeof value !== "string") {
        this.#fail(`response.headers[${index}]`, each, "must have a name and a value");
      }
      return [name, value];
    });
  }

  /** A message as a list of one; nothing for what is no message: control frames, and Chromium's notes of errors. */
  #message(message: unknown, index: number, openedAt: number): RecordedMessage[] {
    const fields = objectOf(message);
    const wrong = (name: string, what: string) =>
      this.#fail(`_webSocketMessages[${index}].${name}`, fields?.[name], what);
    if (fields === null) this.#fail(`_webSocketMessages[${index}]`, message, "must be an object");
    const { type, time, opcode, data } = fields;
    if (type === "error" || (typeof opcode === "number" && (opcode >= 8 || opcode < 0))) return [];
    if (type !== "send" && type !== "receive") return wrong("type", 'must be "send" or "receive"');
    if (typeof time !== "number" || !Number.isFinite(time)) return wrong("time", "must be seconds since 1970");
    if (opcode !== OPCODE_TEXT && opcode !== OPCODE_BINARY) {
      return wrong("opcode", "must be 1, text, or 2, binary: a message in pieces cannot be replayed");
    }
    if (typeof data !== "string") return wrong("data", "must be text");
    const bytes = opcode === OPCODE_TEXT ? data : bytesOf(data);
    if (bytes === null) return wrong("data", "must be base64, as the opcode is 2");
    return [{ from: type === "send" ? "client" : "server", at: time * 1000 - openedAt, data: bytes }];
  }

  /** As it was recorded; by tools that do not tell, with 1000 behind the last message. */
  #close(openedAt: number, lastAt: number): RecordedConnection["close"] {
    const close = objectOf(this.#entry._webSocketClose);
    if (close === null) return { at: lastAt, code: 1000, reason: "" };
    const { time, code, reason = "" } = close;
    if (typeof code !== "number" || !Number.isInteger(code) || code < 1000 || code > 4999) {
      this.#fail("_webSocketClose.code", code, "must be 1000 to 4999");
    }
    if (typeof reason !== "string" || Buffer.byteLength(reason) > MAX_REASON) {
      this.#fail("_webSocketClose.reason", reason, `must be text of at most ${MAX_REASON} bytes`);
    }
    const at = typeof time === "number" ? time * 1000 - openedAt : lastAt;
    return { at: Math.max(at, lastAt), code, reason };
  }

  #fail(field: string, value: unknown, what: string): never {
    const shown = value === undefined ? "missing" : shownText(JSON.stringify(value)).slice(0, 60);
    throw new RecordingError(`${this.#where}.${field} is ${shown}: it ${what}`);
  }
}

/** Whether a field's value was left out when it was recorded. */
export function isHidden(value: string): boolean {
  return /^\(\d+ characters\)$/.test(value);
}

/** The bytes of base64, or null if it is none. */
function bytesOf(data: string): Uint8Array<ArrayBuffer> | null {
  const bytes = Buffer.from(data, "base64");
  // Buffer skips what is no base64, so that there is less.
  const digits = data.length - (data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0);
  return digits % 4 !== 1 && bytes.length === Math.floor(digits * 3 / 4) ? new Uint8Array(bytes) : null;
}
