/** Gives a handle the parts of a ClientHello that were asked for, and compares what it sent with them. */
import { CurlWebSocketError } from "../errors.ts";
import type { Fingerprint } from "../options/fingerprint.ts";
import {
  CIPHERS,
  COMPRESSIONS,
  EXTENSION,
  GROUPS,
  shownCipher,
  shownExtension,
  shownGroup,
  shownSignature,
} from "../options/tls_names.ts";
import { type Pointer, toCString } from "../platform/ffi.ts";
import {
  ciphersOf,
  type ClientHello,
  compressionsOf,
  delegatedOf,
  extensionsOf,
  groupsOf,
  hasGrease,
  keySharesOf,
  recordSizeLimitOf,
  signaturesOf,
} from "./client_hello.ts";
import * as C from "./constants.ts";
import type { Curl } from "./library.ts";
import { numberIn } from "./own_options.ts";

/** Options of libcurl by name: a number, text, or null for none. */
type Values = Readonly<Record<string, number | string | null>>;

/**
 * Sets the parts. Call it after the base was applied. A part that the library has no option for, as 7.84 has none for the
 * order of extensions, may be right all the same: {@linkcode differences} says whether it is.
 *
 * @throws {CurlWebSocketError} `ERR_IMPERSONATE` if libcurl refuses a part
 */
export function setFingerprint(curl: Curl, easy: Pointer, fingerprint: Fingerprint): void {
  const values: Values = { ...ofJa3(fingerprint), ...ofParts(fingerprint) };
  for (const [name, value] of Object.entries(values)) {
    const number = numberIn(curl, name);
    if (number === null) continue;
    const code = typeof value === "number"
      ? curl.setLong(easy, number, value)
      : value === null
      ? curl.setPointer(easy, number, null)
      : curl.setBuffer(easy, number, toCString(value));
    if (code === C.CURLE_OK) continue;
    const curlMessage = curl.message(code);
    const message = `impersonate: libcurl-impersonate ${curl.info.version} refuses ${JSON.stringify(value)} ` +
      `for CURLOPT_${name}: ${curlMessage} (curl ${code})`;
    throw new CurlWebSocketError("ERR_IMPERSONATE", message, { curlCode: code, curlMessage });
  }
}

/** CURL_SSLVERSION_TLSv1_2 and _TLSv1_3; _MAX_TLSv1_2 and _MAX_DEFAULT. */
const TLS_1_2 = 6, TLS_1_3 = 7, AT_MOST_1_2 = 6 << 16, AT_MOST_NEWEST = 1 << 16;
/** BoringSSL refuses a list without one of TLS 1.2, also if that is not offered. */
const NOT_OFFERED = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

/** What JA3 lists is what is sent: every other extension is turned off, also of the base's. */
function ofJa3({ ja3, permuteExtensions }: Fingerprint): Values {
  if (ja3 === null) return {};
  const { ciphers, extensions, groups } = ja3;
  const has = (extension: number) => extensions.includes(extension),
    flag = (extension: number) => has(extension) ? 1 : 0;
  const needsOld = ciphers.some((cipher) => cipher >> 8 !== 0x13),
    names = ciphers.map((cipher) => CIPHERS.get(cipher)!);
  const absent = (extension: number, option: string, none: number | string | null) =>
    has(extension) ? {} : { [option]: none };
  return {
    SSLVERSION: has(EXTENSION.supportedVersions)
      ? (needsOld ? TLS_1_2 : TLS_1_3) + AT_MOST_NEWEST
      : TLS_1_2 + AT_MOST_1_2,
    SSL_CIPHER_LIST: [...names, ...needsOld ? [] : [NOT_OFFERED]].join(":"),
    SSL_EC_CURVES: groups.map((group) => GROUPS.get(group)!).join(":"),
    // A draft from before ALPN, which 7.84 sends by default, and later ones cannot.
    SSL_ENABLE_NPN: 0,
    SSL_ENABLE_ALPN: flag(EXTENSION.alpn),
    SSL_ENABLE_TICKET: flag(EXTENSION.sessionTicket),
    TLS_STATUS_REQUEST: flag(EXTENSION.statusRequest),
    TLS_SIGNED_CERT_TIMESTAMPS: flag(EXTENSION.signedCertificateTimestamp),
    ECH: has(EXTENSION.encryptedClientHello) ? "grease" : "false",
    ...absent(EXTENSION.compressCertificate, "SSL_CERT_COMPRESSION", ""),
    ...absent(EXTENSION.recordSizeLimit, "TLS_RECORD_SIZE_LIMIT", 0),
    ...absent(EXTENSION.delegatedCredential, "TLS_DELEGATED_CREDENTIALS", null),
    SSL_PERMUTE_EXTENSIONS: 0,
    // An order goes before a permutation.
    TLS_EXTENSION_ORDER: permuteExtensions === true ? null : extensions.join("-"),
  };
}

function ofParts(fingerprint: Fingerprint): Values {
  const values: Record<string, number | string | null> = {};
  const { signatureAlgorithms, certificateCompression, delegatedCredentials, recordSizeLimit, keyShares } = fingerprint;
  const { grease, permuteExtensions } = fingerprint;
  if (signatureAlgorithms !== null) values.SSL_SIG_HASH_ALGS = signatureAlgorithms.join();
  if (certificateCompression !== null) values.SSL_CERT_COMPRESSION = certificateCompression.join();
  if (delegatedCredentials !== null) {
    values.TLS_DELEGATED_CREDENTIALS = delegatedCredentials.length === 0 ? null : delegatedCredentials.join(":");
  }
  if (recordSizeLimit !== null) values.TLS_RECORD_SIZE_LIMIT = recordSizeLimit;
  if (keyShares !== null) values.TLS_KEY_SHARES_LIMIT = keyShares;
  if (grease !== null) values.TLS_GREASE = grease ? 1 : 0;
  if (permuteExtensions !== null) values.SSL_PERMUTE_EXTENSIONS = permuteExtensions ? 1 : 0;
  if (permuteExtensions === true) values.TLS_EXTENSION_ORDER = null;
  return values;
}

