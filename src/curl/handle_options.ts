/** Sets the options of an easy handle: those that every attempt needs, and the user's for TLS, proxy and network. */
import { CurlWebSocketError } from "../errors.ts";
import type { RawCurlOption } from "../options/curl_options.ts";
import type { CompleteNetwork } from "../options/network.ts";
import { easyOption } from "../options/easy_option.ts";
import { type CompleteProxy, environmentNoProxy, type ProxyAuth, proxyFor, proxyName } from "../options/proxy.ts";
import { bracketed, type TlsOptions } from "../options/tls.ts";
import type { Browser } from "../handshake/browsers.ts";
import type { Fingerprint } from "../options/fingerprint.ts";
import type { Observer } from "../observe/observer.ts";
import * as C from "./constants.ts";
import type { OptionSetter } from "./option_setter.ts";
import { runtime } from "../platform/runtime.ts";
import { setFingerprint } from "./fingerprint.ts";
import { impersonate } from "./impersonate.ts";
import { setTls, TRUST_OPTIONS } from "./tls_options.ts";

/** What to connect to, and how. */
export interface ConnectTarget {
  /** An `http:` or `https:` URL; only its origin matters. */
  readonly url: URL;
  readonly tls: TlsOptions;
  /** Null if the environment decides. */
  readonly proxy: CompleteProxy | false | null;
  readonly network: CompleteNetwork;
  readonly curlOptions: readonly RawCurlOption[];
  /** The browser whose ClientHello to send; null for libcurl's own. */
  readonly browser: Browser | null;
  /** What of a ClientHello is to differ from that; null for nothing. */
  readonly fingerprint: Fingerprint | null;
  /**
   * How long the caller waits, ms; 0 for no limit. If there are several addresses, libcurl gives the first half of it.
   */
  readonly timeout: number;
  /** Who is called with libcurl's log, if anybody. */
  readonly observer?: Observer | null;
}

/** Returns the port of an `http:` or `https:` URL. */
export function portOf({ port, protocol }: URL): number {
  return port !== "" ? Number(port) : protocol === "https:" ? 443 : 80;
}

/**
 * Returns the proxy for a target, or null.
 *
 * @throws {CurlWebSocketError} `ERR_PROXY` if the environment's is no URL of a proxy
 */
