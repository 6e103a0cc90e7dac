/** What files and folders of CA certificates have in them, read as a TLS library would. */
import { allocate } from "../platform/ffi.ts";
import { canOpen, readFile } from "../platform/files.ts";
import { namesIn } from "../platform/folders.ts";
import { runtime } from "../platform/runtime.ts";
import { pemContent, subjectHash } from "./certificate_names.ts";

/** Where systems keep the certificates they trust: those that curl's own configure script looks at, and macOS's. */
export const BUNDLES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Alpine
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS
  "/var/lib/ca-certificates/ca-bundle.pem", // openSUSE
  "/etc/ssl/ca-bundle.pem", // older openSUSE
  "/usr/share/ssl/certs/ca-bundle.crt",
  "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD
  "/etc/ssl/cert.pem", // Alpine, OpenBSD, macOS
];

/** The first that is there, or null. */
export function systemBundle(): string | null {
  return runtime().os === "windows" ? null : BUNDLES.find((path) => canOpen(path)) ?? null;
}

/** Where Linux distributions keep the same certificates by the hashes of their subjects. */
export const DIRECTORIES: readonly string[] = [
  "/etc/ssl/certs", // Debian, Ubuntu, Arch, Alpine, openSUSE
  "/etc/pki/ca-trust/extracted/pem/directory-hash", // Fedora, RHEL
];

/** The certificates of a file; null if it cannot be read, or has something else in it. */
export function certificatesOf(file: string): ReadonlySet<string> | null {
  const bytes = readFile(file);
  if (bytes === null || bytes.length === 0) return null;
  const { certificates, plain } = pemContent(runtime().latin1(bytes, 0, bytes.length));
  return plain && certificates.length > 0 ? new Set(certificates) : null;
}

/** A folder of certificates. */
export interface CertificateFolder {
  /** The certificates of all files that have the name of a hash. */
  readonly hashed: ReadonlySet<string>;
  /** The certificates of all files, which is what GnuTLS trusts. */
  readonly all: ReadonlySet<string>;
  /**
   * Whether OpenSSL finds each of `hashed` by its subject: the names are the right hashes, with the numbers from 0 on behind
   * them. Computing a hash takes 50 us, so that many are computed by each call, and until all are right that is all it says. It
   * is false if all files were read.
   */
  isComplete(count: number): boolean;
  /** The certificates by the hash of their subject. */
  readonly byHash: ReadonlyMap<string, readonly string[]>;
  /** The path of a file whose subject no other file has; null if there is none. */
  readonly sample: string | null;
}

/** No system has that many names in a folder of certificates: each is opened. */
const MAX_NAMES = 2_000;
/** Longer than any file with one certificate. */
const FILE_SIZE = 64 * 1024;
const HASHED = /^([\da-f]{8})\.(0|[1-9]\d*)$/;

/**
 * Reads a folder; null if it cannot be read, or one of its files has something else beside certificates, such as a
 * "TRUSTED CERTIFICATE", which says what it may be used for. `whole`: all files, not only those with the name of a hash.
 */
export function readCertificateFolder(folder: string, whole: boolean): CertificateFolder | null {
  const names = namesIn(folder, MAX_NAMES);
  if (names === null) return null;
  const hashed = new Set<string>(), all = new Set<string>();
  const byHash = new Map<string, string[]>();
  const buffer = allocate(FILE_SIZE), present = new Set<string>();
  const unchecked: [certificate: string, hash: string][] = [];
  for (const name of names) {
    const hash = HASHED.exec(name)?.[1];
    if (hash === undefined && !whole) continue;
    const bytes = readFile(`${folder}/${name}`, buffer);
    // A link that leads nowhere, or another folder.
    if (bytes === null || bytes.length === 0) continue;
    const { certificates, plain } = pemContent(runtime().latin1(bytes, 0, bytes.length));
    if (!plain) return null;
    for (const certificate of certificates) all.add(certificate);
    if (hash === undefined) continue;
    present.add(name);
    byHash.set(hash, [...byHash.get(hash) ?? [], ...certificates]);
    for (const certificate of certificates) hashed.add(certificate);
    for (const certificate of certificates) unchecked.push([certificate, hash]);
  }
  let complete = !whole;
  // OpenSSL counts up from 0 until there is no such file.
  for (const name of present) {
    const [, hash, number] = HASHED.exec(name)!;
    complete &&= number === "0" || present.has(`${hash}.${Number(number) - 1}`);
  }
  const single = [...byHash].find(([, certificates]) => certificates.length === 1)?.[0];
  const sample = single === undefined ? null : `${folder}/${single}.0`;
  const isComplete = (count: number) => {
    complete &&= unchecked.splice(0, count).every(([certificate, hash]) => hasHash(certificate, hash));
    return complete;
  };
  return { hashed, all, isComplete, byHash, sample };
}

/** Whether a certificate's subject has this hash. */
function hasHash(certificate: string, hash: string): boolean {
  try {
    return subjectHash(certificate) === hash;
  } catch {
    return false;
  }
}

/**
 * Whether a directory has a CA of the same name as one of these certificates, or might have. OpenSSL looks into a directory
 * only for names that the file beside it has not: the directory's own CA would no longer be trusted.
 */
export function shareNames(pem: Uint8Array, { byHash }: Pick<CertificateFolder, "byHash">): boolean {
  const { certificates, plain } = pemContent(runtime().latin1(pem, 0, pem.length));
  if (!plain || certificates.length === 0) return true;
  try {
    return certificates.some((certificate) => byHash.has(subjectHash(certificate)));
  } catch {
    return true;
  }
}

/** Whether all of `some` are among `others`. */
export function isWithin(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  for (const one of some) if (!others.has(one)) return false;
  return true;
}
