/** The option `impersonate`: a browser's name, or a ClientHello by its parts. */
import { BARE_NAMES, BROWSERS, browsersNamed } from "../handshake/browsers.ts";
import { type Ja3, parseJa3 } from "./ja3.ts";
import { COMPRESSIONS, EXTENSION, shownExtension, SIGNATURE_ALGORITHMS } from "./tls_names.ts";
import { checkNames, flagOf, numberOf, textOf } from "./validate.ts";

/** How a server may compress its certificate, RFC 8879. */
export type CertificateCompression = "zlib" | "brotli" | "zstd";

/**
 * A ClientHello by its parts. What is not given is the base's, or without one libcurl-impersonate's own.
 *
 * Nothing is left out in silence. What no libcurl-impersonate can send is a `TypeError` from the constructor, which names
 * the cipher, extension or group and says what to do. What the loaded one cannot is `ERR_IMPERSONATE`: the ClientHello of
 * each connection is compared with what was asked for, and if it differs no request is sent.
 */
export interface ImpersonateOptions {
  /**
   * The browser to begin with, by its name: its request, and its ClientHello where nothing else is given. Without it,
   * the request is that of a client which is no browser.
   */
  base?: string;
  /**
   * Version, ciphers, extensions, groups and point formats: `"771,4865-…,0-23-…,29-23-24,0"`, the text of JA3 and not its
   * MD5. Those of a `wss:` connection: a page's ClientHello has ALPS too (17513 or 17613), which is an error here.
   *
   * `padding` (21) is sent if the rest has 256 to 511 bytes, as browsers do, whatever JA3 says; a resumed session adds
   * `pre_shared_key` (41); `server_name` (0) is not sent if the host is an address.
   */
  ja3?: string;
  /** Signature algorithms in their order, by the names of RFC 8446: `["ecdsa_secp256r1_sha256", …]`. */
  signatureAlgorithms?: readonly string[];
  /** How a certificate may be compressed, in this order; empty for not at all. */
  certificateCompression?: readonly CertificateCompression[];
  /** The signature algorithms of the extension `delegated_credential`, which Firefox sends; empty for no extension. */
  delegatedCredentials?: readonly string[];
  /** The value of `record_size_limit`, 64 to 16,385, which Firefox sends; 0 for no extension. */
  recordSizeLimit?: number;
  /** For how many of the groups a key is sent, 1 to 3: for the first ones. */
  keyShares?: number;
  /** Whether values that mean nothing are put in at random places, RFC 8701, as Chromium and Safari do. */
  grease?: boolean;
  /** Whether the extensions come in another order each time, as Chrome's do since 110; default false with `ja3`. */
  permuteExtensions?: boolean;
}

/** The checked parts of a ClientHello; null for what is the base's. */
export interface Fingerprint {
  readonly ja3: Ja3 | null;
  readonly signatureAlgorithms: readonly string[] | null;
  readonly certificateCompression: readonly string[] | null;
  readonly delegatedCredentials: readonly string[] | null;
  readonly recordSizeLimit: number | null;
  readonly keyShares: number | null;
  readonly grease: boolean | null;
  readonly permuteExtensions: boolean | null;
}

/** What the option asks for. */
export interface Impersonation {
  /** A target, or a bare name, of `browsers.ts`; null for none. */
  readonly impersonate: string | null;
  /** What differs from that browser's ClientHello; null if nothing does. */
  readonly fingerprint: Fingerprint | null;
}

const PARTS = [
  "ja3",
  "signatureAlgorithms",
  "certificateCompression",
  "delegatedCredentials",
  "recordSizeLimit",
  "keyShares",
  "grease",
  "permuteExtensions",
] as const;

/** Who comes from curl_cffi has these, which describe the HTTP of pages. */
const OTHERS: Readonly<Record<string, string>> = {
  akamai: "describes HTTP/2, and a WebSocket begins with HTTP/1.1",
  perk: "describes HTTP/3, and a WebSocket begins with HTTP/1.1",
  ja4: "has digests, from which no ClientHello can be made; give ja3 and signatureAlgorithms",
};

/**
 * Checks the option.
 *
 * @throws {TypeError | RangeError} that names the part
 */
