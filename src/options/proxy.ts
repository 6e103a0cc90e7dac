/** The option `proxy`, and the proxy that the environment names. */
import { checkFields, type HeaderList } from "../handshake/fields.ts";
import { checkNames, textOf, wordOf } from "./validate.ts";
import { headerList, type HeadersOption } from "./headers.ts";
import { bypassesProxy } from "./no_proxy.ts";
import { type ProxyTlsOptions, type TlsOptions, tlsOptions } from "./tls.ts";

/** How a proxy is told who asks. */
export type ProxyAuth = "basic" | "digest" | "ntlm" | "negotiate" | "any";

/** A proxy and all there is to say about it. */
export interface ProxyOptions {
  /**
   * `http:`, `https:` (TLS to the proxy itself), `socks4:`, `socks4a:`, `socks5:` or `socks5h:`; without a scheme
   * `http:`. With `socks4a:` and `socks5h:` the proxy looks the server's name up. The port is by default the scheme's: 80,
   * 443, or 1080 for SOCKS. Username and password may stand in it, percent-encoded. A SOCKS proxy at a Unix socket is
   * `socks5h://localhost/path`, from libcurl 7.84.
   */
  url: string | URL;
  /** Who asks; goes before the URL's. SOCKS4 has no password. */
  username?: string;
  /** The password; goes before the URL's. It is in no error and no message. */
  password?: string;
  /**
   * How the two are sent: by default `"basic"`; `"any"` asks the proxy first and takes the safest it offers. SOCKS5 knows
   * `"basic"` and `"negotiate"` (GSS-API), and by default takes either. `"ntlm"` and `"negotiate"` need a libcurl that
   * has them.
   */
  auth?: ProxyAuth;
  /** Header fields of the CONNECT request, for `http:` and `https:` proxies; the server does not see them. */
  headers?: HeadersOption;
  /** TLS settings towards an `https:` proxy. */
  tls?: ProxyTlsOptions;
  /**
   * Hosts to connect to without the proxy, by curl's rules: names, which take their subdomains along, addresses and
   * networks, with commas between, or `*`. By default what `no_proxy` says in the environment; `""` for none.
   */
  noProxy?: string;
}

/** What the option takes. */
export type ProxyOption = string | URL | false | ProxyOptions;

const SCHEMES = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"] as const;
type Scheme = typeof SCHEMES[number];

/** A proxy that was checked and made whole. */
export interface CompleteProxy {
  readonly scheme: Scheme;
  /** As in a URL: IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  /** The path of a Unix socket, for SOCKS, or `""`. */
  readonly path: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly auth: ProxyAuth | undefined;
  readonly headers: HeaderList;
  readonly tls: TlsOptions;
  /** Undefined where the environment's holds. */
  readonly noProxy: string | undefined;
  /** Where it comes from, for messages: `the option proxy`, or a variable of the environment. */
  readonly source: string;
}

const NAMES = ["url", "username", "password", "auth", "headers", "tls", "noProxy"];
// deno-lint-ignore no-control-regex -- these would end a header line of CONNECT, or a C string
const CONTROL = /[\0-\x1f\x7f]/;
const AUTHS: readonly ProxyAuth[] = ["basic", "digest", "ntlm", "negotiate", "any"];

/** The proxy without its credentials, as it is shown. */
export function proxyName({ scheme, host, port, path }: CompleteProxy): string {
  return `${scheme}://${host}${path === "" ? `:${port}` : path}`;
}

/** Checks the option. Null where the environment is to decide, false for none at all. */
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
    throw new RangeError("proxy: username and password may have 255 bytes each in SOCKS, and one has more");
  }
  if (auth !== undefined && username === undefined && auth !== "negotiate") {
    throw new TypeError(`proxy.auth "${auth}" needs proxy.username and proxy.password`);
  }
  if (parsed.scheme.startsWith("socks4") && password) {
    throw new TypeError("proxy.password: SOCKS4 has none; use socks5");
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
 * The proxy for a URL, of `ws:` and `wss:` or the `http:` and `https:` that stand for them, or null for none: the option's, else the environment's by curl's rules.
 *
 * @throws {TypeError} where the environment names what is no proxy
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

/** The hosts that the environment takes out, or `""`. */
export function environmentNoProxy(env: (name: string) => string | undefined): string {
  return env("no_proxy") || env("NO_PROXY") || "";
}

/** curl reads no `HTTP_PROXY`: in a CGI program that is a header of the request. */
const VARIABLES = {
  ws: ["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"],
  wss: ["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
};

function environmentProxy(scheme: "ws" | "wss", env: (name: string) => string | undefined): CompleteProxy | null {
  for (const name of VARIABLES[scheme]) {
    const text = env(name);
    // To curl an empty variable is none.
    if (!text) continue;
    return parseProxy(name, text, { httpPort: 1080, strict: false, source: `the environment's ${name}` });
  }
  return null;
}

/** `httpPort`: curl's default is 1080, the URL standard's 80. `strict`: what has no meaning is refused. */
interface Reading {
  readonly httpPort: number;
  readonly strict: boolean;
  readonly source: string;
}

function parseProxy(name: string, given: string, { httpPort, strict, source }: Reading): CompleteProxy {
  const text = given.trim();
  if (text === "" || text.includes("\0")) {
    throw new TypeError(`${name} must be the URL of a proxy; for none at all give proxy: false`);
  }
  const full = text.includes("://") ? text : `http://${text}`;
  // What failed to parse may hold a password, which goes into no message: only its scheme is shown.
  const scheme = full.slice(0, full.indexOf("://")).toLowerCase() as Scheme;
  if (!SCHEMES.includes(scheme)) {
    throw new TypeError(
      `${name}: a proxy's scheme must be one of ${SCHEMES.join(", ")}, and is ${JSON.stringify(scheme)}`,
    );
  }
  // Read as http, so that the host of a socks URL is checked as one; a port of 80 would not be seen again.
  const rest = full.slice(scheme.length + 3);
  const url = URL.parse(`http://${rest}`);
  if (url === null) {
    throw new TypeError(`${name} is no URL: <scheme>://[<username>:<password>@]<host>:<port> is wanted`);
  }
  const authority = rest.split(/[/?#\\]/, 1)[0]!;
  const explicit = /:(\d+)$/.exec(authority.slice(authority.lastIndexOf("@") + 1))?.[1];
  const fallback = scheme === "http" ? httpPort : scheme === "https" ? 443 : 1080;
  const port = explicit === undefined ? fallback : Number(explicit);
  if (port === 0) throw new TypeError(`${name}: the port must be 1 to 65535, and is 0`);
  const socket = scheme.startsWith("socks") && url.hostname === "localhost" && url.pathname !== "/";
  if (strict && !socket && (url.pathname !== "/" || url.search !== "" || url.hash !== "")) {
    throw new TypeError(`${name}: a proxy's URL ends with its port, and this one goes on`);
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

/** Without `strict` a percent sign that begins no octet stands for itself, as in curl. */
function decoded(name: string, text: string, strict: boolean): string {
  try {
    const plain = decodeURIComponent(strict ? text : text.replace(/%(?![0-9a-f]{2})/gi, "%25"));
    if (!CONTROL.test(plain)) return plain;
  } catch {
    // Falls through to the error, which must not have the text in it.
  }
  throw new TypeError(`${name}: username and password must be percent-encoded UTF-8 without control characters`);
}
