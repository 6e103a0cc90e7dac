/** The opening handshake, RFC 6455 section 4: its key, and a strict check of the answer. `request.ts` asks. Pure. */
import { CurlWebSocketError } from "../errors.ts";
import { printable, shownBody, shownSubprotocols, shownText, shownUrl } from "../observe/redact.ts";
import { acceptDeflate, type DeflateOffer, type DeflateParameters, type ExtensionError } from "./extensions.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** The answer's header may have this many bytes, with the interim responses before it. */
export const MAX_HEADER_SIZE: number = 64 * 1024;
/** This much of a refusal's body is kept. */
export const MAX_BODY_SIZE: number = 64 * 1024;
/** A refusal's body is read no further than this, as it comes: chunks of one byte take six, and extensions have no end. */
const MAX_BODY_BYTES = 8 * MAX_BODY_SIZE;
/** So much of a chunk's size line is looked at; extensions may make it longer. */
const MAX_SIZE_LINE = 32;

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Whether a string is a token, as subprotocols and header names must be. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Bytes in base64. */
export const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** A new `Sec-WebSocket-Key`: 16 random bytes. */
export function makeKey(random: Uint8Array = crypto.getRandomValues(new Uint8Array(16))): string {
  return base64(random);
}

/** The `Sec-WebSocket-Accept` that belongs to a key, with a SHA-1 of somebody's. */
export function acceptFor(key: string, sha1: (text: string) => Uint8Array): string {
  return base64(sha1(key + GUID));
}

/** What the request asks for. */
export interface HandshakeOffer {
  readonly protocols: readonly string[];
  /** Null where compression is not offered. */
  readonly deflate: DeflateOffer | null;
}

/** What the server agreed to. */
export interface Agreement {
  readonly protocol: string;
  /** The field value of the extensions in use, or `""`. */
  readonly extensions: string;
  readonly deflate: DeflateParameters | null;
  readonly headers: HeaderList;
}

const invalid = (message: string, status?: number, headers?: HeaderList) =>
  new CurlWebSocketError("ERR_HANDSHAKE_INVALID", message, { status, headers });

/** Reads the answer, from bytes cut anywhere. */
export class ResponseReader {
  readonly #accept: string;
  readonly #offer: HandshakeOffer;
  readonly #followed: (status: number, headers: HeaderList) => boolean;
  readonly #authorized: boolean;
  #bytes: GrowingBuffer = new GrowingBuffer();
  /** The size of the interim responses that are no longer in `#bytes`. */
  #interim = 0;
  /** Where the search for the header's end goes on. */
  #searched = 0;
  #refusal: { status: number; reason: string; headers: HeaderList; body: BodyReader } | null = null;

  /**
   * `followed` says of a refusal whether the caller goes on elsewhere, and has no use for its body; `authorized` whether
   * the request had credentials.
   */
  constructor(
    accept: string,
    offer: HandshakeOffer,
    followed: (status: number, headers: HeaderList) => boolean = () => false,
    authorized = false,
  ) {
    this.#accept = accept;
    this.#offer = offer;
    this.#followed = followed;
    this.#authorized = authorized;
  }

