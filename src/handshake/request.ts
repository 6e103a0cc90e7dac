/** The request of the opening handshake, RFC 6455 section 4.1, byte for byte. Pure. */
import { type Browser, browserFields } from "./browsers.ts";
import { offerDeflate } from "./extensions.ts";
import { shownValue } from "../observe/redact.ts";
import { base64 } from "./base64.ts";
import type { HandshakeOffer } from "./agreement.ts";
import { checkFields, fieldValues, type HeaderList } from "./fields.ts";

/** Fields that every handshake has: a caller may choose their place, spelling and value, if the value matches. */
const REQUIRED: ReadonlyMap<string, RegExp> = new Map([
  ["upgrade", /^websocket$/i],
  ["connection", /(^|,)\s*upgrade\s*(,|$)/i],
  ["sec-websocket-version", /^13$/],
]);
/** Fields that a caller may not give. */
const RESERVED = ["sec-websocket-key", "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol"];

/**
 * Checks the caller's fields, first by {@linkcode checkFields}.
 *
 * @throws {TypeError} for a field that callers may not give, or a value that would make no handshake
 */
export function checkHeaders(headers: HeaderList): void {
  checkFields("headers", headers);
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (RESERVED.includes(lower)) {
      const instead = lower === "sec-websocket-protocol"
        ? "; use the protocols argument"
        : lower === "sec-websocket-extensions"
        ? "; use the perMessageDeflate option"
        : "";
      throw new TypeError(`headers: ${name} is made by CurlWebSocket${instead}`);
    }
    if (REQUIRED.get(lower)?.test(value) === false) {
      throw new TypeError(`headers: ${name}: ${shownValue(name, value)} would make no WebSocket handshake`);
    }
  }
}

/** What a request may have besides the fields that RFC 6455 requires. */
export interface RequestExtras {
  /** The value of Origin, or null for none; a browser always sends one. */
  readonly origin?: string | null;
  readonly cookie?: string | null;
  /** The value of Authorization, or null for none; undefined makes it from the URL's user and password. */
  readonly authorization?: string | null;
  /** The browser that the request is to look like; null or undefined for none. */
  readonly browser?: Browser | null;
}

/**
 * Returns the request's bytes. Without a browser, our fields come first, but a field that the caller gives too has the
 * caller's value and place. With one, the browser's fields come in its order; a field that the caller gives too keeps
 * its place and has the caller's value, and the caller's other fields follow.
 */
export function buildRequest(
  url: URL,
  key: string,
  offer: HandshakeOffer,
  headers: HeaderList,
  extras: RequestExtras = {},
): Uint8Array {
  const { origin = null, cookie = null, browser = null } = extras;
  const authorization = extras.authorization === undefined ? credentialsOf(url) : extras.authorization;
  const extensions = offer.deflate === null ? null : offerDeflate(offer.deflate);
  const protocol = offer.protocols.length === 0 ? null : offer.protocols.join(", ");
  let fields: HeaderList;
  if (browser === null) {
    const own: (readonly [name: string, value: string | null])[] = [
      ["Host", url.host],
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Key", key],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Extensions", extensions],
      ["Sec-WebSocket-Protocol", protocol],
      ["Authorization", authorization],
      ["Origin", origin],
      ["Cookie", cookie],
    ];
    const given = new Set(headers.map(([name]) => name.toLowerCase()));
    const needed = own.filter((field) => hasValue(field) && !given.has(field[0].toLowerCase())) as HeaderList;
    fields = headers.length === 0 ? needed : [...needed, ...headers];
  } else {
    const own = browserFields(browser, { url, key, origin, cookie, authorization, extensions, protocol });
    fields = inPlace(own, headers);
  }
  let text = `GET ${requestTarget(url)} HTTP/1.1\r\n`;
  for (const field of fields) text += `${field[0]}: ${field[1]}\r\n`;
  return latin1Bytes(text + "\r\n");
}

const encoder = new TextEncoder();

/** Returns the bytes of text that has no character above U+00FF. ASCII is the same in UTF-8, which is encoded in one call. */
function latin1Bytes(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  return bytes.length === text.length ? bytes : Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/**
 * Returns whether a request has credentials: from `authorization`, which is {@linkcode RequestExtras}', from the URL,
 * or from a field of the caller's.
 */
export function hasCredentials(url: URL, headers: HeaderList, authorization: string | null | undefined): boolean {
  return typeof authorization === "string" ||
    (authorization === undefined && (url.username !== "" || url.password !== "")) ||
    fieldValues(headers, "authorization").length > 0;
}

/** Returns the target in the request line, RFC 9112 section 3.2.1. */
export function requestTarget(url: URL): string {
  return url.pathname + url.search;
}

function hasValue(field: readonly [name: string, value: string | null]): field is readonly [string, string] {
  return field[1] !== null;
}

/** Puts the caller's fields into the browser's places for them, also into those of fields that it does not send. */
function inPlace(own: readonly (readonly [name: string, value: string | null])[], headers: HeaderList): HeaderList {
  const placed = new Set<string>();
  const fields = own.flatMap((field) => {
    const name = field[0].toLowerCase();
    const given = headers.filter(([each]) => each.toLowerCase() === name);
    placed.add(name);
    return given.length > 0 ? given : hasValue(field) ? [field] : [];
  });
  return [...fields, ...headers.filter(([name]) => !placed.has(name.toLowerCase()))];
}

/** Returns the value of Authorization for a username and a password: `Basic`, RFC 7617, in UTF-8. */
export function basicCredentials(username: string, password: string): string {
  return `Basic ${base64(new TextEncoder().encode(`${username}:${password}`))}`;
}

/** Returns the value of Authorization for the URL's user and password, or null if it has none. */
function credentialsOf(url: URL): string | null {
  if (url.username === "" && url.password === "") return null;
  return `Basic ${btoa(`${percentDecode(url.username)}:${percentDecode(url.password)}`)}`;
}

/** Returns the decoded bytes as Latin-1. A stray percent sign stays (URL standard, section 1.3). */
function percentDecode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
