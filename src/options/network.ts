/** The options that say where and how to connect. */
import { shownUrl } from "../observe/redact.ts";
import { checkNames, numberOf, textOf } from "./validate.ts";
import { addressBytes } from "./no_proxy.ts";
import { bracketed } from "./tls.ts";

/** How a silent connection is probed by the kernel. */
export interface KeepAliveOptions {
  /** Silence before the first probe, ms; default 60,000, at least 1,000. The kernel counts whole seconds. */
  idle?: number;
  /** Between two probes, ms; default 60,000, at least 1,000. */
  interval?: number;
  /** How many probes without an answer end the connection, 1 to 127; default the kernel's. Needs libcurl 8.9. */
  count?: number;
}

/** What a `CurlWebSocket` may be told about the network. */
export interface NetworkOptions {
  /** The network interface to leave by, such as `"eth0"`. On Windows libcurl knows none. */
  interface?: string;
  /** The address of this machine to connect from. With `interface` too it needs libcurl 8.9. */
  localAddress?: string;
  /** The port of this machine to connect from, or the first and last of those to try, 1 to 65,535; default any. */
  localPort?: number | readonly [first: number, last: number];
  /**
   * Addresses for names, instead of DNS: `{ "example.com:443": "127.0.0.1" }`, or without a port for the URL's (and the
   * proxy's); `*` stands for any name. Of several addresses all are tried.
   */
  resolve?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Where to connect to instead: curl's `"host:port:to-host:to-port"`, each part of which may be empty. The server sees
   * the URL's name in TLS and in the request.
   */
  connectTo?: string | readonly string[];
  /** The path of a Unix socket to connect to instead; `"@name"` is an abstract one of Linux. No proxy is used. */
  unixSocket?: string;
  /** Looks up and uses addresses of this version of IP alone; default both. */
  ipVersion?: 4 | 6;
  /** How long IPv6 is tried before IPv4 too, whole ms; default 200. */
  happyEyeballsTimeout?: number;
  /** Looks names up at this `https:` URL (RFC 8484) instead of by the system. TLS to it is checked as by default. */
  dohUrl?: string | URL;
  /** Whether the kernel probes a silent connection, and how; default false. */
  keepAlive?: boolean | KeepAliveOptions;
}

/** An option that `resolve` adds for libcurl. */
export interface ResolveEntry {
  readonly host: string;
  /** Null for the ports that are connected to. */
  readonly port: number | null;
  readonly addresses: string;
}

/** The options, checked. */
export interface CompleteNetwork {
  readonly interface: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: readonly [first: number, last: number] | undefined;
  readonly resolve: readonly ResolveEntry[];
  readonly connectTo: readonly string[];
  readonly unixSocket: string | undefined;
  readonly ipVersion: 4 | 6 | undefined;
  readonly happyEyeballsTimeout: number | undefined;
  readonly dohUrl: string | undefined;
  readonly keepAlive: { readonly idle: number; readonly interval: number; readonly count: number | undefined } | null;
}

/** The names, for the list of known options. */
export const NETWORK_NAMES: readonly string[] = [
  ...["interface", "localAddress", "localPort", "resolve", "connectTo", "unixSocket", "ipVersion"],
  ...["happyEyeballsTimeout", "dohUrl", "keepAlive"],
];

/** A host, or nothing, in one part of `connectTo`. */
const PART = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]]*):(\d*):(\[[0-9a-fA-F:.%]+\]|[^:[\]]*):(\d*)$/;

/** Checks them. */
export function networkOptions(options: NetworkOptions): CompleteNetwork {
  const name = textOf("interface", options.interface, "the name of a network interface");
  if (name?.includes("!")) throw new TypeError(`interface must be a name alone, and is ${JSON.stringify(name)}`);
  const localAddress = textOf("localAddress", options.localAddress, "an IP address")?.replace(/^\[|\]$/g, "");
  if (localAddress !== undefined && addressBytes(localAddress) === null) {
    throw new TypeError(`localAddress must be an IP address, and is ${JSON.stringify(localAddress)}`);
  }
  const { ipVersion } = options;
  if (ipVersion !== undefined && ipVersion !== 4 && ipVersion !== 6) {
    throw new TypeError(`ipVersion must be 4 or 6, and is ${String(ipVersion)}`);
  }
  if (options.happyEyeballsTimeout !== undefined) {
    numberOf("happyEyeballsTimeout", options.happyEyeballsTimeout, 0, 0x7fff_ffff, true);
  }
  return {
    interface: name,
    localAddress,
    localPort: localPortOf(options.localPort),
    resolve: resolveOf(options.resolve),
    connectTo: connectToOf(options.connectTo),
    unixSocket: unixSocketOf(options.unixSocket),
    ipVersion,
    happyEyeballsTimeout: options.happyEyeballsTimeout,
    dohUrl: dohUrlOf(options.dohUrl),
    keepAlive: keepAliveOf(options.keepAlive ?? false),
  };
}

