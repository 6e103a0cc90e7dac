/** The header of a response to the opening handshake: its status line and its fields. Pure. */
import { CurlWebSocketError } from "../errors.ts";
import { printable } from "../observe/redact.ts";
import { isToken } from "./fields.ts";

/** The server's response to the opening handshake. */
export interface HandshakeResponse {
  /** 101 if the server agreed. */
  readonly status: number;
  /** The words behind it, such as `"Switching Protocols"`, or `""`. */
  readonly statusText: string;
  /** The header fields in their order, with names spelled as the server sent them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A response's header as it was parsed. */
export interface ResponseHead extends HandshakeResponse {
  /** All of it. */
  readonly text: string;
  /** Of HTTP: 1.0 or 1.1. */
  readonly version: string;
}

export const invalid = (message: string): CurlWebSocketError =>
  new CurlWebSocketError("ERR_HANDSHAKE_INVALID", message);

/** Parses a header, with the empty line at its end. */
export function parseHead(text: string): ResponseHead {
  const lines = text.split(/\r?\n/).slice(0, -2);
  const status = /^HTTP\/(1\.[01]) (\d{3})(?: (.*))?$/.exec(lines[0]!);
  if (status === null) {
    throw invalid(`the server's status line is not HTTP/1's: "${printable(lines[0]!, 80)}"`);
  }
  const headers = lines.slice(1).map((line): [string, string] => {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (colon < 1 || !isToken(name) || /[\0\r\n]/.test(line)) {
      // A value may be a secret.
      const shown = printable(colon < 0 ? line : line.slice(0, colon + 1), 40);
      throw invalid(`the server's response has a malformed header field: "${shown}"`);
    }
    return [name, trim(line.slice(colon + 1))];
  });
  return { text, version: status[1]!, status: Number(status[2]), statusText: status[3] ?? "", headers };
}

/** Returns what programs see of a response whose header was accepted. */
export function responseOf(text: string): HandshakeResponse {
  const { status, statusText, headers } = parseHead(text);
  return Object.freeze({ status, statusText, headers });
}

/** Returns the response that an error is about; null if it is about none, or a proxy's. */
export function refusalOf(
  { code, status, statusText = "", headers = [] }: CurlWebSocketError,
): HandshakeResponse | null {
  const isRefusal = status !== undefined && code.startsWith("ERR_HANDSHAKE_");
  return isRefusal ? Object.freeze({ status, statusText, headers }) : null;
}

/** Removes spaces and tabs at both ends. A pattern would take quadratic time for a long run of spaces. */
function trim(text: string): string {
  let from = 0, to = text.length;
  while (from < to && (text[from] === " " || text[from] === "\t")) from++;
  while (to > from && (text[to - 1] === " " || text[to - 1] === "\t")) to--;
  return text.slice(from, to);
}