  /**
   * Takes bytes. Returns null while more are needed, else the agreement and the bytes behind the header, which belong to
   * the first frame.
   *
   * @throws {CurlWebSocketError} where the server refuses, or answers what no WebSocket server may
   */
  push(chunk: Uint8Array): { agreement: Agreement; rest: Uint8Array } | null {
    if (this.#refusal !== null) {
      if (this.#refusal.body.push(chunk)) throw this.#refused();
      return null;
    }
    this.#bytes.push(chunk);
    const bytes = this.#bytes.view;
    for (let start = 0;;) {
      const end = headerEnd(bytes, Math.max(start, this.#searched));
      if (this.#interim + (end < 0 ? bytes.length : end) > MAX_HEADER_SIZE) {
        throw invalid(
          `the server's response header${
            start > 0 || this.#interim > 0 ? ", with its interim responses," : ""
          } is larger than ${MAX_HEADER_SIZE} bytes`,
        );
      }
      if (end < 0) {
        const left = bytes.subarray(start);
        checkStart(left);
        if (start > 0) {
          this.#bytes = new GrowingBuffer();
          this.#bytes.push(left);
          this.#interim += start;
        }
        this.#searched = Math.max(0, left.length - 3);
        return null;
      }
      const { version, status, reason, headers } = parseHeader(bytes.subarray(start, end));
      const rest = bytes.subarray(end);
      // RFC 9110 section 15.2: interim responses may come before the answer.
      if (status >= 100 && status < 200 && status !== 101) {
        start = end;
        continue;
      }
      if (status === 101 && version !== "1.1") throw invalid(`the server switches protocols in HTTP/${version}`);
      if (status === 101) return { agreement: this.#check(headers), rest };
      this.#refusal = { status, reason, headers, body: new BodyReader(status, headers) };
      if (this.#followed(status, headers) || this.#refusal.body.push(rest)) throw this.#refused();
      return null;
    }
  }

  /** Whether a refusal's header is there, and its body is not yet. */
  get refusing(): boolean {
    return this.#refusal !== null;
  }

  /** The server has closed, or time is up. The error that says what came until then; null where no header is there. */
  end(): CurlWebSocketError | null {
    return this.#refusal === null ? null : this.#refused();
  }

  #refused(): CurlWebSocketError {
    const { status, reason, headers, body } = this.#refusal!;
    const init = { status, headers, body: body.bytes };
    const location = headers.find(([name]) => name.toLowerCase() === "location")?.[1];
    if (status >= 300 && status < 400 && location !== undefined) {
      const message = `the server redirects to ${
        shownUrl(location)
      } (${status}), which is not followed; connect there, or set maxRedirects`;
      return new CurlWebSocketError("ERR_HANDSHAKE_REDIRECT", message, init);
    }
    const encoding = headers.find(([name]) => name.toLowerCase() === "content-encoding")?.[1] ?? "identity";
    const text = shownBody(body.bytes, encoding.toLowerCase() !== "identity");
    const hint = status === 401
      ? this.#authorized
        ? "; it does not accept the credentials that were sent"
        : "; it wants credentials (an Authorization header)"
      : status === 403
      ? "; it may want another Origin, User-Agent or Cookie header"
      : status === 404
      ? "; check the URL's path"
      : status === 200
      ? "; this URL serves pages, not WebSockets"
      : "";
    const message = `the server refused the WebSocket: ${status}${reason && ` ${shownText(reason)}`}${hint}${
      text && `; ${text}`
    }`;
    return new CurlWebSocketError("ERR_HANDSHAKE_STATUS", message, init);
  }

  /** RFC 6455 section 4.1, the numbered checks of the server's response. */
  #check(headers: HeaderList): Agreement {
    const values = (name: string) =>
      headers.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value);
    const fail = (message: string) => invalid(message, 101, headers);
    const upgrade = values("upgrade"), connection = values("connection");
    if (upgrade.length !== 1 || upgrade[0]!.toLowerCase() !== "websocket") {
      throw fail(`the response's Upgrade must be websocket, and is ${shownText(upgrade.join(", ")) || "absent"}`);
    }
    if (!connection.join(",").split(",").some((token) => token.trim().toLowerCase() === "upgrade")) {
      throw fail(`the response's Connection must be Upgrade, and is ${shownText(connection.join(", ")) || "absent"}`);
    }
    const accept = values("sec-websocket-accept");
    if (accept.length !== 1 || accept[0] !== this.#accept) {
      throw fail(
        `the response's Sec-WebSocket-Accept must be ${this.#accept}, and is ${
          shownText(accept.join(", ")) || "absent"
        }; ` +
          "the server, or something between, does not speak WebSocket",
      );
    }
    const fields = values("sec-websocket-extensions");
    const extensions = fields.join(", ");
    let deflate: DeflateParameters | null = null;
    try {
      if (fields.length > 0) deflate = acceptDeflate(this.#offer.deflate, extensions);
    } catch (error) {
      throw fail((error as ExtensionError).message);
    }
    const protocol = values("sec-websocket-protocol");
    if (protocol.length > 1) throw fail(`the server chose more than one subprotocol: ${shownSubprotocols(protocol)}`);
    if (protocol.length === 1 && !this.#offer.protocols.includes(protocol[0]!)) {
      throw fail(
        `the server chose the subprotocol ${shownSubprotocols(protocol)}, and offered were ${
          shownSubprotocols(this.#offer.protocols) || "none"
        }`,
      );
    }
    if (protocol.length === 0 && this.#offer.protocols.length > 0) {
      throw fail(`the server chose none of the subprotocols offered: ${shownSubprotocols(this.#offer.protocols)}`);
    }
    return { protocol: protocol[0] ?? "", extensions, deflate, headers };
  }
}

/** Bytes that come in pieces; it grows by doubling, so that many small pieces stay cheap. */
class GrowingBuffer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  #length = 0;

  push(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.view);
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  get length(): number {
    return this.#length;
  }

  get view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}

/**
 * Where the first empty line ends, or -1. RFC 9112 section 2.2 lets a line end with a line feed alone, as some servers
 * have it, and curl and browsers take it.
 */
function headerEnd(bytes: Uint8Array, from: number): number {
  for (let i = bytes.indexOf(10, from); i >= 0; i = bytes.indexOf(10, i + 1)) {
    if (bytes[i + 1] === 10) return i + 2;
    if (bytes[i + 1] === 13 && bytes[i + 2] === 10) return i + 3;
  }
  return -1;
}

/** What does not begin like HTTP is refused at once, not when time is up. */
function checkStart(bytes: Uint8Array): void {
  const start = latin1(bytes.subarray(0, 5));
  if (!"HTTP/".startsWith(start)) {
    throw invalid(`the server's answer is not HTTP: it begins with "${printable(latin1(bytes.subarray(0, 40)))}"`);
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

interface Header {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
}

function parseHeader(bytes: Uint8Array): Header {
  const lines = latin1(bytes).split(/\r?\n/).slice(0, -2);
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
      throw invalid(`the server's response has a header field that is none: "${shown}"`);
    }
    return [name, trim(line.slice(colon + 1))];
  });
  return { version: status[1]!, status: Number(status[2]), reason: status[3] ?? "", headers };
}

/** Without spaces and tabs at the ends. By hand: a pattern would look at each run of spaces again from each of its places. */
function trim(text: string): string {
  let from = 0, to = text.length;
  while (from < to && (text[from] === " " || text[from] === "\t")) from++;
  while (to > from && (text[to - 1] === " " || text[to - 1] === "\t")) to--;
  return text.slice(from, to);
}

/** The body of a refusal, as far as we keep it; it may be chunked (RFC 9112 section 7.1). */
class BodyReader {
  readonly #body: GrowingBuffer = new GrowingBuffer();
  readonly #chunked: boolean;
  /** How much is still to come: of the chunk, or of the body. */
  #left: number;
  /** The line of a chunk's size, as far as it came. */
  #line = "";
  #inside = false;
  #done = false;
  /** How many bytes came, of chunks' sizes and trailers too. */
  #received = 0;

