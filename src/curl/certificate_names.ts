/** Certificates in PEM, and the hash of a subject by which OpenSSL and its forks look a CA up in a hashed directory. */
import { runtime } from "../platform/runtime.ts";

/** What a text has between lines of PEM. */
export interface PemContent {
  /** The base64 of each certificate, without white space. */
  readonly certificates: readonly string[];
  /** Whether all of it are plain certificates, none of which is cut off: no keys, CRLs or "TRUSTED CERTIFICATE". */
  readonly plain: boolean;
}

/** Returns what a text in PEM has; text between the blocks is a comment. */
export function pemContent(text: string): PemContent {
  const certificates: string[] = [];
  for (const [, body] of text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z\d+/=\s]*)-----END CERTIFICATE-----/g)) {
    certificates.push(body!.replaceAll(/\s+/g, ""));
  }
  return { certificates, plain: text.split("-----BEGIN ").length === certificates.length + 1 };
}

/** One element of DER: where its contents begin, and end. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

function elementAt(der: Uint8Array, at: number): Element {
  let start = at + 2, length = der[at + 1] ?? NaN;
  if (length >= 0x80) {
    const count = length & 0x7f;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (der[start++] ?? NaN);
  }
  return { tag: der[at] ?? NaN, start, end: start + length };
}

/** @throws {RangeError} if they do not end within the bytes */
function elements(der: Uint8Array, { start, end }: Element): Element[] {
  const all: Element[] = [];
  for (let at = start; at < end;) {
    const element = elementAt(der, at);
    if (!(element.end <= der.length)) throw new RangeError("a certificate is cut off");
    all.push(element);
    at = element.end;
  }
  return all;
}

/** The largest name that has a length of three bytes. */
const MAX_LENGTH = 0xffff;

/** An element of DER with these contents. */
function encode(tag: number, contents: readonly number[]): number[] {
  const { length } = contents;
  if (length > MAX_LENGTH) throw new RangeError("a certificate has a name of more than 64 KiB");
  if (length < 0x80) return [tag, length, ...contents];
  return [tag, ...length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff], ...contents];
}

const TAG = { utf8: 12, printable: 19, t61: 20, ia5: 22, visible: 26, universal: 28, bmp: 30, sequence: 48, set: 49 };
const encoder = new TextEncoder();

/** The UTF-8 of a string of ASN.1; null if the type is none of those that OpenSSL compares as text. */
function utf8Of(tag: number, bytes: Uint8Array): Uint8Array | null {
  if (tag === TAG.utf8) return bytes;
  if (tag === TAG.printable || tag === TAG.t61 || tag === TAG.ia5 || tag === TAG.visible) {
    return bytes.some((byte) => byte > 0x7f) ? encoder.encode(runtime().latin1(bytes, 0, bytes.length)) : bytes;
  }
  const size = tag === TAG.bmp ? 2 : tag === TAG.universal ? 4 : 0;
  if (size === 0) return null;
  let text = "";
  for (let at = 0; at < bytes.length; at += size) {
    text += String.fromCodePoint(bytes.subarray(at, at + size).reduce((code, byte) => code * 256 + byte, 0));
  }
  return encoder.encode(text);
}

const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** A value as names are compared: UTF-8, ASCII letters small, white space at the ends gone and elsewhere one space. */
function canonical(der: Uint8Array, { tag, start, end }: Element): number[] {
  const value = der.subarray(start, end), text = utf8Of(tag, value);
  if (text === null) return encode(tag, [...value]);
  const plain: number[] = [];
  let spaces = false;
  for (const byte of text) {
    if (isSpace(byte)) {
      spaces = plain.length > 0;
      continue;
    }
    if (spaces) plain.push(0x20);
    spaces = false;
    plain.push(byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);
  }
  return encode(TAG.utf8, plain);
}

/** As DER orders the members of a SET. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}

/** Returns a name as OpenSSL compares it: the sets one after the other, without the sequence around them. */
function canonicalName(der: Uint8Array, name: Element): Uint8Array {
  const all: number[] = [];
  for (const set of elements(der, name)) {
    const members = elements(der, set).map((member) => {
      const [type, value] = elements(der, member);
      if (type === undefined || value === undefined) throw new RangeError("a certificate has a name without a value");
      return encode(TAG.sequence, [
        ...encode(type.tag, [...der.subarray(type.start, type.end)]),
        ...canonical(der, value),
      ]);
    });
    all.push(...encode(TAG.set, members.length === 1 ? members[0]! : members.sort(compare).flat()));
  }
  return Uint8Array.from(all);
}

/** Subjects lie near the beginning of a certificate: this much base64 is decoded first, all of it if that was too little. */
const BEGINNING = 800;

/**
 * Returns the hash of a certificate's subject, eight hexadecimal digits, as `openssl x509 -subject_hash` prints it since
 * OpenSSL 1.0.0: the first four bytes of the SHA-1 of the canonical name, the last of them first.
 *
 * @throws {Error} if it is no certificate
 */
export function subjectHash(base64: string): string {
  const binary = atob(base64.slice(0, BEGINNING)), der = new Uint8Array(binary.length);
  for (let i = 0; i < der.length; i++) der[i] = binary.charCodeAt(i);
  try {
    return hashOf(der);
  } catch (error) {
    if (base64.length <= BEGINNING) throw error;
    return hashOf(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)));
  }
}

function hashOf(der: Uint8Array): string {
  // TBSCertificate (RFC 5280, section 4.1): [0] version (may be missing), serial number, signature, issuer, validity, subject.
  let part = elementAt(der, elementAt(der, elementAt(der, 0).start).start);
  for (let left = part.tag === 0xa0 ? 5 : 4; left > 0; left--) part = elementAt(der, part.end);
  if (part.tag !== TAG.sequence || part.end > der.length) throw new RangeError("a certificate has no subject");
  return runtime().hash("sha1", canonicalName(der, part)).slice(0, 8).match(/../g)!.reverse().join("");
}