function localPortOf(given: NetworkOptions["localPort"]): readonly [number, number] | undefined {
  if (given === undefined) return undefined;
  const range = Array.isArray(given) ? given : [given, given];
  if (range.length !== 2) throw new TypeError("localPort must be a port, or the first and the last one to try");
  for (const port of range) numberOf("localPort", port, 1, 65535, true);
  if (range[0] > range[1]) throw new RangeError(`localPort: the first, ${range[0]}, is above the last, ${range[1]}`);
  return range as [number, number];
}

function resolveOf(given: NetworkOptions["resolve"]): ResolveEntry[] {
  if (given === undefined) return [];
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError('resolve must be a record, such as { "example.com:443": "127.0.0.1" }');
  }
  return Object.entries(given).map(([key, value]) => {
    const [, host, port] = /^(\[[^\]]+\]|[^:\s,]+)(?::(\d+))?$/.exec(key) ?? [];
    if (host === undefined) throw new TypeError(`resolve: ${JSON.stringify(key)} must be a host, or host:port`);
    if (port !== undefined) numberOf(`resolve: the port of ${key}`, Number(port), 1, 65535, true);
    const list = typeof value === "string" ? [value] : value;
    if (!Array.isArray(list) || list.length === 0) {
      throw new TypeError(`resolve: the value of ${key} must be an IP address or a list of them`);
    }
    const addresses = list.map((address) => {
      const bare = typeof address === "string" ? address.replace(/^\[|\]$/g, "") : "";
      if (addressBytes(bare) === null) {
        throw new TypeError(`resolve: the value of ${key} must be an IP address, and is ${JSON.stringify(address)}`);
      }
      return bracketed(bare);
    });
    return { host, port: port === undefined ? null : Number(port), addresses: addresses.join(",") };
  });
}

function connectToOf(given: NetworkOptions["connectTo"]): string[] {
  if (given === undefined) return [];
  const list = typeof given === "string" ? [given] : given;
  if (!Array.isArray(list)) throw new TypeError("connectTo must be text or a list of texts");
  for (const entry of list) {
    if (typeof entry !== "string" || !PART.test(entry) || /[\s\0]/.test(entry)) {
      throw new TypeError(`connectTo must be "host:port:to-host:to-port", and is ${JSON.stringify(entry)}`);
    }
  }
  return [...list];
}

function unixSocketOf(given: unknown): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "string") throw new TypeError(`unixSocket must be a path or "@name", not ${typeof given}`);
  // Of an abstract socket's name the kernel's own first octet is NUL; "@" is how it is shown.
  const path = given.startsWith("\0") ? `@${given.slice(1)}` : given;
  if (path === "" || path === "@" || path.includes("\0")) {
    throw new TypeError(`unixSocket must be a path or "@name", and is ${JSON.stringify(given)}`);
  }
  // struct sockaddr_un has room for 108 octets on Linux and 104 on macOS and the BSDs, with the NUL.
  if (new TextEncoder().encode(path).length > 107) {
    throw new RangeError(`unixSocket may have 107 bytes, and has more: ${JSON.stringify(path)}`);
  }
  return path;
}

function dohUrlOf(given: NetworkOptions["dohUrl"]): string | undefined {
  if (given === undefined) return undefined;
  const url = typeof given === "string" || given instanceof URL ? URL.parse(`${given}`) : null;
  if (url?.protocol !== "https:") {
    throw new TypeError(
      `dohUrl must be an https: URL, and is ${typeof given === "string" ? `"${shownUrl(given)}"` : typeof given}`,
    );
  }
  return url.href;
}

function keepAliveOf(given: boolean | KeepAliveOptions): CompleteNetwork["keepAlive"] {
  if (given === false) return null;
  const options = given === true ? {} : given;
  checkNames("keepAlive option", options, ["idle", "interval", "count"]);
  const seconds = (name: "idle" | "interval") =>
    Math.ceil(numberOf(`keepAlive.${name}`, options[name] ?? 60_000, 1000, 0x7fff_ffff) / 1000);
  const { count } = options;
  return {
    idle: seconds("idle"),
    interval: seconds("interval"),
    count: count === undefined ? undefined : numberOf("keepAlive.count", count, 1, 127, true),
  };
}
