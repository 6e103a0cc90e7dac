/** HTTP Digest authentication, RFC 7616: a server's challenges, and the credentials that answer one. Pure. */
import { fieldValues, type HeaderList } from "./fields.ts";

/** A challenge of `WWW-Authenticate`, RFC 9110 section 11.6.1. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Hashes as Digest needs them: bytes in, lower-case hexadecimal out. */
export type Hasher = (algorithm: "md5" | "sha256", bytes: Uint8Array) => string;

/** A token, with a value or without. Commas between challenges and between parameters are alike. */
const PART = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+)))?/y;
/** No field of challenges needs to be longer. An endless quoted string is looked through once a parameter. */
const MAX_FIELD_SIZE = 8 * 1024;

/** Reads a field value; what is not by the grammar, as another scheme's token68 may seem to be, is passed over. */
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

/** The algorithms we have, by RFC 7616's names. */
const ALGORITHMS: Readonly<Record<string, "md5" | "sha256">> = {
  "MD5": "md5",
  "MD5-SESS": "md5",
  "SHA-256": "sha256",
  "SHA-256-SESS": "sha256",
};

/** Whether we can answer a challenge: Digest, with one of our algorithms, and `auth` among its qualities of protection. */
function answerable({ scheme, parameters }: Challenge): boolean {
  return scheme === "digest" && parameters.has("realm") && parameters.has("nonce") &&
    Object.hasOwn(ALGORITHMS, (parameters.get("algorithm") ?? "MD5").toUpperCase()) &&
    (!parameters.has("qop") || qualities(parameters).includes("auth"));
}

function qualities(parameters: Challenge["parameters"]): string[] {
  return parameters.get("qop")!.split(",").map((each) => each.trim().toLowerCase());
}

/** The first Digest challenge that we can answer, as RFC 7616 section 3.7 says, or null. */
export function digestChallenge(fields: readonly string[]): Challenge | null {
  return fields.flatMap(parseChallenges).find(answerable) ?? null;
}

/** Whether a challenge says that the credentials were right and the nonce alone was too old. */
export function isStale({ parameters }: Challenge): boolean {
  return parameters.get("stale")?.toLowerCase() === "true";
}

/**
 * Returns the challenge of a 401's fields that is worth an answer, or null: the first that we can answer, but after `answered`
 * only one with a new nonce because the old one was stale. A server that calls each answer stale would have no end.
 */
export function nextChallenge(headers: HeaderList, answered: Challenge | null): Challenge | null {
  const challenge = digestChallenge(fieldValues(headers, "www-authenticate"));
  if (challenge === null || answered === null) return challenge;
  const renewed = challenge.parameters.get("nonce") !== answered.parameters.get("nonce");
  return isStale(challenge) && !isStale(answered) && renewed ? challenge : null;
}

/** Who asks, and for what. */
export interface DigestRequest {
  readonly username: string;
  readonly password: string;
  readonly method: string;
  /** The request's target, as it stands in the request line. */
  readonly uri: string;
  /** The client's nonce. */
  readonly cnonce: string;
}

/** The value of Authorization that answers a challenge of {@linkcode digestChallenge}, for the first time. */
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
  // Without qop it is RFC 2069's, which RFC 2617 keeps for older servers.
  const response = parameters.has("qop")
    ? hash(`${a1}:${nonce}:${nc}:${cnonce}:auth:${a2}`)
    : hash(`${a1}:${nonce}:${a2}`);
  const fields: string[] = [];
  const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
  // RFC 7616 section 3.4.4: the name may go hashed.
  const userhash = parameters.get("userhash")?.toLowerCase() === "true";
  if (userhash) fields.push(`username=${quote(hash(`${name}:${realm}`))}`);
  // A server that does not speak of UTF-8 gets its octets as they are, as from curl and browsers.
  else if (!utf8 || isAscii(username)) fields.push(`username=${quote(name)}`);
  // RFC 8187.
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

/** The octets of text in UTF-8, as characters: what curl and browsers hash, whether the server names a charset or not. */
function octets(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
