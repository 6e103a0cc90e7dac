/**
 * `Sec-WebSocket-Extensions`: its grammar (RFC 6455 section 9.1), and permessage-deflate's parameters (RFC 7692 section
 * 7.1).
 */
import { isToken } from "./fields.ts";

/** RFC 7692 section 7.1.2: a window has 2^8 to 2^15 bytes. */
export const MIN_WINDOW_BITS = 8;
export const MAX_WINDOW_BITS = 15;

/** An extension, as a header field has it. */
export interface Extension {
  readonly name: string;
  /** A value is null if the parameter has none. */
  readonly parameters: readonly (readonly [name: string, value: string | null])[];
}

/** The parameters that a client offers. */
export interface DeflateOffer {
  /** Asks the server to compress each message by itself. */
  readonly serverNoContextTakeover: boolean;
  /** Tells the server that this client compresses each message by itself. */
  readonly clientNoContextTakeover: boolean;
  /** The largest window that the server may use, as its base-2 logarithm, 8 to 15; null sets no limit. */
  readonly serverMaxWindowBits: number | null;
  /** The largest window that this client will use, 8 to 15; with true the server may limit it, with null it may not. */
  readonly clientMaxWindowBits: number | true | null;
}

/** The parameters that both sides agreed to; windows are given as base-2 logarithms, 8 to 15. */
export interface DeflateParameters {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
}

/** The server's field is malformed, or is not what the offer allows. */
export class ExtensionError extends Error {
  override readonly name: string = "ExtensionError";
}

/**
 * A token, a quoted string or a separator, with optional white space; RFC 6455 section 9.1 and RFC 2616 section 2.2.
 */
const LEXEME = /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)"|([;,=]))[ \t]*/y;

/**
 * Returns the extensions of a field value.
 *
 * @throws {ExtensionError} if it breaks the grammar
 */
export function parseExtensions(text: string): Extension[] {
  const lexemes = lex(text);
  const extensions: Extension[] = [];
  let at = 0;
  const token = (what: string): string => {
    const lexeme = lexemes[at++];
    if (lexeme?.kind !== "token") throw malformed(text, `${what} is missing`);
    return lexeme.text;
  };
  const next = (separator: string): boolean => {
    const lexeme = lexemes[at];
    if (lexeme?.kind !== "separator" || lexeme.text !== separator) return false;
    at++;
    return true;
  };
  do {
    const name = token("the name of an extension");
    const parameters: [string, string | null][] = [];
    while (next(";")) {
      const parameter = token("the name of a parameter");
      let value: string | null = null;
      if (next("=")) {
        // "The value after quoted-string unescaping MUST conform to the 'token' ABNF."
        const lexeme = lexemes[at++];
        if (lexeme === undefined || lexeme.kind === "separator" || !isToken(lexeme.text)) {
          throw malformed(text, `the value of ${parameter} is no token`);
        }
        value = lexeme.text;
      }
      parameters.push([parameter, value]);
    }
    extensions.push({ name, parameters });
  } while (next(","));
  if (at < lexemes.length) throw malformed(text, `${JSON.stringify(lexemes[at]!.text)} is unexpected`);
  return extensions;
}

interface Lexeme {
  readonly kind: "token" | "quoted" | "separator";
  readonly text: string;
}

function lex(text: string): Lexeme[] {
  const lexemes: Lexeme[] = [];
  LEXEME.lastIndex = 0;
  while (LEXEME.lastIndex < text.length) {
    const at = LEXEME.lastIndex;
    const match = LEXEME.exec(text);
    if (match === null) throw malformed(text, `${JSON.stringify(text.slice(at, at + 20))} is unexpected`);
    const [, token, quoted, separator] = match;
    if (token !== undefined) lexemes.push({ kind: "token", text: token });
    else if (separator !== undefined) lexemes.push({ kind: "separator", text: separator });
    else lexemes.push({ kind: "quoted", text: quoted!.replace(/\\(.)/g, "$1") });
  }
  return lexemes;
}

