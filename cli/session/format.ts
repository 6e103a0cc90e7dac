/** The printed form of a message. */
import { printable, printableLines } from "../../src/observe/redact.ts";
import type { Paint } from "../terminal/colours.ts";

/** A message as received. */
export type Data = string | ArrayBuffer;

/** What decides the form. */
export interface Format {
  readonly binary: boolean;
  readonly json: boolean;
  readonly timestamps: boolean;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  /** Printed before each message, in an interactive terminal. */
  readonly mark: string;
  readonly paint: Paint;
}

/** This many bytes of a binary message are shown on a terminal: three lines. */
const SHOWN = 64;
const DECODER = new TextDecoder();

/** The printed form of a message that was received at `at`, with its line end. */
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
 * A text message for a terminal. All lines but the first are indented, so that none can be taken for another message or for
 * what the user typed.
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

/** One line of JSON for any message: text that is not JSON becomes a string, other bytes an object with their base64. */
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
 * The functions below read valid JSON and keep every token as it is, so that a number keeps all its digits. They use no regular
 * expression for strings: that takes stack or memory for each character, and a message may have 64 MiB and more.
 */

/** The index after the closing quote of the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1);; quote = text.indexOf('"', quote + 1)) {
    let before = quote;
    while (text[before - 1] === "\\") before--;
    // An even number of backslashes escape each other, not the quote.
    if ((quote - before) % 2 === 0) return quote + 1;
  }
}

/** Removes the white space between tokens. */
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

/** The tokens: strings, punctuation, numbers and words. */
function* tokens(text: string): Generator<string> {
  const rest = /[{}[\]:,]|[^\s{}[\]:,"]+/y;
  for (let at = 0; at < text.length;) {
    const start = at;
    if (text[at] === '"') at = stringEnd(text, at);
    else {
      rest.lastIndex = at;
      // White space is no token.
      at = rest.test(text) ? rest.lastIndex : at + 1;
      if (rest.lastIndex === 0) continue;
    }
    yield text.slice(start, at);
  }
}

/** Indents by two spaces per level; an empty object or array stays on one line. */
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
