/** Turns the values of the command line into options of `CurlWebSocket`. */
import { readFileSync } from "node:fs";
import process from "node:process";
import type { CurlOptionValue, CurlWebSocketInit, ProxyAuth, ProxyOptions, TlsOptions } from "../../mod.ts";
import { shownFieldName } from "../../src/observe/redact.ts";
import { CommandError, messageOf, UsageError } from "../errors.ts";
import { impersonate } from "./fingerprint_options.ts";
import { OPTIONS } from "./options.ts";
import type { Values } from "./values.ts";

/** curl's default for `-L`. */
const MAX_REDIRECTS = 50;

/**
 * The options of `CurlWebSocket` that the command line asks for.
 *
 * @throws {UsageError} that names the option of the command line, if a value is invalid or two options contradict each other
 */
export function socketOptions(values: Values): CurlWebSocketInit {
  const init: Record<string, unknown> = {
    protocols: values.list("subprotocol").flatMap((list) => list.split(",").map((name) => name.trim())),
    headers: headers(values),
    auth: auth(values),
    params: params(values),
    maxRedirects: maxRedirects(values),
    tls: tls(values, ""),
    proxy: proxy(values),
    resolve: resolve(values.list("resolve")),
    ...localEnd(values),
    unixSocket: unixSocket(values),
    ipVersion: values.has("ipv4") ? 4 : values.has("ipv6") ? 6 : undefined,
    keepAlive: keepAlive(values),
    happyEyeballsTimeout: values.integer("happy-eyeballs-timeout-ms", 0),
    maxMessageSize: values.bytes("max-message-size"),
    perMessageDeflate: values.has("no-compress") ? false : undefined,
    curlOptions: curlOptions(values),
  };
  if (values.has("ipv4") && values.has("ipv6")) throw new UsageError("-4 and -6 leave no address: give one of them");
  if (values.has("connect-to")) init.connectTo = values.list("connect-to");
  for (const name of ["connect-timeout", "handshake-timeout", "close-timeout", "ping-interval", "idle-timeout"]) {
    init[camel(name)] = values.milliseconds(name);
  }
  init.impersonate = impersonate(values);
  for (const name of ["origin", "library"]) init[name] = values.text(name);
  init.dohUrl = values.text("doh-url");
  init.cookies = cookies(values);
  return defined(init);
}

/** An error message of the library, with the flags of the command line in place of the library's option names. */
export function withFlagNames(message: string): string {
  // The library suggests options as `tls: { ca }` and `proxy: { tls: { ca } }`. --cert stands for both kinds of certificate.
  let text = message.replace(/\btls\.pfx\b/g, "tls.cert").replace("curlOptions: { CRLFILE }", "--crlfile")
    .replace(/^impersonate\.base\b/, "impersonate").replace(
      /\b(proxy|tls): \{ (?:(tls): \{ )?([\w:, ]+?) \}(?: \})?/g,
      (all, object: string, inner: string | undefined, list: string) => {
        const path = inner === undefined ? object : `${object}.${inner}`;
        const flags = list.split(", ").map((text) => {
          const name = text.split(":", 1)[0]!;
          return OPTIONS.find(({ sets }) => sets === `${path}.${name}`)?.name;
        });
        const known = flags.filter((name) => name !== undefined).map((name) => `--${name}`);
        return known.length === 0 ? all : known.join(" and ");
      },
    );
  for (const { name, sets } of OPTIONS) {
    if (sets === undefined) continue;
    const plain = /^[a-z]+$/.test(sets);
    // A word such as `origin` may mean itself, unless the message begins with it.
    const pattern = plain
      ? `^${sets}(?= must|:)|\\b(?<=the option )${sets}\\b`
      : `(?<![\\w.])${sets.replace(".", "\\.")}(?![\\w.]*\\w)`;
    text = text.replace(new RegExp(pattern, "g"), `--${name}`);
  }
  return text;
}

