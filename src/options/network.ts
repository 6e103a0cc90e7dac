/** The options that say where and how to connect. */
import { shownUrl } from "../observe/redact.ts";
import { checkNames, MAX_TIMEOUT, numberOf, textOf } from "./validate.ts";
import { addressBytes } from "./no_proxy.ts";
import { bracketed } from "./tls.ts";

/** How the kernel probes a silent connection. */
export interface KeepAliveOptions {
  /**
   * How long the connection must be silent before the first probe, ms; default 60,000, at least 1,000. Rounded up to
   * seconds.
   */
  idle?: number;
  /** The time between two probes, ms; default 60,000, at least 1,000. Rounded up to seconds. */
  interval?: number;
  /** How many unanswered probes end the connection, 1 to 127; default the kernel's. Needs libcurl 8.9. */
  count?: number;
}

/** Where and how a `CurlWebSocket` connects. */
export interface NetworkOptions {
  /** The network interface to use, such as `"eth0"`. Not on Windows. */
  interface?: string;
  /** The address of this machine to connect from. Together with `interface`, it needs libcurl 8.9. */
  localAddress?: string;
  /** The port of this machine to connect from, or the first and the last to try, 1 to 65,535; default any. */
  localPort?: number | readonly [first: number, last: number];
  /**
   * Addresses for names, instead of DNS: `{ "example.com:443": "127.0.0.1" }`; without a port, for the URL's port and
   * the proxy's. `*` means any name. If there are several addresses, all are tried.
   */
  resolve?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Where to connect instead: `"host:port:to-host:to-port"`, as curl has it; each part may be empty. The server still
   * sees the URL's name, in TLS and in the request.
   */
  connectTo?: string | readonly string[];
  /** The path of a Unix socket to connect to instead; `"@name"` is an abstract one (Linux). No proxy is used. */
  unixSocket?: string;
  /** Uses only addresses of this version of IP; default both. */
  ipVersion?: 4 | 6;
  /** How long to try IPv6 before also trying IPv4, in whole ms; default 200. */
  happyEyeballsTimeout?: number;
  /**
   * Looks names up at this `https:` URL (RFC 8484), not by the system. Its certificate is always checked, by the
   * defaults.
   */
  dohUrl?: string | URL;
  /** Whether the kernel probes a silent connection, and how; default false. */
  keepAlive?: boolean | KeepAliveOptions;
}

/** One name of `resolve`, with its addresses. */
export interface ResolveEntry {
  readonly host: string;
  /** Null means the ports that are connected to. */
  readonly port: number | null;
  /** IP addresses with commas between; IPv6 in brackets. */
  readonly addresses: string;
}

/** The checked options. */
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

/** The names of these options. */
export const NETWORK_NAMES: readonly string[] = [
  ...["interface", "localAddress", "localPort", "resolve", "connectTo", "unixSocket", "ipVersion"],
  ...["happyEyeballsTimeout", "dohUrl", "keepAlive"],
];

/** An entry of `connectTo`: two hosts, each with a port; any part may be empty. */
const CONNECT_TO = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]]*):(\d*):(\[[0-9a-fA-F:.%]+\]|[^:[\]]*):(\d*)$/;

/** Those of most connections. */
let none: CompleteNetwork | null = null;

/**
 * Checks the options.
 *
 * @throws {TypeError | RangeError} that names the option
 */
export function networkOptions(options: NetworkOptions): CompleteNetwork {
  for (const name of NETWORK_NAMES) {
    if (options[name as keyof NetworkOptions] !== undefined) return checkedNetwork(options);
  }
  return none ??= checkedNetwork({});
}

function checkedNetwork(options: NetworkOptions): CompleteNetwork {
  const name = textOf("interface", options.interface, "the name of a network interface");
  if (name?.includes("!")) {
    throw new TypeError(`interface must be only a name, without "!", and is ${JSON.stringify(name)}`);
  }
  const localAddress = textOf("localAddress", options.localAddress, "an IP address")?.replace(/^\[|\]$/g, "");
  if (localAddress !== undefined && addressBytes(localAddress) === null) {
    throw new TypeError(`localAddress must be an IP address, and is ${JSON.stringify(localAddress)}`);
  }
  const { ipVersion } = options;
  if (ipVersion !== undefined && ipVersion !== 4 && ipVersion !== 6) {
    throw new TypeError(`ipVersion must be 4 or 6, and is ${String(ipVersion)}`);
  }
  if (options.happyEyeballsTimeout !== undefined) {
    numberOf("happyEyeballsTimeout", options.happyEyeballsTimeout, 0, MAX_TIMEOUT, true);
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
  if (!Array.isArray(list)) throw new TypeError("connectTo must be a string or a list of strings");
  for (const entry of list) {
    if (typeof entry !== "string" || !CONNECT_TO.test(entry) || /[\s\0]/.test(entry)) {
      throw new TypeError(`connectTo must be "host:port:to-host:to-port", and is ${JSON.stringify(entry)}`);
    }
  }
  return [...list];
}

function unixSocketOf(given: unknown): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "string") throw new TypeError(`unixSocket must be a path or "@name", not ${typeof given}`);
  // To the kernel, an abstract socket's name begins with NUL; "@" is how it is written.
  const path = given.startsWith("\0") ? `@${given.slice(1)}` : given;
  if (path === "" || path === "@" || path.includes("\0")) {
    throw new TypeError(`unixSocket must be a path or "@name", and is ${JSON.stringify(given)}`);
  }
  // struct sockaddr_un has room for 108 octets on Linux, 104 on macOS and the BSDs, with the NUL at the end.
  const { length } = new TextEncoder().encode(path);
  if (length > 107) {
    throw new RangeError(`unixSocket must be at most 107 bytes, and has ${length}: ${JSON.stringify(path)}`);
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
    Math.ceil(numberOf(`keepAlive.${name}`, options[name] ?? 60_000, 1000, MAX_TIMEOUT) / 1000);
  const { count } = options;
  return {
    idle: seconds("idle"),
    interval: seconds("interval"),
    count: count === undefined ? undefined : numberOf("keepAlive.count", count, 1, 127, true),
  };
}
