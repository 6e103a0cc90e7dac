/** Reads a ClientHello, RFC 8446 section 4.1.2. Pure. */
import { EXTENSION, isGrease } from "../options/tls_names.ts";

/** One extension, with GREASE among them. */
export interface Extension {
  readonly id: number;
  readonly data: Uint8Array;
}

/** What a client says first. All lists are as sent, with GREASE. */
export interface ClientHello {
  /** `legacy_version`: 771 for TLS 1.2 and 1.3. */
  readonly version: number;
  readonly ciphers: readonly number[];
  readonly extensions: readonly Extension[];
}

const CLIENT_HELLO = 1;

/** Returns what a handshake message says, from its type on; null if it is no whole ClientHello. */
export function readClientHello(message: Uint8Array): ClientHello | null {
  const reader = new Reader(message);
  try {
    if (reader.number(1) !== CLIENT_HELLO) return null;
    const body = new Reader(reader.bytes(reader.number(3)));
    const version = body.number(2);
    // random, legacy_session_id
    body.bytes(32);
    body.bytes(body.number(1));
    const ciphers = numbers(body.bytes(body.number(2)));
    // legacy_compression_methods
    body.bytes(body.number(1));
    const extensions: Extension[] = [];
    const rest = new Reader(body.isAtEnd ? new Uint8Array(0) : body.bytes(body.number(2)));
    while (!rest.isAtEnd) extensions.push({ id: rest.number(2), data: rest.bytes(rest.number(2)) });
    return { version, ciphers, extensions };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

class Reader {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#data.length;
  }

  /** @throws {RangeError} if there are fewer */
  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#data.length) throw new RangeError("it ends too early");
    return this.#data.subarray(this.#at, this.#at += length);
  }

  number(length: number): number {
    return this.bytes(length).reduce((value, octet) => value * 256 + octet, 0);
  }
}

/** Numbers of two octets. */
function numbers(data: Uint8Array): number[] {
  const reader = new Reader(data), list: number[] = [];
  while (!reader.isAtEnd) list.push(reader.number(2));
  return list;
}

/** Returns the data of an extension; null if it is not there. */
function dataOf({ extensions }: ClientHello, id: number): Uint8Array | null {
  return extensions.find((extension) => extension.id === id)?.data ?? null;
}

/** Returns the list of numbers that an extension has, behind its length of `prefix` octets; null without the extension. */
function listOf(hello: ClientHello, id: number, prefix: 1 | 2): number[] | null {
  const data = dataOf(hello, id);
  return data === null ? null : numbers(data.subarray(prefix));
}

const meant = (list: readonly number[]): number[] => list.filter((number) => !isGrease(number));

/** The ciphers, without GREASE. */
export const ciphersOf = (hello: ClientHello): number[] => meant(hello.ciphers);
/** The extensions' numbers, without GREASE. */
export const extensionsOf = (hello: ClientHello): number[] => meant(hello.extensions.map(({ id }) => id));
/** The groups, without GREASE. */
export const groupsOf = (hello: ClientHello): number[] => meant(listOf(hello, EXTENSION.supportedGroups, 2) ?? []);
/** The signature algorithms; null without the extension. */
export const signaturesOf = (hello: ClientHello): number[] | null => listOf(hello, EXTENSION.signatureAlgorithms, 2);
/** Those for delegated credentials; null without the extension. */
export const delegatedOf = (hello: ClientHello): number[] | null => listOf(hello, EXTENSION.delegatedCredential, 2);
/** How a certificate may be compressed; null without the extension. */
export const compressionsOf = (hello: ClientHello): number[] | null => listOf(hello, EXTENSION.compressCertificate, 1);
/** The versions of TLS, without GREASE; null without the extension. */
export function versionsOf(hello: ClientHello): number[] | null {
  const list = listOf(hello, EXTENSION.supportedVersions, 1);
  return list === null ? null : meant(list);
}
/** The value of `record_size_limit`; null without the extension. */
export const recordSizeLimitOf = (hello: ClientHello): number | null =>
  numbers(dataOf(hello, EXTENSION.recordSizeLimit) ?? new Uint8Array(0))[0] ?? null;
/** Whether there is GREASE among the ciphers, or the extensions. */
export const hasGrease = ({ ciphers, extensions }: ClientHello): boolean =>
  ciphers.some(isGrease) || extensions.some(({ id }) => isGrease(id));

/** The groups that a key is sent for, without GREASE. */
export function keySharesOf(hello: ClientHello): number[] {
  const reader = new Reader((dataOf(hello, EXTENSION.keyShare) ?? new Uint8Array(2)).subarray(2)), list: number[] = [];
  while (!reader.isAtEnd) {
    list.push(reader.number(2));
    reader.bytes(reader.number(2));
  }
  return meant(list);
}

/** The protocols of ALPN, as Latin-1. */
export function alpnOf(hello: ClientHello): string[] {
  const reader = new Reader((dataOf(hello, EXTENSION.alpn) ?? new Uint8Array(2)).subarray(2)), list: string[] = [];
  while (!reader.isAtEnd) list.push(String.fromCharCode(...reader.bytes(reader.number(1))));
  return list;
}

/** Returns JA3's text: version, ciphers, extensions, groups and point formats, in their order. */
export function ja3Of(hello: ClientHello): string {
  const formats = (dataOf(hello, EXTENSION.pointFormats) ?? new Uint8Array(1)).subarray(1);
  return [[hello.version], ciphersOf(hello), extensionsOf(hello), groupsOf(hello), [...formats]]
    .map((list) => list.join("-")).join();
}
