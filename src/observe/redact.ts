/**
 * What may be shown: all escaping of what a peer sent, and all hiding of secrets, for messages, the debug log, the command
 * and its installer. It imports nothing, so that `protocol/` may use it as it uses the errors. Pure.
 */

/** The longest piece of a peer's text in a message; more would bury what the message says. */
const MAX_SHOWN = 200;
/** The longest subprotocol that is shown. Registered names have up to some 25 characters, bearer tokens 100 and more. */
const MAX_SUBPROTOCOL = 32;
/** How much of a body is looked at. */
const BODY_SHOWN = 200;

/**
 * What moves the cursor, changes the order in which text is read, or is not seen: control characters (C0, DEL, C1), format
 * characters (bidirectional overrides, zero-width ones, tags), separators of lines and paragraphs, lone surrogates, and what
 * Unicode says to leave out where it is not known (fillers, variation selectors).
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/v;
/** The same beside whole emoji, which have joiners and selectors of their own. */
const EMOJI_OR_UNPRINTABLE = /\p{RGI_Emoji}|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gv;
const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A peer's text as one line that does nothing to a terminal: `\n`, `\x1b`, `\u202e`. What is longer than the limit is cut. */
export function printable(text: string, limit: number = Infinity): string {
  const cut = text.length > limit;
  const kept = cut ? text.slice(0, limit) : text;
  const escaped = UNPRINTABLE.test(kept) ? kept.replace(EMOJI_OR_UNPRINTABLE, escape) : kept;
  return cut ? `${escaped}…` : escaped;
}

/** The same for text that may have several lines: line feeds and tabs stay. */
export function printableLines(text: string): string {
  return UNPRINTABLE.test(text)
    ? text.replace(EMOJI_OR_UNPRINTABLE, (match) => match === "\n" || match === "\t" ? match : escape(match))
    : text;
}

/** A piece of a peer's text for a message: printable, and not too long. */
export function shownText(text: string): string {
  return printable(text, MAX_SHOWN);
}

function escape(match: string): string {
  // An emoji; an unprintable character is always one code point.
  if (!UNPRINTABLE.test(match) || match.length > String.fromCodePoint(match.codePointAt(0)!).length) return match;
  const code = match.codePointAt(0)!, digits = code.toString(16);
  return NAMED[match] ??
    (code < 0x100
      ? `\\x${digits.padStart(2, "0")}`
      : code < 0x10000
      ? `\\u${digits.padStart(4, "0")}`
      : `\\u{${digits}}`);
}

/** What a message says of a response's body: the beginning of text, only the size of anything else, nothing of none. */
export function shownBody(bytes: Uint8Array, encoded: boolean): string {
  if (bytes.length === 0) return "";
  const text = encoded ? null : bodyText(bytes.subarray(0, BODY_SHOWN));
  if (text === null) return `its body: binary, ${bytes.length} bytes`;
  const line = shownText(text.replace(/\s+/g, " ").trim());
  return line === "" ? "" : `it says: ${line}`;
}

/** Null for what is no text: what has NUL, or is no UTF-8 and has other control characters, as compressed data and images do. */
function bodyText(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  try {
    // A character that the cut went through is left out.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    // Perhaps an older encoding, of which ASCII can be read.
    const control = bytes.some((byte) => byte < 32 && !(byte >= 9 && byte <= 13) && byte !== 27);
    return control ? null : new TextDecoder().decode(bytes);
  }
}

/**
 * A URL without user, password, fragment, and the values of its query; also a relative one, as `Location` may have, and what is
 * no URL. A part of the query without a value may be a token itself, so it is not shown. Paths are.
 */
