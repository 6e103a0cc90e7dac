/** Sets the TLS options of a handle, towards the server or towards an https proxy. */
import { CurlWebSocketError } from "../errors.ts";
import { isPath, type Pem, TLS_VERSIONS, type TlsOptions, type TlsVersion } from "../options/tls.ts";
import * as C from "./constants.ts";
import type { OptionSetter } from "./option_setter.ts";
import { runtime } from "../platform/runtime.ts";
import { cacheSeconds, type CaPlaces, caSource, noFolder, trustedPlaces } from "./ca_source.ts";
import { BUNDLES, shareNames, systemBundle } from "./certificate_stores.ts";
import { canOpen, readFile } from "../platform/files.ts";

/** Returns an error with libcurl's code for it. libcurl is not called: the file cannot be read here either. */
const failure = (message: string, curlCode: number) => new CurlWebSocketError("ERR_TLS", message, { curlCode });
const encoder = new TextEncoder();

/**
 * Whose TLS it is. libcurl has each option twice: those for a proxy have the prefix. `what` is the name in messages. `ownTrust`:
 * whether `curlOptions` say what is trusted; libcurl's defaults are then left alone.
 */
interface Side {
  readonly prefix: "" | "PROXY_";
  readonly what: "tls" | "proxy.tls";
  readonly ownTrust: boolean;
}

/** The options that say what is trusted, each without `PROXY_` before it. */
export const TRUST_OPTIONS: readonly string[] = [
  ...["CAINFO", "CAPATH", "CAINFO_BLOB", "CRLFILE", "SSL_OPTIONS", "SSL_VERIFYPEER"],
];

const isGnuTls = (set: OptionSetter) => set.curl.info.tls?.includes("GnuTLS") ?? false;

/** Returns the error for an option that libcurl takes with GnuTLS too, but does not use. */
function lacking(set: OptionSetter, need: string): CurlWebSocketError {
  const { version, tls } = set.curl.info;
  return new CurlWebSocketError("ERR_LIBCURL", `${need}, and this is ${version} with ${tls}`);
}

/**
 * Sets the options `tls`, or those of a proxy. `ownTrust`: whether `curlOptions` have any of {@linkcode TRUST_OPTIONS}. Returns for
 * how many seconds libcurl may use a file of CAs that it has parsed.
 *
 * @throws {CurlWebSocketError} `ERR_TLS` if a file cannot be read, `ERR_LIBCURL` if libcurl lacks an option
 */
export function setTls(set: OptionSetter, tls: TlsOptions, prefix: "" | "PROXY_", ownTrust: boolean): number {
  const what = prefix === "" ? "tls" : "proxy.tls";
  const side: Side = { prefix, what, ownTrust };
  if (tls.verify === false) {
    set.long(`${prefix}SSL_VERIFYPEER`, 0);
    set.long(`${prefix}SSL_VERIFYHOST`, 0);
  }
  if (tls.sessions === true && isGnuTls(set)) throw lacking(set, `${what}.sessions: with GnuTLS sessions are not kept`);
  const seconds = setTrust(set, tls, side);
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
  return seconds;
}

/** CURL_SSLVERSION_TLSv1_0 is 4, the next is 5, and so on; the newest to offer is shifted by 16 bits. */
function versionBits(min: TlsVersion | undefined, max: TlsVersion | undefined): number {
  const value = (version: TlsVersion | undefined) => version === undefined ? 0 : 4 + TLS_VERSIONS.indexOf(version);
  return value(min) + value(max) * 0x1_0000;
}

/** Nothing that libcurl could keep is read, or it is not to keep it. */
const READ_EACH_TIME = 0;

