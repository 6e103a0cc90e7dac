/** The options `tls` and `proxy.tls`. */
import { checkNames, flagOf, textOf, wordOf } from "./validate.ts";

/** PEM text, PEM bytes, or the path of a PEM file. */
export type Pem = string | Uint8Array;

/** A version of TLS. */
export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** TLS settings towards an `https:` proxy. */
export interface ProxyTlsOptions {
  /** Certificates to trust instead of the system's: PEM text or bytes, or the path of a PEM file. */
  ca?: Pem;
  /**
   * Certificates to trust in addition to the system's, or to `ca`. The system's are those of libcurl's own file, else
   * those of the Linux distribution, BSD or macOS; with OpenSSL on Windows, those of Windows' store.
   *
   * If `libcurl().certificates.from` is not `"directory"`, the system's certificates are parsed again for each connection that
   * has this option, at some 20 ms of CPU with OpenSSL 3.
   */
  extraCa?: Pem;
  /**
   * Whether to use the operating system's store, even if libcurl was built with certificates of its own; default false.
   * It is Windows' store, macOS's if libcurl supports that (`CURLSSLOPT_NATIVE_CA`), and elsewhere the distribution's
   * file. Not with `ca`, which replaces it.
   */
  systemStore?: boolean;
  /** This client's certificate, followed by any intermediate ones; it may contain the key too. */
  cert?: Pem;
  /** The private key of `cert`. */
  key?: Pem;
  /** Certificate and key in a PKCS#12 archive: its bytes or its path. Not with `cert` or `key`. */
  pfx?: Pem;
  /** The passphrase of `key` or `pfx`. Without it, an encrypted key is an error: nothing prompts for it. */
  passphrase?: string;
  /** Whether to check the peer's certificate and name; default true. A pinned key is checked in any case. */
  verify?: boolean;
  /** The oldest version to accept; default libcurl's, which is TLS 1.2 as a rule. */
  minVersion?: TlsVersion;
  /** The newest version to offer; default the TLS library's newest. */
  maxVersion?: TlsVersion;
  /** The ciphers for TLS 1.2 and older, in the TLS library's own syntax: `"ECDHE-RSA-AES128-GCM-SHA256:…"`. */
  ciphers?: string;
  /** The cipher suites for TLS 1.3: `"TLS_AES_256_GCM_SHA384:…"`. */
  cipherSuites?: string;
  /**
   * The only public keys to accept: SHA-256 digests of their DER form, `"sha256//<base64>"`, separated by semicolons or
   * in a list; or the path of a file with the key in PEM or DER.
   */
  pinnedPublicKey?: string | readonly string[];
  /**
   * Whether to resume TLS sessions, which saves the most of a handshake when a server, or proxy, is connected to again;
   * default true. Only connections of this thread with the same settings do so: the same proxy and credentials, local
   * address, browser and TLS options, so that no server can tell from a session that two of them are one client's. With
   * false nothing is kept either; for a `wss:` connection by an `https:` proxy, false of one holds for both. GnuTLS's
   * libcurl resumes none, and true is an error there. No request is sent before the handshake is over (no 0-RTT).
   */
  sessions?: boolean;
}

/**
 * TLS settings.
 *
 * ```ts
 * import { CurlWebSocket } from "@curlws/curlws";
 *
 * const Internal = CurlWebSocket.with({
 *   tls: { extraCa: "/etc/ssl/company.pem", cert: "client.pem", key: "client.key", minVersion: "TLSv1.3" },
 * });
 * ```
 *
 * If the environment variable `SSLKEYLOGFILE` is set when libcurl is first used, the secrets of each connection are
 * written to that file; tools such as Wireshark decrypt it with them.
 */
export interface TlsOptions extends ProxyTlsOptions {
  /**
   * The name to send to the server (SNI), which its certificate must have; default the URL's host. An address is only
   * checked, not sent.
   */
  serverName?: string;
}

const NAMES = [
  ...["ca", "extraCa", "systemStore", "cert", "key", "pfx", "passphrase", "verify", "minVersion", "maxVersion"],
  ...["ciphers", "cipherSuites", "pinnedPublicKey", "sessions"],
];
const SERVER_NAMES = [...NAMES, "serverName"];
/** Oldest first. */
export const TLS_VERSIONS: readonly TlsVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
/** A digest: the base64 of 32 octets. */
const PIN = /^sha256\/\/[A-Za-z0-9+/]{43}=$/;