export function shownUrl(url: URL | string): string {
  // As the URL Standard reads it: tabs and line breaks are not there, and neither is what stands around it.
  const text = (typeof url === "string" ? url : url.href).replace(/[\t\n\r]|^[\0-\x20]+|[\0-\x20]+$/g, "");
  const known = typeof url !== "string" || URL.canParse(text, "ws://host/");
  const [before = "", query, fragment] = parts(withoutUser(text, known));
  // "ws://name:password", without a host.
  const address = known ? before : before.replace(/^([^:]*:[\/\\]*[^:\/\\[]*:)(?!\d*(?:[\/\\]|$))[^\/\\]*/, "$1…");
  return shownText(
    address + (query === undefined ? "" : `?${shownQuery(query)}`) + (fragment === undefined ? "" : "#…"),
  );
}

/** What fails to parse may do so because of a character in its password: there all up to the last @ may belong to it. */
function withoutUser(text: string, known: boolean): string {
  const start = /^(?:(?:wss?|https?):[\/\\]*|[a-z][a-z\d+.\-]*:[\/\\]{2,}|[\/\\]{2,})/i.exec(text)?.[0] ?? "";
  const rest = text.slice(start.length);
  const authority = known ? rest.slice(0, /[\/\\?#]|$/.exec(rest)!.index) : rest;
  const end = authority.lastIndexOf("@");
  // Without any scheme it is a path, unless there is a password in it.
  return start === "" && !authority.slice(0, end + 1).includes(":") ? text : start + rest.slice(end + 1);
}

function parts(text: string): (string | undefined)[] {
  return /^([^?#]*)(?:\?([^#]*))?(#[^]*)?$/.exec(text)!.slice(1);
}

function shownQuery(query: string): string {
  return query.split("&").map((part) => {
    const [, name] = /^([a-z][\w.\[\]\-]{0,31})=+[^=]/i.exec(part) ?? [];
    return part === "" ? "" : name === undefined ? "…" : `${name}=…`;
  }).join("&");
}

/** A socket's URL for programs, without what {@linkcode shownUrl} hides: whole, and a URL, with `%E2%80%A6` for a secret. */
export function secretlessUrl(url: URL): string {
  const plain = new URL(url);
  plain.username = plain.password = "";
  plain.search = plain.search === "" ? "" : shownQuery(plain.search.slice(1));
  return plain.href;
}

/** A URL for programs, which may need its query: without user and password alone. */
export function plainUrl(url: URL): string {
  const plain = new URL(url);
  plain.username = plain.password = "";
  return plain.href;
}

/** Words of libcurl or another program, on one line, without passwords and what identifies users. */
export function shownWords(text: string): string {
  return printable(
    text
      .replace(/\/\/[^\/?#\s]*@/g, "//…@")
      .replace(/\b[a-z][a-z\d+.\-]*:\/\/[^\s"'<>]+/gi, (url) => shownUrl(url.replace("//…@", "//")))
      // The name may have quotes itself.
      .replace(/\b(user(?:name)?|password|passphrase)(:? )'.*'/gi, "$1$2'…'"),
  );
}

/** The first line of a request or a response; the query of a request's target is hidden. */
export function shownFirstLine(line: string): string {
  return printable(
    line.replace(/^(\S+ )(\S+)(?= HTTP\/)/, (_all, method: string, target: string) => method + shownUrl(target)),
  );
}

/** Subprotocols of either side. Some carry a bearer token as one, so of a long one only the length is shown. */
export function shownSubprotocols(list: readonly string[]): string {
  const shown = list.map((name) => name.length > MAX_SUBPROTOCOL ? hidden(name) : printable(name));
  return shown.join(", ");
}

/** Fields whose values are no secret. Others may be, whatever their names are. */
const SHOWN = new Set([
  ...["host", "connection", "upgrade", "origin", "user-agent", "server", "date", "via", "allow", "vary", "pragma"],
  ...["sec-websocket-version", "sec-websocket-extensions", "sec-websocket-accept", "cache-control", "retry-after"],
  ...["content-type", "content-length", "content-encoding", "transfer-encoding", "proxy-connection", "keep-alive"],
  ...["accept", "accept-encoding", "accept-language", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "expires"],
]);
/** Fields whose value is a URL. */
const URLS = new Set(["location", "content-location"]);

/** A header field's value, or its length if it may be a secret. */
export function shownValue(name: string, value: string): string {
  const lower = name.toLowerCase();
  if (URLS.has(lower)) return shownUrl(value);
  return SHOWN.has(lower) || value === "" ? printable(value) : hidden(value);
}

/** A line of a request's or response's head: the first one, a field, or what continues a field and may be as secret as that. */
export function shownHeadLine(line: string): string {
  const [, name, value = ""] = /^([^\s:]+):\s*(.*)$/.exec(line) ?? [];
  if (name !== undefined) return printable(`${name}: ${shownValue(name, value)}`);
  return /^\s/.test(line) ? hidden(line) : shownFirstLine(line);
}

/** What was meant as a header field, and is none: its name alone. It may be "Authorization Bearer …", without a colon. */
export function shownFieldName(line: string): string {
  return printable(line.replace(/^(\s*[^\s:;]*)[\s:;].*$/s, "$1…"));
}

/** An option of a command line that is not known: its name alone. The value of a misspelt `--password=…` is one. */
export function shownOption(option: string): string {
  return printable(option.replace(/=[^]*$/, "=…"));
}

function hidden(secret: string): string {
  return `(${secret.length} characters)`;
}
