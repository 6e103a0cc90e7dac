/** The option `curlOptions`: libcurl's own options, by name or number. */
import { type CurlOptionKind, type EasyOption, easyOption } from "./easy_option.ts";

/** A value for one of libcurl's options. */
export type CurlOptionValue = number | string | boolean | Uint8Array | readonly string[];

/** One of libcurl's options with its value, checked. */
export interface RawCurlOption {
  readonly option: EasyOption;
  readonly value: number | string | Uint8Array | readonly string[];
}

/** Options that the client sets itself, and that would break it; why, or what to use instead. */
const OWN: Readonly<Record<string, string>> = {
  URL: "it is the URL of the CurlWebSocket",
  CURLU: "it is the URL of the CurlWebSocket",
  PORT: "it is part of the URL of the CurlWebSocket",
  DEFAULT_PROTOCOL: "the URL of the CurlWebSocket has its scheme",
  REQUEST_TARGET: "it is the path of the CurlWebSocket's URL",
  CONNECT_ONLY: "the connection is made by libcurl and used by curlws",
  ERRORBUFFER: "curlws reads it",
  PRIVATE: "curlws has no use for it",
  SHARE: "handles are not shared",
  STDERR: "it takes a FILE *, which JavaScript does not have",
  NOSIGNAL: "signals would end the program",
  HTTP_VERSION: "a WebSocket needs HTTP/1.1",
  HTTPPROXYTUNNEL: "a WebSocket needs the tunnel",
  TCP_NODELAY: "it is always on",
  BUFFERSIZE: "curlws sets it for its own buffer",
  QUICK_EXIT: "it is always on",
  CONNECTTIMEOUT: "use the option connectTimeout",
  CONNECTTIMEOUT_MS: "use the option connectTimeout",
  TIMEOUT: "it would limit the whole connection; use connectTimeout, handshakeTimeout and idleTimeout",
  TIMEOUT_MS: "it would limit the whole connection; use connectTimeout, handshakeTimeout and idleTimeout",
  IMPERSONATE: "use the option impersonate",
  PROXY: "use the option proxy",
  PROXYPORT: "use the option proxy",
  PROXYTYPE: "use the option proxy",
  NOPROXY: "use the option proxy, with noProxy",
};

/** Options that have no effect, because curlws writes the request; with the option to use instead, or `""`. */
const UNUSED: ReadonlyMap<string, string> = new Map(
  [
    ...["HTTPHEADER", "HTTPBASEHEADER", "HTTPHEADER_ORDER", "WS_HTTPHEADER", "WS_HTTPHEADER_ORDER", "REFERER", "RANGE"],
    ...["ACCEPT_ENCODING", "HTTP_CONTENT_DECODING", "HTTP_TRANSFER_DECODING", "TRANSFER_ENCODING", "CUSTOMREQUEST"],
  ].map((name): [string, string] => [name, "headers"]).concat(
    [
      "USERPWD",
      "USERNAME",
      "PASSWORD",
      "HTTPAUTH",
      "XOAUTH2_BEARER",
      "NETRC",
      "NETRC_FILE",
      "AWS_SIGV4",
      "HTTPSIG_ALGORITHM",
      "HTTPSIG_KEY",
      "HTTPSIG_KEYID",
      "HTTPSIG_HEADERS",
      "LOGIN_OPTIONS",
    ]
      .map((name) => [name, "headers or auth"]),
    ["COOKIE", "COOKIEFILE", "COOKIEJAR", "COOKIELIST", "COOKIESESSION"].map((name) => [name, "headers or cookies"]),
    ["FOLLOWLOCATION", "MAXREDIRS", "POSTREDIR", "UNRESTRICTED_AUTH", "AUTOREFERER"].map((
      name,
    ) => [name, "maxRedirects"]),
    [
      "POST",
      "POSTFIELDS",
      "COPYPOSTFIELDS",
      "POSTFIELDSIZE",
      "POSTFIELDSIZE_LARGE",
      "HTTPGET",
      "UPLOAD",
      "PUT",
      "NOBODY",
    ]
      .map((name) => [name, ""]),
    [
      "HTTPPOST",
      "MIMEPOST",
      "HEADER",
      "FAILONERROR",
      "HTTP09_ALLOWED",
      "WS_OPTIONS",
      "RESUME_FROM",
      "RESUME_FROM_LARGE",
    ]
      .map((name) => [name, ""]),
    ["MAXFILESIZE", "MAXFILESIZE_LARGE", "LOW_SPEED_LIMIT", "LOW_SPEED_TIME", "MAX_SEND_SPEED_LARGE", "NOPROGRESS"]
      .map((name) => [name, ""]),
    ["MAX_RECV_SPEED_LARGE", "HTTP200ALIASES", "IGNORE_CONTENT_LENGTH", "EXPECT_100_TIMEOUT_MS"].map((
      name,
    ) => [name, ""]),
  ),
);