function malformed(text: string, why: string): ExtensionError {
  return new ExtensionError(`Sec-WebSocket-Extensions is malformed, ${why}: ${JSON.stringify(text.slice(0, 200))}`);
}

const NAME = "permessage-deflate";

/** Returns the field value that offers compression. */
export function offerDeflate(offer: DeflateOffer): string {
  const parameters = [NAME];
  if (offer.serverNoContextTakeover) parameters.push("server_no_context_takeover");
  if (offer.clientNoContextTakeover) parameters.push("client_no_context_takeover");
  if (offer.serverMaxWindowBits !== null) parameters.push(`server_max_window_bits=${offer.serverMaxWindowBits}`);
  if (offer.clientMaxWindowBits === true) parameters.push("client_max_window_bits");
  else if (offer.clientMaxWindowBits !== null) parameters.push(`client_max_window_bits=${offer.clientMaxWindowBits}`);
  return parameters.join("; ");
}

/**
 * Returns what the server agreed to with its field value. An offer of null offers nothing.
 *
 * @throws {ExtensionError} if the field is malformed, or is not what the offer allows
 */
export function acceptDeflate(offer: DeflateOffer | null, response: string): DeflateParameters {
  const extensions = parseExtensions(response);
  const [chosen] = extensions;
  const other = extensions.find(({ name }) => offer === null || name !== NAME);
  if (other !== undefined) {
    throw new ExtensionError(`the server chose the extension ${other.name}, which was not offered`);
  }
  if (extensions.length > 1) throw new ExtensionError(`the server chose ${NAME} more than once`);
  const given = new Map<string, string | null>();
  for (const [name, value] of chosen!.parameters) {
    if (given.has(name)) throw refused(`${name} is given twice`);
    given.set(name, value);
  }
  const flag = (name: string): boolean => {
    const value = given.get(name);
    given.delete(name);
    if (value !== undefined && value !== null) throw refused(`${name} takes no value, and has ${value}`);
    return value === null;
  };
  const bits = (name: string, most: number): number | undefined => {
    const value = given.get(name);
    given.delete(name);
    if (value === undefined) return undefined;
    if (value === null || !/^(?:[89]|1[0-5])$/.test(value)) {
      throw refused(`${name} must be from 8 to 15, and is ${value ?? "without a value"}`);
    }
    if (Number(value) > most) throw refused(`${name} was offered as ${most}, and is ${value}`);
    return Number(value);
  };
  const { serverMaxWindowBits: serverMost, clientMaxWindowBits: clientMost } = offer!;
  if (clientMost === null && given.has("client_max_window_bits")) {
    throw refused("client_max_window_bits was not offered");
  }
  const serverNoContextTakeover = flag("server_no_context_takeover");
  const clientNoContextTakeover = flag("client_no_context_takeover");
  const serverBits = bits("server_max_window_bits", serverMost ?? MAX_WINDOW_BITS);
  const clientLimit = typeof clientMost === "number" ? clientMost : MAX_WINDOW_BITS;
  const clientBits = bits("client_max_window_bits", clientLimit);
  const [unknown] = given.keys();
  if (unknown !== undefined) throw refused(`the parameter ${unknown} is unknown`);
  return {
    // RFC 7692 sections 7.1.1.1 and 7.1.2.1: a server that accepts a parameter repeats it. Many leave it out, because
    // they do not know it, or because it is their default. Then the server has promised nothing, and the largest window
    // is expected.
    serverNoContextTakeover,
    clientNoContextTakeover: clientNoContextTakeover || offer!.clientNoContextTakeover,
    serverMaxWindowBits: serverBits ?? MAX_WINDOW_BITS,
    // This client keeps to its own limit also if the server does not repeat it: that costs the server nothing.
    clientMaxWindowBits: clientBits ?? clientLimit,
  };
}

function refused(why: string): ExtensionError {
  return new ExtensionError(`the server's response to the offer of ${NAME} is wrong: ${why}`);
}
