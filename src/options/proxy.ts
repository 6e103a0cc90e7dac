/** The option `proxy`, and the proxy that the environment names. */
import { checkFields, type HeaderList } from "../handshake/fields.ts";
import { checkNames, textOf, wordOf } from "./validate.ts";
import { headerList, type HeadersOption } from "./headers.ts";
import { bypassesProxy } from "./no_proxy.ts";
import { type ProxyTlsOptions, type TlsOptions, tlsOptions } from "./tls.ts";

/** How a proxy authenticates the client. */
export type ProxyAuth = "basic" | "digest" | "ntlm" | "negotiate" | "any";

/** A proxy and its settings. */
export interface ProxyOptions {
  /**
   * `http:`, `https:` (TLS to the proxy itself), `socks4:`, `socks4a:`, `socks5:` or `socks5h:`; without a scheme it is
   * `http:`. With `socks4a:` and `socks5h:` the proxy looks the server's name up. The default port is the scheme's: 80,
   * 443, or 1080 for SOCKS. It may contain a username and password, percent-encoded. A SOCKS proxy at a Unix socket is
   * `socks5h://localhost/path`, from libcurl 7.84 on.
   */
  url: string | URL;
  /** The username, instead of the URL's. */
  username?: string;
  /** The password, instead of the URL's; SOCKS4 has none. It never appears in errors or logs. */
  password?: string;
  /**
   * How username and password are sent; default `"basic"`. `"any"` asks the proxy first, and takes the safest way that
   * it offers. SOCKS5 has `"basic"` and `"negotiate"` (GSS-API), and by default takes either. `"ntlm"` and
   * `"negotiate"` need a libcurl that supports them.
   */
  auth?: ProxyAuth;
  /** Header fields of the CONNECT request to an `http:` or `https:` proxy; the server does not see them. */
  headers?: HeadersOption;
  /** TLS settings towards an `https:` proxy. */
  tls?: ProxyTlsOptions;
  /**
   * Hosts to connect to without the proxy, by curl's rules: names (with their subdomains), addresses and networks,
   * separated by commas, or `*` for all. By default the environment's `no_proxy`; `""` for none.
   */
  noProxy?: string;
}

/** A proxy: its URL, an object with its settings, or `false` for none. */
export type ProxyOption = string | URL | false | ProxyOptions;

const SCHEMES = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"] as const;
type Scheme = typeof SCHEMES[number];

/** A proxy, checked and completed. */
export interface CompleteProxy {
  readonly scheme: Scheme;
  /** As a URL has it: IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  /** The path of a Unix socket, for SOCKS, or `""`. */
  readonly path: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly auth: ProxyAuth | undefined;
  readonly headers: HeaderList;
  readonly tls: TlsOptions;
  /** Undefined if the environment's applies. */
  readonly noProxy: string | undefined;
  /** Where it comes from, for messages: `the proxy option`, or a variable of the environment. */
  readonly source: string;
}

const NAMES = ["url", "username", "password", "auth", "headers", "tls", "noProxy"];
// deno-lint-ignore no-control-regex -- these would end a header line of CONNECT, or a C string
const CONTROL = /[\0-\x1f\x7f]/;
const AUTHS: readonly ProxyAuth[] = ["basic", "digest", "ntlm", "negotiate", "any"];

/** Returns the proxy's URL without credentials, to be shown. */
export function proxyName({ scheme, host, port, path }: CompleteProxy): string {
  return `${scheme}://${host}${path === "" ? `:${port}` : path}`;
}

/**
 * Checks the option. Returns null if the environment decides, false for no proxy.
 *
 * @throws {TypeError | RangeError} that names the option
 */
export function proxyOptions(given: ProxyOption | undefined): CompleteProxy | false | null {
  if (given === undefined) return null;
  if (given === false) return false;
  const object = typeof given === "object" && given !== null && !(given instanceof URL);
  const options: ProxyOptions = object ? given : { url: given };
  if (object) checkNames("proxy option", options, NAMES);
  if (typeof options.url !== "string" && !(options.url instanceof URL)) {
    const what = options.url === null ? "null" : typeof options.url;
    throw new TypeError(
      object ? `proxy.url must be a URL, not ${what}` : `proxy must be a URL, false or an object, not ${what}`,
    );
  }
  const name = object ? "proxy.url" : "proxy";
  const parsed = parseProxy(name, `${options.url}`, { httpPort: 80, strict: true, source: "the proxy option" });
  const secret = (key: "username" | "password") => {
    const value = options[key];
    if (value === undefined) return parsed[key];
    if (typeof value !== "string" || CONTROL.test(value)) {
      throw new TypeError(`proxy.${key} must be text without control characters`);
    }
    return value;
  };
  const username = secret("username"), password = secret("password");
  const auth = wordOf("proxy.auth", options.auth, AUTHS);
  const headers = headerList("proxy.headers", options.headers);
  checkFields("proxy.headers", headers);
  const http = parsed.scheme.startsWith("http");
  if (password !== undefined && username === undefined) throw new TypeError("proxy.password needs proxy.username");
  if (!http && [username, password].some((text) => new TextEncoder().encode(text ?? "").length > 255)) {
    throw new RangeError("proxy: with SOCKS, username and password must be at most 255 bytes each, and one has more");
  }
  if (auth !== undefined && username === undefined && auth !== "negotiate") {
    throw new TypeError(`proxy.auth "${auth}" needs proxy.username and proxy.password`);
  }
  if (parsed.scheme.startsWith("socks4") && password) {
    throw new TypeError("proxy.password: SOCKS4 has no passwords; use socks5");
  }
  if (
    auth !== undefined && !http && (parsed.scheme.startsWith("socks4") || (auth !== "basic" && auth !== "negotiate"))
  ) {
    throw new TypeError(`proxy.auth "${auth}" is not for ${parsed.scheme} proxies`);
  }
  if (headers.length > 0 && !http) {
    throw new TypeError(`proxy.headers are for http and https proxies, not ${parsed.scheme}`);
  }
  if (options.tls !== undefined && parsed.scheme !== "https") {
    throw new TypeError(
      `proxy.tls is for https proxies, and this one is ${parsed.scheme}; the server's settings are tls`,
    );
  }
  if (options.noProxy !== undefined && options.noProxy !== "") {
    textOf("proxy.noProxy", options.noProxy, "a list of hosts");
  }
  return {
    ...parsed,
    username,
    password,
    auth,
    headers,
    tls: tlsOptions("proxy.tls", options.tls ?? {}),
    noProxy: options.noProxy,
  };
}

