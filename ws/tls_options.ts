/** TLS options by Node's names, as `tls` of ours. */
import { Buffer } from "node:buffer";
import type { TlsOptions, TlsVersion } from "../mod.ts";

/** PEM text or bytes, or several that are put behind one another. */
export type CertMeta = string | Uint8Array | readonly (string | Uint8Array)[];
/** A private key; in an object with its passphrase, as Node has it. */
export type KeyMeta = CertMeta | readonly { pem: string | Uint8Array; passphrase?: string }[];

/** TLS settings by Node's names. */
export interface NodeTlsOptions {
  /** Certificates to trust instead of the system's. */
  ca?: CertMeta;
  /** This client's certificate, followed by any intermediate ones. */
  cert?: CertMeta;
  /** The private key of `cert`. */
  key?: KeyMeta;
  /** The passphrase of `key` or `pfx`. */
  passphrase?: string;
  /** Certificate and key in a PKCS#12 archive. */
  pfx?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Whether to check the server's certificate; default true. */
  rejectUnauthorized?: boolean;
  /** The name to send to the server (SNI), which its certificate must have; default the URL's host. */
  servername?: string;
  /** Ciphers in OpenSSL's syntax; those whose names begin with `TLS_` are the suites of TLS 1.3. */
  ciphers?: string;
  /** The oldest version to accept. */
  minVersion?: TlsVersion;
  /** The newest version to offer. */
  maxVersion?: TlsVersion;
}

/** The names of these options. */
export const TLS_NAMES: readonly string[] = [
  ...["ca", "cert", "key", "passphrase", "pfx", "rejectUnauthorized", "servername", "ciphers"],
  ...["minVersion", "maxVersion"],
];

/** Options of Node's TLS that libcurl has no like of, and what to use instead. */
export const NO_TLS: Readonly<Record<string, string>> = {
  checkServerIdentity: "libcurl checks the name; use servername for another one, or tls: { pinnedPublicKey } for a key",
  secureContext: "use ca, cert and key",
  secureProtocol: "use minVersion and maxVersion",
  ALPNProtocols: "a WebSocket needs http/1.1, which is offered",
  crl: 'use curlOptions: { CRLFILE: "a path" }',
  ecdhCurve: "use curlOptions: { SSL_EC_CURVES }",
  sigalgs: "use curlOptions: { SSL_SIGNATURE_ALGORITHMS }",
  session: "sessions are resumed without it; tls: { sessions: false } turns that off",
  secureOptions: "use minVersion and maxVersion",
  pskCallback: "libcurl has no pre-shared keys",
};

/** Returns the options under our names; those that are not given are absent. */
export function tlsOptions(given: NodeTlsOptions): TlsOptions {
  const tls: TlsOptions = {};
  const passphrase = given.passphrase ?? passphraseOf(given.key);
  if (isGiven(given.ca)) tls.ca = pem("ca", given.ca);
  if (isGiven(given.cert)) tls.cert = pem("cert", given.cert);
  if (isGiven(given.key)) tls.key = pem("key", given.key);
  if (isGiven(given.pfx)) tls.pfx = archive(given.pfx);
  if (isGiven(passphrase)) tls.passphrase = passphrase;
  // As in Node, only false turns the check off.
  if (given.rejectUnauthorized === false) tls.verify = false;
  if (isGiven(given.servername)) tls.serverName = serverName(given.servername);
  if (isGiven(given.ciphers)) Object.assign(tls, ciphers(given.ciphers));
  if (isGiven(given.minVersion)) tls.minVersion = given.minVersion;
  if (isGiven(given.maxVersion)) tls.maxVersion = given.maxVersion;
  return tls;
}

/** Node takes null for what is not given, too. */
export function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== undefined && value !== null;
}

function passphraseOf(key: NodeTlsOptions["key"]): string | undefined {
  const [first] = Array.isArray(key) ? key as readonly unknown[] : [];
  return (first as { passphrase?: string } | undefined)?.passphrase;
}

/** Node takes text and bytes alone, no path, and so does this. */
function pem(name: string, value: CertMeta | KeyMeta): string {
  const list =
    (Array.isArray(value) ? value : [value]) as readonly (string | Uint8Array | { pem: string | Uint8Array })[];
  const text = list.map((each) => {
    const content = typeof each === "object" && "pem" in each ? each.pem : each;
    return typeof content === "string" ? content : Buffer.from(content).toString("latin1");
  }).join("\n");
  if (!text.includes("-----BEGIN")) throw new TypeError(`${name} must be PEM; for a path use tls: { ${name} }`);
  return text;
}

function archive(value: NonNullable<NodeTlsOptions["pfx"]>): Uint8Array {
  const list = (Array.isArray(value) ? value : [value]) as readonly (string | Uint8Array | { buf?: unknown })[];
  const [first] = list;
  if (list.length !== 1) throw new TypeError("pfx must be one archive: libcurl takes one certificate");
  if (typeof first === "string") return Buffer.from(first, "latin1");
  if (!(first instanceof Uint8Array)) throw new TypeError("pfx must be an archive's bytes");
  return first;
}

function serverName(name: string): string {
  if (name !== "") return name;
  throw new TypeError('servername "" would send no SNI, which libcurl does only for an address');
}

function ciphers(list: string): Pick<TlsOptions, "ciphers" | "cipherSuites"> {
  const names = list.split(":");
  const suites = names.filter((name) => name.startsWith("TLS_")).join(":");
  const others = names.filter((name) => !name.startsWith("TLS_")).join(":");
  return { ...others !== "" && { ciphers: others }, ...suites !== "" && { cipherSuites: suites } };
}