export function impersonation(given: string | ImpersonateOptions | undefined): Impersonation {
  if (given === undefined) return { impersonate: null, fingerprint: null };
  if (typeof given !== "object" || given === null) {
    return { impersonate: browserName("impersonate", given), fingerprint: null };
  }
  const other = Object.keys(given).find((name) => Object.hasOwn(OTHERS, name));
  if (other !== undefined) throw new TypeError(`impersonate.${other} ${OTHERS[other]}`);
  checkNames("impersonate option", given, ["base", ...PARTS]);
  const base = given.base === undefined ? null : browserName("impersonate.base", given.base);
  if (PARTS.every((part) => given[part] === undefined)) {
    if (base !== null) return { impersonate: base, fingerprint: null };
    throw new TypeError(`impersonate must have a base or a part of a ClientHello: ${PARTS.join(", ")}`);
  }
  return { impersonate: base, fingerprint: fingerprint(given, base) };
}

function browserName(what: string, name: unknown): string {
  const text = textOf(what, name, "the name of a browser")!;
  if (browsersNamed(text).length > 0) return text;
  const targets = BROWSERS.map(({ target }) => target).join(", ");
  throw new TypeError(`${what}: ${JSON.stringify(text)} is unknown; known are ${BARE_NAMES.join(", ")}, ${targets}`);
}

function fingerprint(given: ImpersonateOptions, base: string | null): Fingerprint {
  const { recordSizeLimit, keyShares, grease, permuteExtensions } = given;
  const text = textOf("impersonate.ja3", given.ja3, "the text of JA3");
  if (recordSizeLimit !== undefined && recordSizeLimit !== 0) {
    // RFC 8449 section 4: at least 64, and with TLS 1.3 at most 2^14 + 1.
    numberOf("impersonate.recordSizeLimit", recordSizeLimit, 64, 16_385, true);
  }
  if (keyShares !== undefined) numberOf("impersonate.keyShares", keyShares, 1, 3, true);
  const made: Fingerprint = {
    ja3: text === undefined ? null : parseJa3(text),
    signatureAlgorithms: names("signatureAlgorithms", given, SIGNATURE_ALGORITHMS),
    certificateCompression: names("certificateCompression", given, COMPRESSIONS),
    delegatedCredentials: names("delegatedCredentials", given, SIGNATURE_ALGORITHMS),
    recordSizeLimit: recordSizeLimit ?? null,
    keyShares: keyShares ?? null,
    grease: grease === undefined ? null : flagOf("impersonate.grease", grease, false),
    permuteExtensions: permuteExtensions === undefined
      ? null
      : flagOf("impersonate.permuteExtensions", permuteExtensions, false),
  };
  if (made.signatureAlgorithms?.length === 0) {
    throw new TypeError("impersonate.signatureAlgorithms must not be empty: no server could sign anything");
  }
  if (made.ja3 !== null) checkValues(made, made.ja3, base);
  return made;
}

/** What JA3 says is there, and an option has the value of: whether both say the same. */
function checkValues(made: Fingerprint, { extensions }: Ja3, base: string | null): void {
  for (
    const [extension, option, example] of [
      [EXTENSION.compressCertificate, "certificateCompression", 'Chrome has ["brotli"]'],
      [EXTENSION.recordSizeLimit, "recordSizeLimit", "Firefox has 16385"],
      [EXTENSION.delegatedCredential, "delegatedCredentials", 'Firefox has ["ecdsa_secp256r1_sha256", …]'],
    ] as const
  ) {
    const value = made[option], listed = extensions.includes(extension);
    const given = typeof value === "number" ? value > 0 : value !== null && value.length > 0;
    const name = shownExtension(extension);
    if (listed && value === null && base === null) {
      throw new TypeError(
        `impersonate.ja3 has the extension ${name}, whose value it does not tell: give impersonate.${option} (${example})`,
      );
    }
    if (listed && value !== null && !given) {
      throw new TypeError(`impersonate.ja3 has the extension ${name}, and ${option} is to send none`);
    }
    if (!listed && given) {
      throw new TypeError(`impersonate.${option} needs the extension ${name} in ja3`);
    }
  }
}

/** Checks a list of names. */
function names(
  option: "signatureAlgorithms" | "certificateCompression" | "delegatedCredentials",
  given: ImpersonateOptions,
  known: ReadonlyMap<number, string>,
): readonly string[] | null {
  const list: unknown = given[option];
  if (list === undefined) return null;
  if (!Array.isArray(list)) throw new TypeError(`impersonate.${option} must be a list of names, not ${typeof list}`);
  const all = [...known.values()];
  for (const name of list) {
    if (all.includes(name)) continue;
    throw new TypeError(`impersonate.${option}: ${JSON.stringify(name)} is unknown; known are ${all.join(", ")}`);
  }
  return [...list];
}