/**
 * Returns the proxy for a URL, or null for none: the option's, else the environment's, by curl's rules. The URL may be
 * `ws:`, `wss:`, `http:` or `https:`.
 *
 * @throws {TypeError} if the environment's is no URL of a proxy
 */
export function proxyFor(
  url: URL,
  option: CompleteProxy | false | null,
  env: (name: string) => string | undefined,
): CompleteProxy | null {
  if (option === false) return null;
  const proxy = option ?? environmentProxy(/s:$/.test(url.protocol) ? "wss" : "ws", env);
  if (proxy === null) return null;
  const noProxy = proxy.noProxy ?? environmentNoProxy(env);
  return bypassesProxy(noProxy, url.hostname) ? null : proxy;
}

/** Returns the hosts for which the environment turns the proxy off, or `""`. */
export function environmentNoProxy(env: (name: string) => string | undefined): string {
  return env("no_proxy") || env("NO_PROXY") || "";
}

/**
 * The variables, the first that is set counts. curl ignores `HTTP_PROXY`: a CGI program gets the request's Proxy field
 * in it.
 */
const VARIABLES = {
  ws: ["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"],
  wss: ["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
};

function environmentProxy(scheme: "ws" | "wss", env: (name: string) => string | undefined): CompleteProxy | null {
  for (const name of VARIABLES[scheme]) {
    const text = env(name);
    // To curl, an empty variable is not set.
    if (!text) continue;
    return parseProxy(name, text, { httpPort: 1080, strict: false, source: `the environment's ${name}` });
  }
  return null;
}

/** How to read a proxy's URL. */
interface Reading {
  /** The default port of `http:`: 1080 to curl, 80 by the URL standard. */
  readonly httpPort: number;
  /** Whether to refuse what has no meaning. */
  readonly strict: boolean;
  readonly source: string;
}

function parseProxy(name: string, given: string, { httpPort, strict, source }: Reading): CompleteProxy {
  const text = given.trim();
  if (text === "" || text.includes("\0")) {
    throw new TypeError(`${name} must be the URL of a proxy; for no proxy, use proxy: false`);
  }
  const full = text.includes("://") ? text : `http://${text}`;
  // A URL that is not parsed may contain a password: messages show only its scheme.
  const scheme = full.slice(0, full.indexOf("://")).toLowerCase() as Scheme;
  if (!SCHEMES.includes(scheme)) {
    // What cannot be a scheme (RFC 3986 section 3.1) may be a part of a password that has "://" in it.
    const shown = /^[a-z][a-z0-9+.-]*$/.test(scheme) ? `, and is ${JSON.stringify(scheme)}` : "";
    throw new TypeError(
      `${name}: a proxy's scheme must be one of ${SCHEMES.join(", ")}${shown}`,
    );
  }
  // Parsed as http, so that the host of a socks URL is checked too. The parser drops port 80, so the port is read
  // below.
  const rest = full.slice(scheme.length + 3);
  const url = URL.parse(`http://${rest}`);
  if (url === null) {
    throw new TypeError(`${name} is not a URL; it must be <scheme>://[<username>:<password>@]<host>:<port>`);
  }
  const authority = rest.split(/[/?#\\]/, 1)[0]!;
  const explicit = /:(\d+)$/.exec(authority.slice(authority.lastIndexOf("@") + 1))?.[1];
  const fallback = scheme === "http" ? httpPort : scheme === "https" ? 443 : 1080;
  const port = explicit === undefined ? fallback : Number(explicit);
  if (port === 0) throw new TypeError(`${name}: the port must be from 1 to 65535, and is 0`);
  const socket = scheme.startsWith("socks") && url.hostname === "localhost" && url.pathname !== "/";
  if (strict && !socket && (url.pathname !== "/" || url.search !== "" || url.hash !== "")) {
    throw new TypeError(`${name}: a proxy's URL must end with its port, without path, query and fragment`);
  }
  return {
    scheme,
    host: url.hostname,
    port,
    path: socket ? url.pathname : "",
    username: url.username === "" && url.password === "" ? undefined : decoded(name, url.username, strict),
    password: url.username === "" && url.password === "" ? undefined : decoded(name, url.password, strict),
    auth: undefined,
    headers: [],
    tls: {},
    noProxy: undefined,
    source,
  };
}

/** Decodes percent-encoded text. If not `strict`, a percent sign that begins no octet stays, as in curl. */
function decoded(name: string, text: string, strict: boolean): string {
  try {
    const plain = decodeURIComponent(strict ? text : text.replace(/%(?![0-9a-f]{2})/gi, "%25"));
    if (!CONTROL.test(plain)) return plain;
  } catch {
    // Falls through to the error, which must not contain the text.
  }
  throw new TypeError(`${name}: username and password must be percent-encoded UTF-8 without control characters`);
}
