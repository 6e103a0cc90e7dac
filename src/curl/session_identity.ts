/** Who may resume whose TLS sessions. */
import type { CompleteProxy } from "../options/proxy.ts";
import { isPath } from "../options/tls.ts";
import type { CaPlaces } from "./ca_source.ts";
import { BUNDLES, DIRECTORIES } from "./certificate_stores.ts";
import type { ConnectTarget } from "./handle_options.ts";

/** A longer certificate, key or list stands in the key by its digest. */
const LONGEST = 100;

/** Returns a digest of bytes or text, in hex or the like. */
export type Digest = (data: Uint8Array | string) => string;

/**
 * Returns a key: attempts whose keys are equal may resume each other's TLS sessions. A session tells the server that the
 * two connections are one client's. So whoever looks like another client shares none: another proxy or credentials for it,
 * another address of this machine, another browser, another ClientHello, other TLS options, above all certificates. libcurl itself looks at
 * the server's name and port.
 */
export function sessionIdentity(
  { url, tls, network, curlOptions, browser, fingerprint }: ConnectTarget,
  proxy: CompleteProxy | null,
  digest: Digest,
): string {
  const short = (_name: string, value: unknown) => {
    if (value instanceof Uint8Array) return { bytes: digest(value) };
    return typeof value === "string" && value.length > LONGEST ? { text: digest(value) } : value;
  };
  return JSON.stringify([
    url.protocol,
    inOrder(tls),
    browser?.target ?? null,
    fingerprint,
    proxy === null ? null : inOrder({ ...proxy, tls: inOrder(proxy.tls), source: undefined, noProxy: undefined }),
    [
      network.interface,
      network.localAddress,
      network.localPort,
      network.unixSocket,
      network.connectTo,
      network.resolve,
    ],
    network.dohUrl,
    curlOptions.map(({ option, value }) => [option.number, value]),
  ], short);
}

/** Options of `curlOptions` that name a file or folder of certificates or keys. */
const NAMES_FILE = /(?:CAINFO|CAPATH|CRLFILE|ISSUERCERT|SSLCERT|SSLKEY)$/;

/**
 * Returns the files and folders that say whom an attempt trusts and who it is. If one of them changes, a session from before
 * is another's: a server is not verified again when it resumes one, so a CA that was removed would still be trusted.
 * `defaults` is what libcurl trusts by itself.
 */
export function identityFiles(
  { file, folder }: CaPlaces,
  { url, tls, curlOptions }: Pick<ConnectTarget, "url" | "tls" | "curlOptions">,
  proxy: CompleteProxy | null,
): string[] {
  const sides = [...url.protocol === "https:" ? [tls] : [], ...proxy?.scheme === "https" ? [proxy.tls] : []];
  const files = new Set<string>();
  for (const { ca, extraCa, cert, key, pfx, verify } of sides) {
    for (const pem of [ca, extraCa, cert, key, pfx]) if (pem !== undefined && isPath(pem)) files.add(pem);
    if (ca !== undefined || verify === false) continue;
    for (const path of [file, folder, ...BUNDLES, ...DIRECTORIES]) if (path !== null) files.add(path);
  }
  for (const { option, value } of curlOptions) {
    if (typeof value === "string" && NAMES_FILE.test(option.name)) files.add(value);
  }
  return [...files];
}

/** The members of an object by name: it does not matter in which order a user wrote them. */
function inOrder(options: object): [string, unknown][] {
  return Object.entries(options).filter(([, value]) => value !== undefined).sort(([a], [b]) => a < b ? -1 : 1);
}

/** Whether an attempt keeps and resumes TLS sessions. The Tor Browser, whose users are to look alike, does not. */
export function wantsSessions(
  { url, tls, browser }: Pick<ConnectTarget, "url" | "tls" | "browser">,
  proxy: CompleteProxy | null,
): boolean {
  if (browser?.target.startsWith("tor")) return false;
  if (url.protocol !== "https:" && proxy?.scheme !== "https") return false;
  return tls.sessions !== false && proxy?.tls.sessions !== false;
}
