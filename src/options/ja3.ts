/** JA3: a ClientHello as text, which says what is in it and in which order. */
import { CIPHERS, EXTENSION, GROUPS, isGrease, shownCipher, shownExtension } from "./tls_names.ts";

/** A JA3 whose parts libcurl-impersonate can send, as far as that is known before it is loaded. */
export interface Ja3 {
  readonly ciphers: readonly number[];
  /** Without `padding`, which depends on the length of the rest. */
  readonly extensions: readonly number[];
  readonly groups: readonly number[];
}

/** TLS 1.2: what also a client of TLS 1.3 says its version is. */
const LEGACY_VERSION = 771;

/** Why an extension is never sent, with what to do. */
const NEVER: ReadonlyMap<number, string> = new Map([
  [EXTENSION.oldAlps, "belongs to HTTP/2: a browser sends it for pages, and not for wss; take it out"],
  [EXTENSION.alps, "belongs to HTTP/2: a browser sends it for pages, and not for wss; take it out"],
  [EXTENSION.preSharedKey, "is there when a session is resumed, and then sent by itself; take it out"],
  [42, "would send early data, which curlws never does; take it out"],
  [44, "is what a server asks for in a second ClientHello; take it out"],
  [57, "belongs to HTTP/3; take it out"],
]);
/** Those that BoringSSL can send to a server over TCP. */
const SENDABLE: readonly number[] = [
  ...[0, 5, 10, 11, 13, 16, 18, 21, 23, 27, 28, 34, 35, 43, 45, 51, 51764, 65037, 65281],
];

/**
 * Reads a JA3: version, ciphers, extensions, groups and point formats as decimal numbers.
 *
 * @throws {TypeError} that names the part which is none, or which libcurl-impersonate cannot send
 */
export function parseJa3(text: string): Ja3 {
  if (/^[\da-f]{32}$/i.test(text)) {
    throw new TypeError(
      "impersonate.ja3 is an MD5, from which no ClientHello can be made; give the text that was hashed",
    );
  }
  const fields = text.split(",");
  if (fields.length !== 5) {
    throw new TypeError(
      "impersonate.ja3 must have five fields, as in 771,4865-4866,0-23-10,29-23,0, " +
        `and has ${fields.length}`,
    );
  }
  const [version, ciphers, extensions, groups, formats] = fields.map(numbers);
  if (version!.join() !== String(LEGACY_VERSION)) {
    throw new TypeError(
      `impersonate.ja3: the version must be ${LEGACY_VERSION}, which TLS 1.2 and 1.3 send, and is ${version}; ` +
        "give tls.maxVersion without ja3 for an older one",
    );
  }
  unique("cipher", ciphers!);
  unique("extension", extensions!);
  unique("group", groups!);
  for (const cipher of ciphers!) {
    if (CIPHERS.has(cipher)) continue;
    throw new TypeError(
      `impersonate.ja3: libcurl-impersonate cannot offer the cipher ${shownCipher(cipher)}; take it out`,
    );
  }
  for (const extension of extensions!) checkExtension(extension);
  for (const group of groups!) {
    if (GROUPS.has(group)) continue;
    throw new TypeError(`impersonate.ja3: libcurl-impersonate cannot offer the group ${group}; take it out`);
  }
  if (ciphers!.length === 0) throw new TypeError("impersonate.ja3 has no cipher: its second field is empty");
  if (groups!.length === 0) throw new TypeError("impersonate.ja3 has no group: its fourth field is empty");
  checkFormats(formats!, extensions!);
  const padding = extensions!.indexOf(EXTENSION.padding);
  if (padding >= 0 && padding !== extensions!.length - 1) {
    throw new TypeError(
      `impersonate.ja3: libcurl-impersonate sends the extension ${
        shownExtension(EXTENSION.padding)
      } as the last one only`,
    );
  }
  return {
    ciphers: ciphers!,
    extensions: extensions!.filter((extension) => extension !== EXTENSION.padding),
    groups: groups!,
  };
}

function numbers(field: string): number[] {
  if (field === "") return [];
  return field.split("-").map((text) => {
    const number = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
    if (!(number <= 0xffff)) {
      throw new TypeError(`impersonate.ja3: ${JSON.stringify(text)} is no number from 0 to 65535`);
    }
    if (isGrease(number)) {
      throw new TypeError(
        `impersonate.ja3: ${number} is GREASE, which JA3 leaves out; take it out, and give grease: true`,
      );
    }
    return number;
  });
}

function unique(what: string, list: readonly number[]): void {
  const twice = list.find((number, index) => list.indexOf(number) !== index);
  if (twice !== undefined) throw new TypeError(`impersonate.ja3: the ${what} ${twice} is there twice`);
}

/** BoringSSL knows uncompressed points alone. Without the extension there is no list. */
function checkFormats(formats: readonly number[], extensions: readonly number[]): void {
  const text = formats.join("-"), listed = extensions.includes(EXTENSION.pointFormats);
  if (text === (listed ? "0" : "")) return;
  throw new TypeError(
    listed
      ? `impersonate.ja3: the point formats, its fifth field, can only be 0 (uncompressed), not "${text}"`
      : `impersonate.ja3 has point formats, its fifth field, without the extension ${
        shownExtension(EXTENSION.pointFormats)
      }`,
  );
}

function checkExtension(extension: number): void {
  const why = NEVER.get(extension);
  if (why !== undefined) throw new TypeError(`impersonate.ja3: the extension ${shownExtension(extension)} ${why}`);
  if (SENDABLE.includes(extension)) return;
  throw new TypeError(
    `impersonate.ja3: libcurl-impersonate cannot send the extension ${shownExtension(extension)}; take it out`,
  );
}