function camel(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** Without its undefined properties; undefined if none is left. */
function orNone<T extends object>(object: T): T | undefined {
  const made = defined(object);
  return Object.keys(made).length === 0 ? undefined : made;
}

function headerLine(option: string, line: string): [string, string] | null {
  const [, name, mark, value] = /^([^:;\s]+)([:;])\s*([^]*)$/.exec(line) ?? [];
  if (name === undefined || (mark === ";" && value !== "")) {
    throw new UsageError(
      `--${option} takes 'Name: value', 'Name;' for an empty one, or @FILE, not "${shownFieldName(line)}"`,
    );
  }
  // As in curl, a name and a colon alone remove a field from the request.
  return mark === ":" && value === "" ? null : [name, value!];
}

function fileLines(option: string, path: string): string[] {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/).filter((line) => line.trim() !== "");
  } catch (error) {
    throw new CommandError(`--${option} @${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function headers(values: Values): [string, string][] | undefined {
  const lines = values.list("header").flatMap((line) =>
    line.startsWith("@") ? fileLines("header", line.slice(1)) : [line]
  );
  const list: [string, string][] = [];
  for (const line of lines) {
    const field = headerLine("header", line);
    if (field !== null) list.push(field);
    else if (values.has("impersonate") || /^(host|upgrade|connection|sec-websocket-.*):/i.test(line)) {
      throw new UsageError(`--header ${JSON.stringify(line)} would take a field out of the request, which needs it`);
    }
  }
  for (const [option, name] of [["user-agent", "User-Agent"], ["referer", "Referer"]] as const) {
    const value = values.text(option);
    if (value !== undefined && value !== "" && !list.some(([given]) => given.toLowerCase() === name.toLowerCase())) {
      list.push([name, value]);
    }
  }
  return list.length === 0 ? undefined : list;
}

/** Splits `name:password` at the first colon. */
function credentials(option: string, text: string): { username: string; password: string } {
  const colon = text.indexOf(":");
  if (colon < 0) throw new UsageError(`--${option} takes NAME:PASSWORD; there is no prompt for the password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function auth(values: Values): CurlWebSocketInit["auth"] {
  const user = values.text("user"), bearer = values.text("oauth2-bearer");
  if (user !== undefined && bearer !== undefined) {
    throw new UsageError("--user and --oauth2-bearer both authenticate: give one of them");
  }
  if (bearer !== undefined) return { bearer };
  if (user !== undefined) return { ...credentials("user", user), type: values.has("digest") ? "digest" : "basic" };
  if (values.has("digest")) throw new UsageError("--digest needs --user NAME:PASSWORD");
  return undefined;
}

function cookies(values: Values): string | undefined {
  const list = values.list("cookie");
  const file = list.find((cookie) => !cookie.includes("="));
  if (file !== undefined) {
    throw new UsageError(`--cookie takes NAME=VALUE; cookies are not read from a file, ${JSON.stringify(file)}`);
  }
  return list.length === 0 ? undefined : list.join("; ");
}

function params(values: Values): CurlWebSocketInit["params"] {
  const list = values.list("url-query").map((text): [string, string] => {
    const equals = text.indexOf("=");
    if (equals < 1) throw new UsageError(`--url-query takes NAME=VALUE, not ${JSON.stringify(text)}`);
    return [text.slice(0, equals), text.slice(equals + 1)];
  });
  return list.length === 0 ? undefined : list;
}

function maxRedirects(values: Values): number | undefined {
  const max = values.integer("max-redirs", 0, 100);
  return values.has("location") ? max ?? MAX_REDIRECTS : undefined;
}

/** Splits curl's `FILE[:PASSWORD]`. A backslash escapes a colon in the file's name; the colon of a drive needs none. */
function certificate(text: string): { file: string; passphrase?: string } {
  const match = /^((?:[A-Za-z]:(?=[\\/]))?(?:\\[:\\]|[^:])*):([^]*)$/.exec(text);
  const unescaped = (file: string) => process.platform === "win32" ? file : file.replace(/\\([:\\])/g, "$1");
  return match === null ? { file: unescaped(text) } : { file: unescaped(match[1]!), passphrase: match[2]! };
}

function tls(values: Values, to: "" | "proxy-"): TlsOptions | undefined {
  const text = (name: string) => values.text(`${to}${name}`);
  const cert = text("cert");
  const { file, passphrase } = cert === undefined ? { file: undefined, passphrase: undefined } : certificate(cert);
  const p12 = values.word(`${to}cert-type`, ["PEM", "P12"]) === "P12";
  const min = ["1.3", "1.2", "1.1", "1.0"].find((version) => values.has(`${to}tlsv${version}`));
  const max = values.word(`${to}tls-max`, ["1.0", "1.1", "1.2", "1.3"]);
  const version = (number: string | undefined) =>
    number === undefined ? undefined : `TLSv${number}`.replace(/\.0$/, "");
  const tls = orNone<Record<string, unknown>>({
    verify: values.has(`${to}insecure`) ? false : undefined,
    ca: text("cacert"),
    extraCa: text("extra-cacert"),
    systemStore: values.has(`${to}ca-native`) ? true : undefined,
    cert: p12 ? undefined : file,
    pfx: p12 ? file : undefined,
    key: text("key"),
    passphrase: text("pass") ?? passphrase,
    minVersion: version(min),
    maxVersion: version(max),
    ciphers: text("ciphers"),
    cipherSuites: text("tls13-ciphers"),
    pinnedPublicKey: text("pinnedpubkey"),
    sessions: to === "" && values.has("no-sessionid") ? false : undefined,
    serverName: to === "" ? text("servername") : undefined,
  });
  return tls as TlsOptions | undefined;
}

const SOCKS: Readonly<Record<string, string>> = {
  socks4: "socks4",
  socks4a: "socks4a",
  socks5: "socks5",
  "socks5-hostname": "socks5h",
};

function proxy(values: Values): CurlWebSocketInit["proxy"] {
  const given = ["proxy", ...Object.keys(SOCKS)].filter((name) => values.has(name));
  if (given.length > 1) throw new UsageError(`--${given.join(" and --")} each name a proxy: give one of them`);
  const more = OPTIONS.find(({ topic, name }) =>
    topic === "proxy" && values.has(name) && !given.includes(name) && name !== "noproxy"
  );
  const noProxy = values.text("noproxy");
  if (given[0] === undefined) {
    if (more !== undefined) throw new UsageError(`--${more.name} needs the proxy it is for: give --proxy too`);
    if (noProxy?.trim() === "*") return false;
    // The environment names the proxy; this list replaces the environment's no_proxy. As in curl, also if it is empty.
    if (noProxy !== undefined) process.env.no_proxy = process.env.NO_PROXY = noProxy;
    return undefined;
  }
  const [name] = given, text = values.text(name)!;
  if (text === "") {
    if (more !== undefined) throw new UsageError(`--${more.name} needs a proxy, and --${name} "" means none`);
    return false;
  }
  const user = values.text("proxy-user");
  const auths = ["basic", "digest", "ntlm", "negotiate", "anyauth"].filter((auth) => values.has(`proxy-${auth}`));
  const auth = auths.at(-1)?.replace("anyauth", "any") as ProxyAuth | undefined;
  const headers = values.list("proxy-header").map((line) => headerLine("proxy-header", line)).filter((line) =>
    line !== null
  );
  const options: ProxyOptions = {
    url: name === "proxy" ? proxyUrl(text) : `${SOCKS[name]}://${text}`,
    ...(user === undefined ? {} : credentials("proxy-user", user)),
    ...(headers.length === 0 ? {} : { headers }),
  };
  return defined({ ...options, auth, noProxy, tls: tls(values, "proxy-") });
}

/** The URL of a proxy as curl reads it: without a scheme it is http:, whose default port is 1080. */
function proxyUrl(text: string): string {
  const full = text.includes("://") ? text : `http://${text}`;
  return /^http:\/\/(?:[^/@]*@)?(?:\[[^\]]*\]|[^/:[\]]+)\/?$/i.test(full) ? `${full.replace(/\/$/, "")}:1080` : full;
}

function resolve(list: string[]): CurlWebSocketInit["resolve"] {
  if (list.length === 0) return undefined;
  const record: Record<string, string[]> = {};
  for (const entry of list) {
    const [, host, port, addresses] = /^(\[[^\]]+\]|[^:\s+-][^:\s]*):(\d+):(\S+)$/.exec(entry) ?? [];
    if (host === undefined) {
      throw new UsageError(`--resolve takes HOST:PORT:ADDRESS[,ADDRESS], not ${JSON.stringify(entry)}`);
    }
    record[`${host}:${port}`] = addresses!.split(",");
  }
  return record;
}

