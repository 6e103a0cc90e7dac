/** Sets the TLS options of a handle, towards the server or towards an https proxy. */
import { CurlWebSocketError } from "../errors.ts";
import { isPath, type Pem, TLS_VERSIONS, type TlsOptions, type TlsVersion } from "../options/tls.ts";
import * as C from "./constants.ts";
import type { OptionSetter } from "./option_setter.ts";
import { runtime } from "../platform/runtime.ts";
import { getText } from "./get_info.ts";
import { canOpen, readFile } from "../platform/files.ts";

/** Where systems keep the certificates that they trust: the paths of curl's configure script, and macOS's. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Alpine
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS
  "/var/lib/ca-certificates/ca-bundle.pem", // openSUSE
  "/etc/ssl/ca-bundle.pem", // older openSUSE
  "/usr/share/ssl/certs/ca-bundle.crt",
  "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD
  "/etc/ssl/cert.pem", // Alpine, OpenBSD, macOS
];

/** Returns the first that exists, or null. */
function systemBundle(): string | null {
  return runtime().os === "windows" ? null : BUNDLES.find((path) => canOpen(path)) ?? null;
}

/** Returns an error with libcurl's code for it. libcurl is not called: the file cannot be read here either. */
const failure = (message: string, curlCode: number) => new CurlWebSocketError("ERR_TLS", message, { curlCode });
const encoder = new TextEncoder();

/**
 * Whose TLS it is. libcurl has each option twice: those for a proxy have the prefix. `what` is the name in messages.
 */
interface Side {
  readonly prefix: "" | "PROXY_";
  readonly what: "tls" | "proxy.tls";
}

const isGnuTls = (set: OptionSetter) => set.curl.info.tls?.includes("GnuTLS") ?? false;

/** Returns the error for an option that libcurl takes with GnuTLS too, but does not use. */
function lacking(set: OptionSetter, need: string): CurlWebSocketError {
  const { version, tls } = set.curl.info;
  return new CurlWebSocketError("ERR_LIBCURL", `${need}, and this is ${version} with ${tls}`);
}

/**
 * Sets the options `tls`, or those of a proxy.
 *
 * @throws {CurlWebSocketError} `ERR_TLS` if a file cannot be read, `ERR_LIBCURL` if libcurl lacks an option
 */
export function setTls(set: OptionSetter, tls: TlsOptions, prefix: "" | "PROXY_"): void {
  const what = prefix === "" ? "tls" : "proxy.tls";
  const side: Side = { prefix, what };
  if (tls.verify === false) {
    set.long(`${prefix}SSL_VERIFYPEER`, 0);
    set.long(`${prefix}SSL_VERIFYHOST`, 0);
  }
  setTrust(set, tls, side);
  setIdentity(set, tls, side);
  if (tls.minVersion !== undefined || tls.maxVersion !== undefined) {
    set.long(`${prefix}SSLVERSION`, versionBits(tls.minVersion, tls.maxVersion));
  }
  if (tls.ciphers !== undefined) {
    if (isGnuTls(set) && set.curl.versionNumber < 0x080e00) {
      throw lacking(set, `${what}.ciphers: with GnuTLS it needs libcurl 8.14`);
    }
    set.text(`${prefix}SSL_CIPHER_LIST`, tls.ciphers);
  }
  if (tls.cipherSuites !== undefined) set.text(`${prefix}TLS13_CIPHERS`, tls.cipherSuites);
  if (tls.pinnedPublicKey !== undefined) {
    const pins = tls.pinnedPublicKey;
    set.text(`${prefix}PINNEDPUBLICKEY`, typeof pins === "string" ? pins : pins.join(";"));
  }
}

/** CURL_SSLVERSION_TLSv1_0 is 4, the next is 5, and so on; the newest to offer is shifted by 16 bits. */
function versionBits(min: TlsVersion | undefined, max: TlsVersion | undefined): number {
  const value = (version: TlsVersion | undefined) => version === undefined ? 0 : 4 + TLS_VERSIONS.indexOf(version);
  return value(min) + value(max) * 0x1_0000;
}

function setTrust(set: OptionSetter, tls: TlsOptions, { prefix, what }: Side): void {
  const { ca, extraCa } = tls;
  // Else the certificates of libcurl's built-in folder would be trusted too.
  if (ca !== undefined) set.tryText(`${prefix}CAPATH`, null);
  if (extraCa !== undefined) return setExtraTrust(set, tls, extraCa, { prefix, what });
  if (ca !== undefined) return setPem(set, ca, `${prefix}CAINFO`, `${what}.ca`);
  if (tls.systemStore === true) {
    if (hasNativeStore()) return set.long(`${prefix}SSL_OPTIONS`, C.CURLSSLOPT_NATIVE_CA);
    const bundle = systemBundle();
    if (bundle === null) {
      throw failure(
        `${what}.systemStore: none of the usual files exists: ${BUNDLES.join(", ")}`,
        C.CURLE_SSL_CACERT_BADFILE,
      );
    }
    return set.text(`${prefix}CAINFO`, bundle);
  }
  if (tls.verify === false) return;
  // A libcurl that was built for another distribution may look in the wrong place.
  const file = getText(set.curl, set.easy, C.CURLINFO_CAINFO), folder = getText(set.curl, set.easy, C.CURLINFO_CAPATH);
  if (file === null || canOpen(file) || (folder !== null && canOpen(folder))) return;
  const bundle = systemBundle();
  if (bundle !== null) set.text(`${prefix}CAINFO`, bundle);
}

