/** HTTP Digest authentication, RFC 7616: a server's challenges, and the credentials for one of them. Pure. */
import { fieldValues, type HeaderList } from "./fields.ts";

/** A challenge of `WWW-Authenticate`, RFC 9110 section 11.6.1. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Returns the digest of bytes in lower-case hexadecimal. */
export type Hasher = (algorithm: "md5" | "sha256", bytes: Uint8Array) => string;

/** A token, with a value or without. Commas separate challenges and parameters alike. */
const PART = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+)))?/y;
/**
 * The longest field that is read, in characters: challenges need less, and an unclosed quote makes reading quadratic.
 */
const MAX_FIELD_SIZE = 8 * 1024;

/**
 * Returns the challenges of a field value. What breaks the grammar, as another scheme's token68 may seem to, is
 * skipped.
 */
export function parseChallenges(text: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  if (text.length > MAX_FIELD_SIZE) return challenges;
  for (let at = 0; at < text.length;) {
    if (" \t,".includes(text[at]!)) {
      at++;
      continue;
    }
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) {
      const comma = text.indexOf(",", at);
      if (comma < 0) break;
      at = comma;
      continue;
    }
    at = PART.lastIndex;
    const [, name, quoted, token] = match;
    const value = quoted?.replace(/\\(.)/g, "$1") ?? token;
    if (value === undefined) challenges.push({ scheme: name!.toLowerCase(), parameters: new Map() });
    else challenges.at(-1)?.parameters.set(name!.toLowerCase(), value);
  }
  return challenges;
}

/** The algorithms, by RFC 7616's names. */
const ALGORITHMS: Readonly<Record<string, "md5" | "sha256">> = {
  "MD5": "md5",
  "MD5-SESS": "md5",
  "SHA-256": "sha256",
  "SHA-256-SESS": "sha256",
};

/** Returns whether there can be credentials for a challenge: Digest, a known algorithm, and `auth` if it has `qop`. */
function isSupported({ scheme, parameters }: Challenge): boolean {
  return scheme === "digest" && parameters.has("realm") && parameters.has("nonce") &&
    Object.hasOwn(ALGORITHMS, (parameters.get("algorithm") ?? "MD5").toUpperCase()) &&
    (!parameters.has("qop") || qualities(parameters).includes("auth"));
}

function qualities(parameters: Challenge["parameters"]): string[] {
  return parameters.get("qop")!.split(",").map((each) => each.trim().toLowerCase());
}

/** Returns the first Digest challenge that is supported, as RFC 7616 section 3.7 says, or null. */
export function digestChallenge(fields: readonly string[]): Challenge | null {
  return fields.flatMap(parseChallenges).find(isSupported) ?? null;
}

/** Returns whether a challenge says that the credentials were right, and only the nonce was too old. */
export function isStale({ parameters }: Challenge): boolean {
  return parameters.get("stale")?.toLowerCase() === "true";
}

/**
 * Returns the challenge of a 401's fields for which a request is to be sent, or null. It is the first that is
 * supported; if credentials for `before` were sent, only one that calls its nonce stale and has a new one. A server
 * that calls every nonce stale is given up after one.
 */
export function nextChallenge(headers: HeaderList, before: Challenge | null): Challenge | null {
  const challenge = digestChallenge(fieldValues(headers, "www-authenticate"));
  if (challenge === null || before === null) return challenge;
  const renewed = challenge.parameters.get("nonce") !== before.parameters.get("nonce");
  return isStale(challenge) && !isStale(before) && renewed ? challenge : null;
}

/** The request that the credentials are for, and whose they are. */
export interface DigestRequest {
  readonly username: string;
  readonly password: string;
  readonly method: string;
  /** The request's target, as it stands in the request line. */
  readonly uri: string;
  /** The client's nonce: random text. */
  readonly cnonce: string;
}

/**
 * Returns the value of Authorization for a challenge of {@linkcode digestChallenge}; its nonce must not have been used.
 */
export function digestCredentials({ parameters }: Challenge, request: DigestRequest, hasher: Hasher): string {
  const { method, uri, cnonce } = request;
  const utf8 = parameters.get("charset")?.toUpperCase() === "UTF-8";
  const username = utf8 ? request.username.normalize("NFC") : request.username;
  const name = octets(username);
  const password = octets(utf8 ? request.password.normalize("NFC") : request.password);
  const realm = parameters.get("realm")!, nonce = parameters.get("nonce")!;
  const algorithm = parameters.get("algorithm");
  const kind = (algorithm ?? "MD5").toUpperCase();
  const session = kind.endsWith("-SESS");
  const hash = (text: string) => hasher(ALGORITHMS[kind]!, Uint8Array.from(text, (char) => char.charCodeAt(0)));
  const user = hash(`${name}:${realm}:${password}`);
  const a1 = session ? hash(`${user}:${nonce}:${cnonce}`) : user;
  const a2 = hash(`${method}:${uri}`);
  const nc = "00000001";
  // Without qop, the response is RFC 2069's, which RFC 2617 keeps for older servers.
  const response = parameters.has("qop")
    ? hash(`${a1}:${nonce}:${nc}:${cnonce}:auth:${a2}`)
    : hash(`${a1}:${nonce}:${a2}`);
  const fields: string[] = [];
  const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
  // RFC 7616 section 3.4.4: the name may be hashed.
  const userhash = parameters.get("userhash")?.toLowerCase() === "true";
  if (userhash) fields.push(`username=${quote(hash(`${name}:${realm}`))}`);
  // A server that does not ask for UTF-8 gets the octets of UTF-8 as they are, as from curl and browsers.
  else if (!utf8 || isAscii(username)) fields.push(`username=${quote(name)}`);
  // RFC 8187 section 3.2.
  else fields.push(`username*=UTF-8''${percentEncode(username)}`);
  fields.push(`realm=${quote(realm)}`, `nonce=${quote(nonce)}`, `uri=${quote(uri)}`);
  if (algorithm !== undefined) fields.push(`algorithm=${algorithm}`);
  fields.push(`response="${response}"`);
  const opaque = parameters.get("opaque");
  if (opaque !== undefined) fields.push(`opaque=${quote(opaque)}`);
  if (parameters.has("qop")) fields.push("qop=auth", `nc=${nc}`);
  if (parameters.has("qop") || session) fields.push(`cnonce=${quote(cnonce)}`);
  if (userhash) fields.push("userhash=true");
  return `Digest ${fields.join(", ")}`;
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * Returns the octets of text in UTF-8, as characters: curl and browsers hash these, whatever charset the server names.
 */
function octets(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