function localEnd(values: Values): Record<string, unknown> {
  const given = values.text("interface"), port = values.text("local-port");
  const end: Record<string, unknown> = {};
  if (given !== undefined) {
    // As in curl, `if!` begins a name and `host!` an address.
    const [, mark, name = ""] = /^(if!|host!)?([^]*)$/.exec(given) ?? [];
    const address = mark === "host!" || (mark === undefined && /^[\d.]+$|:/.test(name));
    end[address ? "localAddress" : "interface"] = name;
  }
  if (port !== undefined) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(port) ?? [];
    if (first === undefined) {
      throw new UsageError(`--local-port takes a port, or two such as 4000-4100, not ${port}`);
    }
    end.localPort = [Number(first), Number(last)];
  }
  return end;
}

function unixSocket(values: Values): string | undefined {
  const path = values.text("unix-socket"), abstract = values.text("abstract-unix-socket");
  if (path !== undefined && abstract !== undefined) {
    throw new UsageError("--unix-socket and --abstract-unix-socket each name a socket: give one of them");
  }
  return path ?? (abstract === undefined ? undefined : `@${abstract}`);
}

/** TCP keep-alive, on by default as in curl. */
function keepAlive(values: Values): CurlWebSocketInit["keepAlive"] {
  if (values.has("no-keepalive")) return false;
  const time = values.milliseconds("keepalive-time");
  const count = values.integer("keepalive-cnt", 1, 127);
  return defined({ idle: time, interval: time, count });
}

function curlOptions(values: Values): Record<string, CurlOptionValue> | undefined {
  return orNone({
    CAPATH: values.text("capath")!,
    CRLFILE: values.text("crlfile")!,
    SSL_EC_CURVES: values.text("curves")!,
    DNS_SERVERS: values.text("dns-servers")!,
    TCP_FASTOPEN: values.has("tcp-fastopen") ? true : undefined!,
  });
}