/** Options that identify the client to the server: they must not reach another origin. Those for a proxy may stay. */
const IDENTITY: ReadonlySet<string> = new Set([
  ...["SSLCERT", "SSLCERTTYPE", "SSLCERT_BLOB", "SSLKEY", "SSLKEYTYPE", "SSLKEY_BLOB", "KEYPASSWD"],
  ...["SSLENGINE", "SSLENGINE_DEFAULT", "TLSAUTH_USERNAME", "TLSAUTH_PASSWORD", "TLSAUTH_TYPE"],
  ...["SASL_AUTHZID", "SERVICE_NAME", "GSSAPI_DELEGATION", "SSH_PUBLIC_KEYFILE", "SSH_PRIVATE_KEYFILE"],
  // The address of the client behind this one.
  ...["HAPROXYPROTOCOL", "HAPROXY_CLIENT_IP"],
]);
/** A bit of SSL_OPTIONS: Windows chooses a client certificate. */
const CURLSSLOPT_AUTO_CLIENT_CERT = 32;

/** Returns the options that may be used for another origin: those that are known, and do not identify the client. */
export function withoutIdentity(options: readonly RawCurlOption[]): RawCurlOption[] {
  return options.flatMap((given) => {
    const { name } = given.option;
    // A number that is not in the table: an option of a newer libcurl.
    if (IDENTITY.has(name) || /^\d+$/.test(name)) return [];
    if (name !== "SSL_OPTIONS") return [given];
    return [{ ...given, value: Number(given.value) & ~CURLSSLOPT_AUTO_CLIENT_CERT }];
  });
}

/** What each kind of option takes, in words. */
const TAKES: Readonly<Record<CurlOptionKind, string>> = {
  long: "an integer or a boolean",
  offset: "an integer",
  string: "a string",
  list: "a list of strings",
  blob: "a Uint8Array",
  object: "a pointer",
  callbackData: "a pointer",
  callback: "a C function",
};

/**
 * Checks the option against libcurl's own names and kinds.
 *
 * @throws {TypeError} for an unknown name, a value of another kind, or an option that may not be set
 */
export function rawCurlOptions(given: Readonly<Record<string, CurlOptionValue>> | undefined): RawCurlOption[] {
  if (given === undefined) return [];
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError("curlOptions must be a record of names or numbers");
  }
  return Object.entries(given).map(([key, value]) => {
    const option = easyOption(key);
    if (option === null) {
      throw new TypeError(
        `curlOptions: ${key} is not an option of libcurl that curlws knows; if it is a newer one, give its number`,
      );
    }
    const { name, kind } = option;
    if (Object.hasOwn(OWN, name)) throw new TypeError(`curlOptions: ${key} is set by curlws: ${OWN[name]}`);
    if (kind === "callback" || kind === "callbackData" || kind === "object") {
      throw new TypeError(`curlOptions: ${key} takes ${TAKES[kind]}, which cannot be given from JavaScript`);
    }
    const instead = UNUSED.get(name);
    if (instead !== undefined) {
      const hint = instead === "" ? "" : `; use the option ${instead}`;
      throw new TypeError(`curlOptions: ${key} has no effect, because curlws writes the request${hint}`);
    }
    return { option, value: checkedValue(key, kind, value) };
  });
}

function checkedValue(key: string, kind: CurlOptionKind, value: unknown): RawCurlOption["value"] {
  switch (kind) {
    case "long":
    case "offset":
      if (typeof value === "boolean" && kind === "long") return value ? 1 : 0;
      if (Number.isSafeInteger(value)) return value as number;
      break;
    case "string":
      if (typeof value === "string" && !value.includes("\0")) return value;
      break;
    case "blob":
      if (value instanceof Uint8Array && value.length > 0) return value.slice();
      break;
    case "list":
      if (Array.isArray(value) && value.every((item) => typeof item === "string" && !item.includes("\0"))) {
        return [...value];
      }
      break;
  }
  const what = typeof value === "number" ? String(value) : Array.isArray(value) ? "a list" : typeof value;
  throw new TypeError(`curlOptions: ${key} takes ${TAKES[kind]}, not ${what}`);
}