function hasNativeStore(): boolean {
  return runtime().os === "windows" || runtime().os === "darwin";
}

/** Sets one bundle, because libcurl takes only one: the system's certificates, or `ca`, followed by `extraCa`. */
function setExtraTrust(set: OptionSetter, { ca }: TlsOptions, extraCa: Pem, { prefix, what }: Side): void {
  const extra = pemBytes(extraCa, `${what}.extraCa`);
  let base: Uint8Array = new Uint8Array(0);
  if (ca !== undefined) {
    base = pemBytes(ca, `${what}.ca`);
  } else if (runtime().os === "windows") {
    set.long(`${prefix}SSL_OPTIONS`, C.CURLSSLOPT_NATIVE_CA);
  } else {
    const own = getText(set.curl, set.easy, C.CURLINFO_CAINFO);
    const file = own !== null && canOpen(own) ? own : systemBundle();
    const folder = getText(set.curl, set.easy, C.CURLINFO_CAPATH);
    if (file !== null) base = pemBytes(file, `${what}.extraCa: the system's certificates`);
    else if (folder === null || !canOpen(folder)) {
      throw failure(
        `${what}.extraCa: the system's certificates were not found; looked at ${BUNDLES.join(", ")}`,
        C.CURLE_SSL_CACERT_BADFILE,
      );
    }
  }
  const joined = new Uint8Array(base.length + 1 + extra.length);
  joined.set(base);
  joined[base.length] = 10;
  joined.set(extra, base.length + 1);
  setBytes(
    set,
    `${prefix}CAINFO`,
    joined,
    `this libcurl takes certificates only from one file; give all of them as ${what}.ca with its path`,
  );
}

function pemBytes(pem: Pem, name: string): Uint8Array {
  if (typeof pem !== "string") return pem;
  if (!isPath(pem)) return encoder.encode(pem);
  const bytes = readFile(pem);
  if (bytes === null || bytes.length === 0) {
    throw failure(`${name}: the file ${pem} cannot be read, or is empty`, C.CURLE_SSL_CACERT_BADFILE);
  }
  return bytes;
}

function setIdentity(set: OptionSetter, tls: TlsOptions, { prefix, what }: Side): void {
  const { cert, key, pfx, passphrase } = tls;
  const certificate = pfx ?? cert;
  if (certificate === undefined) return;
  if (pfx !== undefined && isGnuTls(set)) {
    throw lacking(set, `${what}.pfx: with GnuTLS libcurl reads no PKCS#12; give ${what}.cert and ${what}.key`);
  }
  set.text(`${prefix}SSLCERTTYPE`, pfx !== undefined ? "P12" : "PEM");
  setPem(set, certificate, `${prefix}SSLCERT`, pfx !== undefined ? `${what}.pfx` : `${what}.cert`);
  if (key !== undefined) setPem(set, key, `${prefix}SSLKEY`, `${what}.key`);
  // Also an empty one: without any, OpenSSL prompts for it at the terminal, and the program waits. GnuTLS does not
  // prompt, and takes the key for an encrypted one if there is a passphrase.
  if (passphrase !== undefined || !isGnuTls(set)) {
    set.text(`${prefix}KEYPASSWD`, passphrase ?? "");
  }
}

/**
 * The TLS libraries with which libcurl uses a client's certificate given as bytes. With GnuTLS it takes and ignores
 * them.
 */
const TAKE_BYTES = /^(OpenSSL|LibreSSL|BoringSSL|AWS-LC|quictls|Schannel|SecureTransport|mbedTLS)/;

/**
 * Sets bytes for an option that takes the path of a file. libcurl takes bytes from 7.71 on, CAs from 7.77 on, and not
 * with every TLS library; else a file in memory is used, if the system has such files. `help` says what to do if
 * neither works.
 */
function setBytes(set: OptionSetter, option: string, bytes: Uint8Array, help: string): void {
  const isIdentity = !option.endsWith("CAINFO");
  const taken = !isIdentity || TAKE_BYTES.test((set.curl.info.tls ?? "").replaceAll(/\(.*?\) ?/g, ""));
  if (taken && set.tryBlob(`${option}_BLOB`, bytes)) return;
  if (set.file(option, bytes)) return;
  try {
    if (taken) set.blob(`${option}_BLOB`, bytes);
    else set.refuse(`${option}_BLOB`, C.CURLE_NOT_BUILT_IN);
  } catch (error) {
    if (!(error instanceof CurlWebSocketError)) throw error;
    const { curlCode, curlMessage } = error;
    throw new CurlWebSocketError(error.code, `${error.message}; ${help}`, { curlCode, curlMessage });
  }
}

/** Sets the path of a file, or bytes. */
function setPem(set: OptionSetter, pem: Pem, option: string, name: string): void {
  if (!isPath(pem)) {
    const bytes = typeof pem === "string" ? encoder.encode(pem) : pem;
    return setBytes(set, option, bytes, `give ${name} as the path of a file`);
  }
  if (!canOpen(pem)) {
    const code = option.endsWith("CAINFO") ? C.CURLE_SSL_CACERT_BADFILE : C.CURLE_SSL_CERTPROBLEM;
    throw failure(`${name}: the file ${pem} cannot be read`, code);
  }
  set.text(option, pem);
}
