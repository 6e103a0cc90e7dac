/** The debug log that `CURLWS_DEBUG` asks for: lines on standard error, without credentials and without what messages hold. */
import { runtime } from "./curl/ffi.ts";
import type { HeaderList } from "./protocol/handshake.ts";

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
    this.write(category, `${mark} ${first}`);
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
    this.fields("handshake", ">", shownRequestLine(first), fields);
  }

  /** What libcurl says, by its kind of text (curl_infotype). */
  curl(kind: number, text: string): void {
    const mark = ["*", "<", ">"][kind];
    if (mark === undefined) return;
    for (const line of text.trimEnd().split(/\r?\n/)) {
      const field = kind === 0 ? null : /^([^\s:]+):\s*(.*)$/.exec(line);
      this.write(
        "curl",
        `${mark} ${field === null ? shownText(line) : `${field[1]}: ${shownValue(field[1]!, field[2]!)}`}`,
      );
    }
  }
}

/** What a peer sends is not to move the cursor of a terminal. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Fields whose values are no secret. Others may be, whatever their names are. */
const SHOWN = new Set([
  ...["host", "connection", "upgrade", "origin", "user-agent", "server", "date", "via", "allow", "vary", "pragma"],
  ...["sec-websocket-version", "sec-websocket-extensions", "sec-websocket-accept", "cache-control", "retry-after"],
  ...["content-type", "content-length", "content-encoding", "transfer-encoding", "proxy-connection", "keep-alive"],
  ...["accept", "accept-encoding", "accept-language", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "expires"],
]);

function shownValue(name: string, value: string): string {
  return SHOWN.has(name.toLowerCase()) || value === "" ? value : `(${value.length} characters)`;
}

/** A URL without user, password, and the values of its query. */
export function shownUrl(url: URL): string {
  const query = [...url.searchParams.keys()].map((name) => `${encodeURIComponent(name)}=…`).join("&");
  return `${url.protocol}//${url.host}${url.pathname}${query === "" ? "" : `?${query}`}`;
}

function shownRequestLine(line: string): string {
  return line.replace(/[?&][^\s]*/, (query) => query.replace(/=[^&]*/g, "=…"));
}

/** libcurl's words without users and passwords. */
function shownText(text: string): string {
  return text.replace(/\/\/[^/?#\s]*@/g, "//…@").replace(/\b(user(?:name)?) '[^']*'/g, "$1 '…'");
}
