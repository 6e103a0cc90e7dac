/** The request of the opening handshake, RFC 6455 section 4.1, byte for byte. Pure. */
import { type Browser, browserFields } from "./browsers.ts";
import { offerDeflate } from "./extensions.ts";
import { shownValue } from "../observe/redact.ts";
import { base64 } from "./base64.ts";
import type { HandshakeOffer } from "./agreement.ts";
import { checkFields, fieldValues, type HeaderList } from "./fields.ts";

/** The fields that are ours: a caller may place them and say their case, and give another value of some. */
const FIXED: ReadonlyMap<string, RegExp> = new Map([
  ["upgrade", /^websocket$/i],
  ["connection", /(^|,)\s*upgrade\s*(,|$)/i],
  ["sec-websocket-version", /^13$/],
]);
const OURS_ALONE = ["sec-websocket-key", "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol"];

/**
 * Checks the caller's fields of the handshake, beside {@linkcode checkFields}.
 *
 * @throws {TypeError} for a field that is not the caller's to give, or would make no handshake
 */
export function checkHeaders(headers: HeaderList): void {
  checkFields("headers", headers);
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (OURS_ALONE.includes(lower)) {
      const instead = lower === "sec-websocket-protocol"
        ? "; use the protocols argument"
        : lower === "sec-websocket-extensions"
        ? "; use the perMessageDeflate option"
        : "";
      throw new TypeError(`headers: ${name} is made by CurlWebSocket${instead}`);
    }
    if (FIXED.get(lower)?.test(value) === false) {
      throw new TypeError(`headers: ${name}: ${shownValue(name, value)} would make no WebSocket handshake`);
    }
  }
}

/** What a request may have beside what RFC 6455 asks for. */
export interface RequestExtras {
  /** The value of Origin, or null for none; a browser always sends one. */
  readonly origin?: string | null;
  readonly cookie?: string | null;
  /** The value of Authorization, null for none; undefined for what the URL's user and password make. */
  readonly authorization?: string | null;
  /** Whose request it is to be; null or undefined for our own. */
  readonly browser?: Browser | null;
}

/**
 * The request. Our own begins with our fields, but where the caller gives one of them, it stands as and where given. A
 * browser's has the browser's fields in its order; the caller's take the place of those they name, others follow.
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
    fields = [...own.filter(hasValue).filter(([name]) => !given.has(name.toLowerCase())), ...headers];
  } else {
    const own = browserFields(browser, { url, key, origin, cookie, authorization, extensions, protocol });
    fields = inPlace(own, headers);
  }
  const text = `GET ${requestTarget(url)} HTTP/1.1\r\n${
    fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  }\r\n`;
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/**
 * Whether a request has credentials: those of `authorization`, which is {@linkcode RequestExtras}', of the URL, or of the
 * caller's own field.
 */
export function hasCredentials(url: URL, headers: HeaderList, authorization: string | null | undefined): boolean {
  return typeof authorization === "string" ||
    (authorization === undefined && (url.username !== "" || url.password !== "")) ||
    fieldValues(headers, "authorization").length > 0;
}

/** Returns what stands in the request line, RFC 9112 section 3.2.1. */
export function requestTarget(url: URL): string {
  return url.pathname + url.search;
}

function hasValue(field: readonly [name: string, value: string | null]): field is readonly [string, string] {
  return field[1] !== null;
}

/** A browser's fields with the caller's in the place of those they name; a place that is empty counts too. */
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

/** `Basic` credentials by RFC 7617, of a username and a password in UTF-8. */
export function basicCredentials(username: string, password: string): string {
  return `Basic ${base64(new TextEncoder().encode(`${username}:${password}`))}`;
}

/** What the URL's user and password make of Authorization. */
function credentialsOf(url: URL): string | null {
  if (url.username === "" && url.password === "") return null;
  return `Basic ${btoa(`${percentDecode(url.username)}:${percentDecode(url.password)}`)}`;
}

/** Bytes as latin-1; a stray percent sign stands for itself (URL standard, section 1.3). */
function percentDecode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