/** What is there by itself, whatever was asked for: a resumed session, and padding, which depends on the length. */
const BY_ITSELF: readonly number[] = [EXTENSION.preSharedKey, EXTENSION.padding];

/** Returns how a ClientHello differs from what was asked for, in words; empty if it does not. */
export function differences(hello: ClientHello, fingerprint: Fingerprint, host: string): string[] {
  const { ja3, signatureAlgorithms, certificateCompression, delegatedCredentials, permuteExtensions } = fingerprint;
  const found: string[] = [];
  const compare = (what: string, wanted: readonly unknown[], sent: readonly unknown[]) =>
    found.push(...listDifferences(what, wanted, sent));
  if (ja3 !== null) {
    if (hello.version !== 771) found.push(`its version is ${hello.version}`);
    compare("cipher", ja3.ciphers.map(shownCipher), ciphersOf(hello).map(shownCipher));
    const inOrder = (list: number[]) => permuteExtensions === true ? list.toSorted((a, b) => a - b) : list;
    const extensions = ja3.extensions.filter((id) => id !== EXTENSION.serverName || !isAddress(host));
    const sent = extensionsOf(hello).filter((id) => !BY_ITSELF.includes(id));
    compare("extension", inOrder(extensions).map(shownExtension), inOrder(sent).map(shownExtension));
    compare("group", ja3.groups.map(shownGroup), groupsOf(hello).map(shownGroup));
  }
  if (signatureAlgorithms !== null) {
    compare("signature algorithm", signatureAlgorithms, (signaturesOf(hello) ?? []).map(shownSignature));
  }
  if (certificateCompression !== null) {
    const sent = (compressionsOf(hello) ?? []).map((id) => COMPRESSIONS.get(id) ?? id);
    compare("certificate compression", certificateCompression, sent);
  }
  if (delegatedCredentials !== null) {
    const sent = (delegatedOf(hello) ?? []).map(shownSignature);
    compare("signature algorithm of delegated_credential", delegatedCredentials, sent);
  }
  return [...found, ...numberDifferences(hello, fingerprint)];
}

function numberDifferences(hello: ClientHello, { recordSizeLimit, keyShares, grease }: Fingerprint): string[] {
  const found: string[] = [];
  const limit = recordSizeLimitOf(hello) ?? 0, shares = keySharesOf(hello).length;
  if (recordSizeLimit !== null && limit !== recordSizeLimit) {
    found.push(`its record_size_limit is ${limit || "not there"}, not ${recordSizeLimit || "left out"}`);
  }
  if (keyShares !== null && shares !== keyShares) found.push(`it has ${shares} key shares, not ${keyShares}`);
  if (grease !== null && hasGrease(hello) !== grease) found.push(grease ? "it has no GREASE" : "it has GREASE");
  return found;
}

function listDifferences(what: string, wanted: readonly unknown[], sent: readonly unknown[]): string[] {
  const missing = wanted.filter((each) => !sent.includes(each)), more = sent.filter((each) => !wanted.includes(each));
  const found: string[] = [];
  const named = (list: readonly unknown[]) => `the ${what}${list.length === 1 ? "" : "s"} ${list.join(", ")}`;
  if (missing.length > 0) found.push(`it lacks ${named(missing)}`);
  if (more.length > 0) found.push(`it has also ${named(more)}`);
  if (found.length === 0 && wanted.join() !== sent.join()) {
    found.push(`its ${what}s are in the order ${sent.join(", ")}`);
  }
  return found;
}

/** Whether a host is an address, for which no `server_name` is sent. */
function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d+(?:\.\d+){3}$/.test(host);
}

/** What every libcurl-impersonate can offer. */
const EVERYWHERE: readonly number[] = [23, 24, 25, 29];

/** What libcurl says when its TLS library does not take a part. */
const PARTS =
  /^(?:failed setting |Invalid |Bad |Unknown |Error adding )(?:the )?(?:default )?(?:cipher|signature|TLS extension|compression|certificate compression)/i;

/** Returns what libcurl's words say of a part that its TLS library does not know; null if they are about something else. */
export function refusedPart({ ja3 }: Fingerprint, words: string): string | null {
  const change = "change it, or use another release of libcurl-impersonate";
  if (/^failed setting curves/i.test(words)) {
    const groups = (ja3?.groups ?? []).filter((group) => !EVERYWHERE.includes(group)).map(shownGroup);
    return `impersonate: this libcurl-impersonate cannot offer one of the groups ${groups.join(", ")}; ${change}`;
  }
  if (!PARTS.test(words)) return null;
  return `impersonate: this libcurl-impersonate cannot send a part that was asked for; ${change}`;
}

/** Returns the error for a ClientHello that is not the one that was asked for. */
export function unlike(curl: Curl, found: readonly string[]): CurlWebSocketError {
  return new CurlWebSocketError(
    "ERR_IMPERSONATE",
    `impersonate: the ClientHello of libcurl-impersonate ${curl.info.version} is not the one that was asked for: ` +
      `${found.join("; ")}; change these parts, or use another release. No request was sent`,
  );
}
