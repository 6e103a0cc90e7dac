/** Who may resume whose TLS sessions. */
import type { CompleteProxy } from "../options/proxy.ts";
import type { ConnectTarget } from "./handle_options.ts";

/** A longer certificate, key or list stands in the key by its digest. */
const LONGEST = 100;

/** Returns a digest of bytes or text, in hex or the like. */
export type Digest = (data: Uint8Array | string) => string;

/**
 * Returns a key: attempts whose keys are equal may resume each other's TLS sessions. A session tells the server that the
 * two connections are one client's. So whoever looks like another client shares none: another proxy or credentials for it,
 * another address of this machine, another browser, other TLS options, above all certificates. libcurl itself looks at
 * the server's name and port.
 */
export function sessionIdentity(
  { url, tls, network, curlOptions, browser }: ConnectTarget,
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