export function chooseProxy({ url, proxy, network }: ConnectTarget): CompleteProxy | null {
  if (network.unixSocket !== undefined) return null;
  try {
    return proxyFor(url, proxy, runtime().env);
  } catch (cause) {
    if (cause instanceof CurlWebSocketError) throw cause;
    throw new CurlWebSocketError("ERR_PROXY", `the proxy that the environment names: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The longest time that libcurl takes, ms: a C `long` has 32 bits on Windows. */
const FOREVER = 0x7fff_ffff;
/**
 * libcurl's own limit is longer than the caller's by this part, and by this many ms at most, so that the caller's ends
 * the attempt. It is not longer still: libcurl gives the first of several addresses half of its limit, and the next one
 * half of what is left.
 */
const MARGIN = 0.1, MOST_MARGIN = 1_000;

/** Returns libcurl's own limit, ms, for a caller who waits for `timeout` ms. */
export function connectLimit(timeout: number): number {
  // libcurl's default of 300 s must not end a longer wait. Without a limit, the system's own holds for each address:
  // some two minutes, after which libcurl tries the next.
  const limit = timeout === 0 ? FOREVER : Math.ceil(timeout + Math.min(timeout * MARGIN, MOST_MARGIN));
  return Math.min(limit, FOREVER);
}

/** Sets what every attempt needs: to connect and nothing more, whatever the user's options are. */
export function setBaseOptions(set: OptionSetter, { url, timeout, browser, fingerprint }: ConnectTarget): void {
  set.long("CONNECT_ONLY", 1);
  // Others' connections are in the same multi. libcurl uses none again for an attempt that is to connect only.
  set.long("FRESH_CONNECT", 1);
  set.long("NOSIGNAL", 1);
  set.long("TCP_NODELAY", 1);
  set.long("HTTP_VERSION", C.CURL_HTTP_VERSION_1_1);
  if (browser !== null) impersonate(set.curl, set.easy, browser);
  if (fingerprint !== null && url.protocol === "https:") setFingerprint(set.curl, set.easy, fingerprint);
  set.long("HTTPPROXYTUNNEL", 1);
  set.long("CONNECTTIMEOUT_MS", connectLimit(timeout));
  // Closing while getaddrinfo runs must not wait for it. From 7.87; an older libcurl waits, and libcurl-impersonate
  // 7.84 has another option, of TLS session tickets, by the same number.
  if (set.curl.versionNumber >= 0x075700) set.tryLong("QUICK_EXIT", 1);
}

/** Sets what the user's options say. `proxy` is {@linkcode chooseProxy}'s. */
export function setUserOptions(set: OptionSetter, target: ConnectTarget, proxy: CompleteProxy | null): void {
  const { url, tls, network, curlOptions } = target;
  const secure = url.protocol === "https:";
  const host = secure && tls.serverName !== undefined ? bracketed(tls.serverName) : url.hostname;
  set.text("URL", `${url.protocol}//${host}${url.port && `:${url.port}`}`);
  // libcurl has this once for both.
  let cacheSeconds = Infinity;
  if (secure) cacheSeconds = setTls(set, tls, "", trusts(curlOptions, ""));
  setProxy(set, proxy, target);
  if (proxy?.scheme === "https") {
    cacheSeconds = Math.min(cacheSeconds, setTls(set, proxy.tls, "PROXY_", trusts(curlOptions, "PROXY_")));
  }
  // From 7.87 on; libcurl-impersonate 7.84 may have another option by this number.
  if (cacheSeconds < Infinity && set.curl.versionNumber >= 0x075700) set.tryLong("CA_CACHE_TIMEOUT", cacheSeconds);
  refuseBlockingSocks(set, proxy?.scheme, "the proxy");
  setNetwork(set, network);
  setAddresses(set, target, proxy, host);
  for (const { option, value } of curlOptions) {
    if (option.name === "PRE_PROXY") refuseBlockingSocks(set, String(value), "CURLOPT_PRE_PROXY");
    set.raw(option, value);
  }
}

/** Returns whether any of these options says what is trusted. */
function trusts(options: readonly RawCurlOption[], prefix: "" | "PROXY_"): boolean {
  return options.some(({ option }) =>
    TRUST_OPTIONS.some((name) => easyOption(prefix + name)?.number === option.number)
  );
}

/** Throws if SOCKS would block the thread: before 7.69, libcurl waited for the proxy's replies inside its call. */
function refuseBlockingSocks(set: OptionSetter, scheme: string | undefined, what: string): void {
  if (set.curl.versionNumber >= 0x074500 || !scheme?.toLowerCase().startsWith("socks")) return;
  const message = `${what} is SOCKS, which needs libcurl 7.69, and this is ${set.curl.info.version}`;
  throw new CurlWebSocketError("ERR_LIBCURL", message);
}

/** CURLAUTH_*; `any` is all but Internet Explorer's variant of Digest. */
const AUTH_BITS: Readonly<Record<ProxyAuth, number>> = { basic: 1, digest: 2, negotiate: 4, ntlm: 8, any: -17 };

function setProxy(set: OptionSetter, proxy: CompleteProxy | null, { curlOptions }: ConnectTarget): void {
  // Both are set, so that libcurl does not read the environment: proxyFor() did, by the rules for ws: and wss:, and
  // with Deno's permissions.
  set.text("PROXY", proxy === null ? "" : proxyName(proxy));
  const own = proxy === null && curlOptions.some(({ option }) => option.name === "PRE_PROXY");
  set.text("NOPROXY", own ? environmentNoProxy(runtime().env) : "");
  if (proxy === null) return;
  const { username, password, auth, headers, scheme } = proxy;
  if (username !== undefined || auth === "negotiate") {
    set.text("PROXYUSERNAME", username ?? "");
    set.text("PROXYPASSWORD", password ?? "");
  }
  if (auth !== undefined) set.long(scheme.startsWith("http") ? "PROXYAUTH" : "SOCKS5_AUTH", AUTH_BITS[auth]);
  if (headers.length > 0) {
    set.long("HEADEROPT", C.CURLHEADER_SEPARATE);
    // libcurl's syntax for a field without a value: the name and a semicolon.
    set.list("PROXYHEADER", headers.map(([name, value]) => value === "" ? `${name};` : `${name}: ${value}`));
  }
}

function setNetwork(set: OptionSetter, network: CompleteNetwork): void {
  const { localAddress, localPort, unixSocket, keepAlive } = network;
  const device = network.interface;
  if (device !== undefined && localAddress !== undefined) {
    if (set.curl.versionNumber < 0x080900) {
      const { version } = set.curl.info;
      throw new CurlWebSocketError(
        "ERR_LIBCURL",
        `interface and localAddress together need libcurl 8.9, and this is ${version}`,
      );
    }
    set.text("INTERFACE", `ifhost!${device}!${localAddress}`);
  } else if (device !== undefined) {
    set.text("INTERFACE", `if!${device}`);
  } else if (localAddress !== undefined) {
    set.text("INTERFACE", `host!${localAddress}`);
  }
  if (localPort !== undefined) {
    set.long("LOCALPORT", localPort[0]);
    set.long("LOCALPORTRANGE", localPort[1] - localPort[0] + 1);
  }
  if (unixSocket?.startsWith("@")) {
    if (runtime().os !== "linux") {
      throw new CurlWebSocketError(
        "ERR_CONNECT_REFUSED",
        `unixSocket: ${unixSocket} is abstract, which only Linux has`,
      );
    }
    set.text("ABSTRACT_UNIX_SOCKET", unixSocket.slice(1));
  } else if (unixSocket !== undefined) {
    set.text("UNIX_SOCKET_PATH", unixSocket);
  }
  if (network.ipVersion !== undefined) {
    set.long("IPRESOLVE", network.ipVersion === 4 ? C.CURL_IPRESOLVE_V4 : C.CURL_IPRESOLVE_V6);
  }
  if (network.happyEyeballsTimeout !== undefined) set.long("HAPPY_EYEBALLS_TIMEOUT_MS", network.happyEyeballsTimeout);
  if (network.dohUrl !== undefined) set.text("DOH_URL", network.dohUrl);
  if (keepAlive !== null) {
    set.long("TCP_KEEPALIVE", 1);
    set.long("TCP_KEEPIDLE", keepAlive.idle);
    set.long("TCP_KEEPINTVL", keepAlive.interval);
    if (keepAlive.count !== undefined) set.long("TCP_KEEPCNT", keepAlive.count);
  }
}

/** Sets `resolve` and `connectTo`, and maps `serverName`, which is the URL's host to libcurl, to the real one. */
function setAddresses(set: OptionSetter, target: ConnectTarget, proxy: CompleteProxy | null, host: string): void {
  const { url, network } = target;
  const real = url.hostname, port = portOf(url);
  const to = network.connectTo.map((entry) => {
    if (host === real || !entry.toLowerCase().startsWith(`${real}:`)) return entry;
    return host + entry.slice(real.length);
  });
  if (host !== real) to.push(`${host}:${port}:${real}:${port}`);
  if (to.length > 0) set.list("CONNECT_TO", to);
  if (network.resolve.length === 0) return;
  const ports = new Set([port, ...to.map((entry) => Number(/:(\d*)$/.exec(entry)![1])).filter((to) => to > 0)]);
  if (proxy !== null) ports.add(proxy.port);
  const entries = network.resolve.flatMap(({ host, port, addresses }) => {
    const some = ofVersion(addresses, network.ipVersion);
    // An older libcurl would use the addresses that are left out here.
    if (some === "" && (host === real || host === "*")) {
      const message =
        `resolve has no IPv${network.ipVersion} address for ${real}, and ipVersion is ${network.ipVersion}`;
      throw new CurlWebSocketError("ERR_DNS", message);
    }
    return some === "" ? [] : [...(port === null ? ports : [port])].map((each) => `${host}:${each}:${some}`);
  });
  set.list("RESOLVE", entries);
}

/** Returns the addresses of a list that are of a version of IP. */
function ofVersion(addresses: string, version: 4 | 6 | undefined): string {
  if (version === undefined) return addresses;
  return addresses.split(",").filter((address) => address.startsWith("[") === (version === 6)).join(",");
}