/**
 * Checks the option and returns a copy. `what` is its name; a proxy's has no `serverName`.
 *
 * @throws {TypeError | RangeError} that names the option
 */
export function tlsOptions(what: "tls" | "proxy.tls", given: TlsOptions): TlsOptions {
  checkNames(`${what} option`, given, what === "tls" ? SERVER_NAMES : NAMES);
  // What is checked is what is used: a getter is called once.
  const tls = { ...given };
  for (const name of ["ca", "extraCa", "cert", "key"] as const) pemOf(`${what}.${name}`, tls[name]);
  pemOf(`${what}.pfx`, tls.pfx, "PKCS#12 bytes or a path");
  for (const name of ["ciphers", "cipherSuites"] as const) textOf(`${what}.${name}`, tls[name], "a list of ciphers");
  textOf(`${what}.serverName`, tls.serverName, "a host name");
  if (tls.serverName !== undefined && !URL.canParse(`https://${bracketed(tls.serverName)}/`)) {
    throw new TypeError(`${what}.serverName must be a host name, and is ${JSON.stringify(tls.serverName)}`);
  }
  flagOf(`${what}.verify`, tls.verify, true);
  flagOf(`${what}.sessions`, tls.sessions, true);
  if (flagOf(`${what}.systemStore`, tls.systemStore, false) && tls.ca !== undefined) {
    throw new TypeError(`${what}.ca replaces the system's store; with systemStore, use ${what}.extraCa`);
  }
  if (tls.pfx !== undefined && (tls.cert !== undefined || tls.key !== undefined)) {
    throw new TypeError(`${what}.pfx contains certificate and key; give it without ${what}.cert and ${what}.key`);
  }
  if (tls.key !== undefined && tls.cert === undefined) {
    throw new TypeError(`${what}.key needs the certificate it belongs to, ${what}.cert`);
  }
  if (tls.passphrase !== undefined) {
    if (typeof tls.passphrase !== "string" || tls.passphrase.includes("\0")) {
      throw new TypeError(`${what}.passphrase must be text without NUL`);
    }
    if (tls.cert === undefined && tls.pfx === undefined) {
      throw new TypeError(`${what}.passphrase is for ${what}.key or ${what}.pfx, and neither is given`);
    }
  }
  const min = wordOf(`${what}.minVersion`, tls.minVersion, TLS_VERSIONS);
  const max = wordOf(`${what}.maxVersion`, tls.maxVersion, TLS_VERSIONS);
  if (min !== undefined && max !== undefined && TLS_VERSIONS.indexOf(min) > TLS_VERSIONS.indexOf(max)) {
    throw new RangeError(`${what}.minVersion, ${min}, is newer than ${what}.maxVersion, ${max}`);
  }
  checkPins(`${what}.pinnedPublicKey`, tls.pinnedPublicKey);
  return tls;
}

/** Returns whether a certificate or key is given by the path of its file. */
export function isPath(pem: Pem): pem is string {
  return typeof pem === "string" && !pem.includes("-----BEGIN");
}

/** Returns a host as a URL has it: IPv6 in brackets. */
export function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function pemOf(name: string, value: unknown, what = "PEM text, PEM bytes or a path"): void {
  if (value === undefined) return;
  if (typeof value !== "string" && !(value instanceof Uint8Array)) {
    throw new TypeError(`${name} must be ${what}, not ${value === null ? "null" : typeof value}`);
  }
  if (value.length === 0) throw new TypeError(`${name} must be ${what}, and is empty`);
  if (typeof value === "string" && value.includes("\0")) throw new TypeError(`${name} must not contain NUL`);
}

function checkPins(name: string, value: unknown): void {
  if (value === undefined) return;
  const pins = Array.isArray(value) ? value : [value];
  if (pins.length === 0) throw new TypeError(`${name} must name at least one key`);
  for (const given of pins) {
    const text = textOf(name, given, "digests of public keys or a path")!;
    for (const pin of text.startsWith("sha256//") || Array.isArray(value) ? text.split(";") : []) {
      if (!PIN.test(pin)) {
        throw new TypeError(
          `${name}: ${JSON.stringify(pin)} is not a digest; a digest is sha256// and 44 characters of base64`,
        );
      }
    }
  }
}
