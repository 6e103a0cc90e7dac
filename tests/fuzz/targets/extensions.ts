/** Sec-WebSocket-Extensions: its grammar, and what a client may accept, each against a second reading of the RFCs. */
import {
  acceptDeflate,
  type DeflateOffer,
  type DeflateParameters,
  type Extension,
  ExtensionError,
  offerDeflate,
  parseExtensions,
} from "../../../src/handshake/extensions.ts";
import { check, concat, fromLatin1, Input, latin1, type Target } from "../target.ts";

/** The offer; then the field's value. */
function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const offer = makeOffer(input.byte(), input.byte());
  const text = fromLatin1(input.rest());
  const parsed = attempt(() => parseExtensions(text));
  const expected = readExtensions(text);
  same(parsed, expected, "the list");
  if (parsed !== null) same(attempt(() => parseExtensions(write(parsed))), parsed, "the list, written and read again");
  same(attempt(() => acceptDeflate(offer, text)), accept(offer, expected), `the response to ${JSON.stringify(offer)}`);
  if (offer !== null) checkOffer(offer);
}

/** The result; null for an {@linkcode ExtensionError}, the one error that is documented. */
function attempt<T>(body: () => T): T | null {
  try {
    return body();
  } catch (error) {
    if (error instanceof ExtensionError) return null;
    throw error;
  }
}

function same(actual: unknown, expected: unknown, what: string): void {
  const a = JSON.stringify(actual), e = JSON.stringify(expected);
  check(a === e, () => `${what} is ${a}, and must be ${e}`);
}

function makeOffer(flags: number, bits: number): DeflateOffer | null {
  if ((flags & 0xf0) === 0xf0) return null;
  const server = bits % 9, client = (bits >> 4) % 10;
  return {
    serverNoContextTakeover: (flags & 1) !== 0,
    clientNoContextTakeover: (flags & 2) !== 0,
    serverMaxWindowBits: server === 0 ? null : server + 7,
    clientMaxWindowBits: client === 0 ? true : client === 9 ? null : client + 7,
  };
}

const isTokenChar = (char: string | undefined): boolean =>
  char !== undefined && char > " " && char < "\x7f" && !'()<>@,;:\\"/[]?={}'.includes(char);

/** RFC 6455 section 9.1, character by character; null where the text is not by the grammar. */
function readExtensions(text: string): Extension[] | null {
  let at = 0;
  const space = () => {
    while (text[at] === " " || text[at] === "\t") at++;
  };
  const token = (): string => {
    let value = "";
    while (isTokenChar(text[at])) value += text[at++];
    return value;
  };
  const quoted = (): string | null => {
    let value = "";
    for (at++; at < text.length; at++) {
      if (text[at] === '"') {
        at++;
        return value !== "" && [...value].every(isTokenChar) ? value : null;
      }
      if (text[at] === "\\") at++;
      value += text[at] ?? "";
    }
    return null;
  };
  const extensions: Extension[] = [];
  for (;;) {
    space();
    const name = token();
    if (name === "") return null;
    const parameters: [string, string | null][] = [];
    extensions.push({ name, parameters });
    for (space(); text[at] === ";"; space()) {
      at++;
      space();
      const parameter = token();
      if (parameter === "") return null;
      space();
      if (text[at] !== "=") {
        parameters.push([parameter, null]);
        continue;
      }
      at++;
      space();
      const value = text[at] === '"' ? quoted() : token() || null;
      if (value === null) return null;
      parameters.push([parameter, value]);
    }
    if (at === text.length) return extensions;
    if (text[at++] !== ",") return null;
  }
}

function write(extensions: readonly Extension[]): string {
  const parameter = ([name, value]: readonly [string, string | null]) =>
    value === null ? name : `${name}="${value.replace(/./g, (char) => `\\${char}`)}"`;
  return extensions.map(({ name, parameters }) => [name, ...parameters.map(parameter)].join("\t;")).join(" ,");
}

/** RFC 7692 sections 5 and 7.1; null where the client must fail the connection. */
function accept(offer: DeflateOffer | null, extensions: readonly Extension[] | null): DeflateParameters | null {
  if (offer === null || extensions?.length !== 1 || extensions[0]!.name !== "permessage-deflate") return null;
  const given: Record<string, string | null> = {};
  for (const [name, value] of extensions[0]!.parameters) {
    if (Object.hasOwn(given, name)) return null;
    Object.defineProperty(given, name, { value, enumerable: true });
  }
  for (const [name, value] of Object.entries(given)) {
    if (name === "server_no_context_takeover" || name === "client_no_context_takeover") {
      if (value !== null) return null;
    } else if (name === "server_max_window_bits" || name === "client_max_window_bits") {
      if (!["8", "9", "10", "11", "12", "13", "14", "15"].includes(value ?? "")) return null;
    } else return null;
  }
  const bits = (name: string): number => Object.hasOwn(given, name) ? Number(given[name]) : 0;
  const server = bits("server_max_window_bits"), client = bits("client_max_window_bits");
  // Leniently, a server may leave out what it was asked for.
  if (offer.serverMaxWindowBits !== null && server > offer.serverMaxWindowBits) return null;
  if (client > 0 && offer.clientMaxWindowBits === null) return null;
  const most = typeof offer.clientMaxWindowBits === "number" ? offer.clientMaxWindowBits : 15;
  if (client > most) return null;
  return {
    serverNoContextTakeover: Object.hasOwn(given, "server_no_context_takeover"),
    clientNoContextTakeover: offer.clientNoContextTakeover || Object.hasOwn(given, "client_no_context_takeover"),
    serverMaxWindowBits: server || 15,
    clientMaxWindowBits: client || most,
  };
}

/** What the offer says is what it was made of. */
function checkOffer(offer: DeflateOffer): void {
  const list = readExtensions(offerDeflate(offer));
  check(list?.length === 1 && list[0]!.name === "permessage-deflate", () => "the offer is none");
  const given = new Map(list[0]!.parameters);
  const bits = (name: string) => given.has(name) ? given.get(name) === null ? true : Number(given.get(name)) : null;
  const said: DeflateOffer = {
    serverNoContextTakeover: given.has("server_no_context_takeover"),
    clientNoContextTakeover: given.has("client_no_context_takeover"),
    serverMaxWindowBits: bits("server_max_window_bits") as number | null,
    clientMaxWindowBits: bits("client_max_window_bits"),
  };
  same(said, offer, "the offer, read");
}

const dictionary = [
  "permessage-deflate",
  "server_no_context_takeover",
  "client_no_context_takeover",
  "server_max_window_bits",
  "client_max_window_bits",
  "=15",
  '="8"',
  '="1\\0"',
  "; ",
  ", ",
];

function seeds(): Uint8Array[] {
  const responses = [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; server_max_window_bits=10",
    "permessage-deflate;client_max_window_bits=8 ; server_max_window_bits = 15",
    'permessage-deflate; server_max_window_bits="1\\0"; client_max_window_bits="9"',
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; " +
    "client_max_window_bits=8",
    "permessage-deflate, permessage-deflate; client_max_window_bits",
    'foo; bar; baz="1 2", x-webkit-deflate-frame',
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9",
    "",
    ",",
    "a=b",
  ];
  const offers = [[0, 0], [1, 0], [2, 0x90], [3, 0x18], [0xf0, 0], [0, 0x88]];
  return responses.flatMap((response) => offers.map((offer) => concat(offer, latin1(response))));
}

export const extensions: Target = { name: "extensions", fuzz, seeds, dictionary };
