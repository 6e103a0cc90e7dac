/** How a message is printed. */
import { printable, printableLines } from "../../src/observe/redact.ts";
import type { Paint } from "../terminal/colours.ts";

/** A message as it comes. */
export type Data = string | ArrayBuffer;

/** What decides how. */
export interface Format {
  readonly binary: boolean;
  readonly json: boolean;
  readonly timestamps: boolean;
  /** Whether a person looks at it. */
  readonly terminal: boolean;
  /** Stands before each message in a terminal in which lines are typed. */
  readonly mark: string;
  readonly paint: Paint;
}

/** So many bytes of a binary message are shown on a terminal. */
const SHOWN = 64;
const DECODER = new TextDecoder();

/** Makes the printed form of a message that came at a time, with its line's end. */
export function formatted(data: Data, at: Date, format: Format): string | Uint8Array {
  const { binary, json, timestamps, terminal, mark, paint } = format;
  if (binary) return typeof data === "string" ? data : new Uint8Array(data);
  const time = at.toISOString();
  if (json && !terminal) {
    const text = jsonLine(data);
    return timestamps ? `{"time":"${time}","message":${text}}\n` : `${text}\n`;
  }
  const before = timestamps ? `${paint("dim", time)} ` : "";
  if (!terminal) {
    if (typeof data === "string") return `${before}${data}\n`;
    const bytes = new Uint8Array(before.length + data.byteLength + 1);
    new TextEncoder().encodeInto(before, bytes);
    bytes.set(new Uint8Array(data), before.length);
    bytes[bytes.length - 1] = 10;
    return bytes;
  }
  const shown = typeof data !== "string"
    ? hexadecimal(data, paint)
    : json && isJson(data)
    ? indented(data, paint)
    : safe(data);
  return `${mark}${before}${shown}\n`;
}

/**
 * The text of a message as a terminal shows it. Lines behind the first are indented: none can be taken for another message, or
 * for what the user typed.
 */
function safe(text: string): string {
  return printableLines(text.replaceAll("\r\n", "\n")).replaceAll("\n", "\n  ");
}

function hexadecimal(data: ArrayBuffer, paint: Paint): string {
  const bytes = Array.from(new Uint8Array(data, 0, Math.min(SHOWN, data.byteLength)));
  const text = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const more = data.byteLength > SHOWN ? " …" : "";
  return `${paint("dim", `binary, ${data.byteLength} bytes:`)} ${text}${more}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** One line of JSON for any message: what is none becomes a string, and bytes an object with their base64. */
function jsonLine(data: Data): string {
  if (typeof data === "string") return isJson(data) ? compact(data) : JSON.stringify(data);
  const text = DECODER.decode(data);
  if (isJson(text)) return compact(text);
  return JSON.stringify({ base64: base64(new Uint8Array(data)) });
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text);
}

/*
 * What follows reads JSON that is known to be valid, and keeps every token as it is: a number keeps all its digits. Without
 * patterns for strings: those take stack or memory for each character, and a message may have 64 MiB and more.
 */

/** Where the string ends that begins at a quote: behind its closing quote. */
function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1);; quote = text.indexOf('"', quote + 1)) {
    let before = quote;
    while (text[before - 1] === "\\") before--;
    // An even number of backslashes are themselves.
    if ((quote - before) % 2 === 0) return quote + 1;
  }
}

/** Without the blanks between tokens. */
function compact(text: string): string {
  if (!/[\n\r\t ]/.test(text)) return text;
  let out = "";
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at), end = quote < 0 ? text.length : quote;
    out += text.slice(at, end).replace(/[\n\r\t ]+/g, "");
    at = quote < 0 ? end : stringEnd(text, quote);
    out += text.slice(end, at);
  }
  return out;
}

/** Strings, marks, numbers and words, one after another. */
function* tokens(text: string): Generator<string> {
  const rest = /[{}[\]:,]|[^\s{}[\]:,"]+/y;
  for (let at = 0; at < text.length;) {
    const start = at;
    if (text[at] === '"') at = stringEnd(text, at);
    else {
      rest.lastIndex = at;
      // A blank is no token.
      at = rest.test(text) ? rest.lastIndex : at + 1;
      if (rest.lastIndex === 0) continue;
    }
    yield text.slice(start, at);
  }
}

/** Two spaces a level; an empty object or list on one line. */
function indented(text: string, paint: Paint): string {
  let out = "", depth = 0, last = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  const opens = (token: string) => token === "{" || token === "[";
  // A string is a key if a colon follows: each is painted when the next token is known.
  const painted = (token: string, key: boolean): string =>
    token === "" || token === "," || token === ":" || opens(token) || token === "}" || token === "]"
      ? token
      : token.startsWith('"')
      ? paint(key ? "key" : "string", printable(token))
      : paint(/^[-\d]/.test(token) ? "number" : "word", token);
  for (const token of tokens(text)) {
    out += painted(last, token === ":");
    const closes = token === "}" || token === "]", empty = closes && opens(last);
    if (closes) depth--;
    if (last === ":") out += " ";
    else if (!empty && (closes || opens(last) || last === ",")) out += line();
    if (opens(token)) depth++;
    last = token;
  }
  return out + painted(last, false);
}