  constructor(status: number, headers: HeaderList) {
    const value = (name: string) => headers.find(([field]) => field.toLowerCase() === name)?.[1];
    // RFC 9112 section 6.3: these have no body, whatever their fields say.
    const bodiless = status === 204 || status === 304;
    this.#chunked = !bodiless && /(^|,)\s*chunked\s*$/i.test(value("transfer-encoding") ?? "");
    const length = bodiless ? "0" : value("content-length");
    this.#left = this.#chunked ? 0 : length !== undefined && /^\d+$/.test(length) ? Number(length) : Infinity;
  }

  /** Takes bytes; returns whether the body is complete, or as long as we keep it. */
  push(chunk: Uint8Array): boolean {
    this.#received += chunk.length;
    for (let at = 0; at < chunk.length && !this.#over;) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + Math.min(this.#left, MAX_BODY_SIZE - this.#body.length));
        this.#body.push(part);
        at += part.length;
        this.#left -= part.length;
      } else if (chunk[at++] !== 10) {
        if (this.#line.length < MAX_SIZE_LINE) this.#line += String.fromCharCode(chunk[at - 1]!);
      } else {
        const size = this.#line.trim();
        this.#line = "";
        // The end of the chunk before.
        if (size === "" && this.#inside) {
          this.#inside = false;
          continue;
        }
        const length = parseInt(size, 16);
        if (length > 0) this.#left = length;
        else this.#done = true;
        this.#inside = true;
      }
    }
    return this.#over;
  }

  get #over(): boolean {
    return this.#done || (!this.#chunked && this.#left === 0) || this.#body.length >= MAX_BODY_SIZE ||
      this.#received >= MAX_BODY_BYTES;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#body.view.slice();
  }
}