function setTrust(set: OptionSetter, tls: TlsOptions, side: Side): number {
  const { ca, extraCa } = tls, { prefix, what, ownTrust } = side, { cas } = set.curl;
  // Else the certificates of libcurl's built-in folder would be trusted too.
  if (ca !== undefined) set.tryText(`${prefix}CAPATH`, noFolder(cas));
  if (extraCa !== undefined) return setExtraTrust(set, tls, extraCa, side);
  if (ca !== undefined) {
    setPem(set, ca, `${prefix}CAINFO`, `${what}.ca`);
    return isPath(ca) && !ownTrust ? cacheSeconds(ca) : READ_EACH_TIME;
  }
  let places = trustedPlaces(cas);
  if (tls.systemStore === true) {
    if (hasNativeStore()) {
      set.long(`${prefix}SSL_OPTIONS`, C.CURLSSLOPT_NATIVE_CA);
      return READ_EACH_TIME;
    }
    places = { file: systemBundle(), folder: cas.defaults.folder };
    if (places.file === null) {
      throw failure(
        `${what}.systemStore: none of the usual files exists: ${BUNDLES.join(", ")}`,
        C.CURLE_SSL_CACERT_BADFILE,
      );
    }
  } else if (tls.verify === false) {
    // GnuTLS reads them all the same, and so did libcurl before 7.84 with OpenSSL.
    if (!ownTrust) { for (const option of ["CAINFO", "CAPATH"]) set.tryText(prefix + option, null); }
    return READ_EACH_TIME;
  }
  if (ownTrust) {
    setPlaces(set, places, prefix);
    return READ_EACH_TIME;
  }
  const source = caSource(cas, places);
  setPlaces(set, source, prefix);
  return source.way === "cache" && source.file !== null ? cacheSeconds(source.file) : READ_EACH_TIME;
}

/** Sets what is not libcurl's default already. */
function setPlaces(set: OptionSetter, { file, folder }: CaPlaces, prefix: Side["prefix"]): void {
  const { cas } = set.curl, { defaults } = cas;
  if (file !== defaults.file) set.text(`${prefix}CAINFO`, file);
  if (folder !== defaults.folder) set.tryText(`${prefix}CAPATH`, folder ?? noFolder(cas));
}

function hasNativeStore(): boolean {
  return runtime().os === "windows" || runtime().os === "darwin";
}

/** Beside a hashed directory, else in one bundle, the system's or `ca` and the others behind it: libcurl takes one. */
function setExtraTrust(set: OptionSetter, { ca }: TlsOptions, extraCa: Pem, { prefix, what, ownTrust }: Side): number {
  const extra = pemBytes(extraCa, `${what}.extraCa`), { cas } = set.curl;
  const help = `this libcurl takes certificates only from one file; give all of them as ${what}.ca with its path`;
  let base: Uint8Array = new Uint8Array(0);
  if (ca !== undefined) {
    base = pemBytes(ca, `${what}.ca`);
  } else if (runtime().os === "windows") {
    set.long(`${prefix}SSL_OPTIONS`, C.CURLSSLOPT_NATIVE_CA);
  } else {
    const { file: own, folder } = cas.defaults;
    const file = own !== null && canOpen(own) ? own : systemBundle();
    if (file === null) {
      if (folder === null || !canOpen(folder)) {
        throw failure(
          `${what}.extraCa: the system's certificates were not found; looked at ${BUNDLES.join(", ")}`,
          C.CURLE_SSL_CACERT_BADFILE,
        );
      }
    } else {
      const source = ownTrust ? null : caSource(cas, { file, folder });
      if (source !== null && source.folder !== folder) set.tryText(`${prefix}CAPATH`, source.folder ?? noFolder(cas));
      const beside = source?.way === "directory" && source.contents !== null && !shareNames(extra, source.contents);
      if (!beside) base = pemBytes(file, `${what}.extraCa: the system's certificates`);
    }
  }
  const joined = new Uint8Array(base.length + 1 + extra.length);
  joined.set(base);
  joined[base.length] = 10;
  joined.set(extra, base.length + 1);
  setBytes(set, `${prefix}CAINFO`, joined, help);
  return READ_EACH_TIME;
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
