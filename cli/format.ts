/** How a message is printed. */
import type { Paint } from "./colours.ts";

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
    : visible(data);
  return `${mark}${before}${shown}\n`;
}

/** Text that can do nothing to a terminal: its control characters are written out. */
export function visible(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
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

/** The tokens of valid JSON. They stay as they are: a number keeps all its digits. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

function compact(text: string): string {
  return /[\n\r\t ]/.test(text) ? (text.match(TOKEN) ?? []).join("") : text;
}

/** Two spaces a level; an empty object or list on one line. */
function indented(text: string, paint: Paint): string {
  const tokens = text.match(TOKEN) ?? [];
  let out = "", depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    if (token === "{" || token === "[") {
      const empty = next === "}" || next === "]";
      depth += empty ? 0 : 1;
      out += empty ? token : token + line();
    } else if (token === "}" || token === "]") {
      const empty = tokens[index - 1] === "{" || tokens[index - 1] === "[";
      depth -= empty ? 0 : 1;
      out += empty ? token : line() + token;
    } else if (token === ",") out += token + line();
    else if (token === ":") out += ": ";
    else if (token.startsWith('"')) out += paint(next === ":" ? "key" : "string", visible(token));
    else out += paint(/^[-\d]/.test(token) ? "number" : "word", token);
  });
  return out;
}
