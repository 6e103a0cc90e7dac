/** The debug log that `CURLWS_DEBUG` asks for: lines on standard error, without credentials and without what messages hold. */
import { runtime } from "../platform/runtime.ts";
import type { HeaderList } from "../handshake/fields.ts";
import { printable, shownFirstLine, shownValue, shownWords } from "./redact.ts";

const CATEGORIES = ["connect", "curl", "handshake", "frames", "close"] as const;

/** What may be asked for by name. */
export type DebugCategory = (typeof CATEGORIES)[number];

/** Undefined before the environment was looked at. */
let wanted: ReadonlySet<string> | null | undefined;
let connections = 0;

function readEnvironment(): ReadonlySet<string> | null {
  const value = runtime().env("CURLWS_DEBUG")?.trim().toLowerCase() ?? "";
  if (value === "" || value === "0" || value === "false") return null;
  if (["1", "true", "all", "*"].includes(value)) return new Set(CATEGORIES);
  const names = value.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.filter((name) => !(CATEGORIES as readonly string[]).includes(name));
  if (unknown.length > 0) {
    console.error(`curlws: CURLWS_DEBUG: unknown ${unknown.join(", ")}; known are 1 and ${CATEGORIES.join(", ")}`);
  }
  return new Set(names);
}

/** The log of a connection to be made, or null where none is wanted, which costs nothing from then on. */
export function debugLog(): DebugLog | null {
  if (wanted === undefined) wanted = readEnvironment();
  return wanted === null ? null : new DebugLog(wanted);
}

export class DebugLog {
  readonly #wanted: ReadonlySet<string>;
  readonly #number: number = ++connections;
  readonly #start: number = performance.now();

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  wants(category: DebugCategory): boolean {
    return this.#wanted.has(category);
  }

  write(category: DebugCategory, text: string): void {
    if (!this.wants(category)) return;
    const milliseconds = (performance.now() - this.#start).toFixed(1);
    console.error(`curlws #${this.#number} +${milliseconds} ms ${category}: ${printable(text)}`);
  }

  /** An answer or a request: its first line, then its fields. */
  fields(category: DebugCategory, mark: ">" | "<", first: string, fields: HeaderList): void {
    if (!this.wants(category)) return;
    this.write(category, `${mark} ${shownFirstLine(first)}`);
    for (const [name, value] of fields) this.write(category, `${mark} ${name}: ${shownValue(name, value)}`);
  }

  /** The handshake's request. */
  request(bytes: Uint8Array): void {
    if (!this.wants("handshake")) return;
    const [first = "", ...lines] = new TextDecoder().decode(bytes).trimEnd().split("\r\n");
    const fields = lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    this.fields("handshake", ">", first, fields);
  }

  /** What libcurl says, by its kind of text (curl_infotype). */
  curl(kind: number, text: string): void {
    const mark = ["*", "<", ">"][kind];
    if (mark === undefined) return;
    for (const line of text.trimEnd().split(/\r?\n/)) {
      this.write("curl", `${mark} ${kind === 0 ? shownWords(line) : shownLine(line)}`);
    }
  }
}

/** A line of a request or a response: its first one, a field, or what goes on with the field before and may be as secret. */
function shownLine(line: string): string {
  const [, name, value = ""] = /^([^\s:]+):\s*(.*)$/.exec(line) ?? [];
  if (name !== undefined) return `${name}: ${shownValue(name, value)}`;
  return /^\s/.test(line) ? `(${line.length} characters)` : shownFirstLine(line);
}
