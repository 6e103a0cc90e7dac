/** The option `curlOptions`: libcurl's own options, by name or number. */
import { type CurlOptionKind, type EasyOption, easyOption } from "./easy_option.ts";

/** A value for one of libcurl's options. */
export type CurlOptionValue = number | string | boolean | Uint8Array | readonly string[];

/** One of them, checked. */
export interface RawCurlOption {
  readonly option: EasyOption;
  readonly value: number | string | Uint8Array | readonly string[];
}

/** These would break the client, which sets them itself; with what to use instead. */
const OURS: Readonly<Record<string, string>> = {
  URL: "it is the URL of the CurlWebSocket",
  CURLU: "it is the URL of the CurlWebSocket",
  PORT: "it stands in the URL of the CurlWebSocket",
  DEFAULT_PROTOCOL: "the URL of the CurlWebSocket has its scheme",
  REQUEST_TARGET: "it is the path of the CurlWebSocket's URL",
  CONNECT_ONLY: "the connection is made by libcurl and used by curlws",
  ERRORBUFFER: "curlws reads it",
  PRIVATE: "curlws has no use for it",
  SHARE: "handles are not shared",
  STDERR: "it takes a FILE *, which JavaScript has not",
  NOSIGNAL: "signals would end the program",
  HTTP_VERSION: "a WebSocket needs HTTP/1.1",
  HTTPPROXYTUNNEL: "a WebSocket needs the tunnel",
  TCP_NODELAY: "it is always on",
  BUFFERSIZE: "curlws sets it for its own buffer",
  QUICK_EXIT: "it is always on",
  CONNECTTIMEOUT: "use the option connectTimeout",
  CONNECTTIMEOUT_MS: "use the option connectTimeout",
  TIMEOUT: "it would count the whole connection; use connectTimeout, handshakeTimeout and idleTimeout",
  TIMEOUT_MS: "it would count the whole connection; use connectTimeout, handshakeTimeout and idleTimeout",
  IMPERSONATE: "use the option impersonate",
  PROXY: "use the option proxy",
  PROXYPORT: "use the option proxy",
  PROXYTYPE: "use the option proxy",
  NOPROXY: "use the option proxy, with noProxy",
};

/** The request is written by curlws, so libcurl never reads these; with what to use instead. */
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

/** These say who asks, and to the server: what is for one origin is not for another. A proxy's own are the proxy's. */
const IDENTITY: ReadonlySet<string> = new Set([
  ...["SSLCERT", "SSLCERTTYPE", "SSLCERT_BLOB", "SSLKEY", "SSLKEYTYPE", "SSLKEY_BLOB", "KEYPASSWD"],
  ...["SSLENGINE", "SSLENGINE_DEFAULT", "TLSAUTH_USERNAME", "TLSAUTH_PASSWORD", "TLSAUTH_TYPE"],
  ...["SASL_AUTHZID", "SERVICE_NAME", "GSSAPI_DELEGATION", "SSH_PUBLIC_KEYFILE", "SSH_PRIVATE_KEYFILE"],
  // The address of whom the connection is made for.
  ...["HAPROXYPROTOCOL", "HAPROXY_CLIENT_IP"],
]);
/** Of SSL_OPTIONS: Windows chooses a client certificate by itself. */
const CURLSSLOPT_AUTO_CLIENT_CERT = 32;

/** The options without those that authenticate, for another origin; also without those that nobody here can judge. */
export function withoutIdentity(options: readonly RawCurlOption[]): RawCurlOption[] {
  return options.flatMap((given) => {
    const { name } = given.option;
    // A number that is in no table: of a libcurl newer than it.
    if (IDENTITY.has(name) || /^\d+$/.test(name)) return [];
    if (name !== "SSL_OPTIONS") return [given];
    return [{ ...given, value: Number(given.value) & ~CURLSSLOPT_AUTO_CLIENT_CERT }];
  });
}

const TAKES: Readonly<Record<CurlOptionKind, string>> = {
  long: "an integer or a boolean",
  offset: "an integer",
  string: "a string",
  list: "a list of strings",
  blob: "a Uint8Array",
  object: "a pointer",
  callbackData: "a pointer",
  callback: "a function of C",
};

/**
 * Checks them against libcurl's own table of names and kinds.
 *
 * @throws {TypeError} for a name that is not known, a value of another kind, and what may not be set
 */
export function rawCurlOptions(given: Readonly<Record<string, CurlOptionValue>> | undefined): RawCurlOption[] {
  if (given === undefined) return [];
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError("curlOptions must be a record of names or numbers");
  }
  return Object.entries(given).map(([key, value]) => {
    const option = easyOption(key);
    if (option === null) {
      throw new TypeError(`curlOptions: ${key} is no option of libcurl that curlws knows; its number would do`);
    }
    const { name, kind } = option;
    if (Object.hasOwn(OURS, name)) throw new TypeError(`curlOptions: ${key} is set by curlws: ${OURS[name]}`);
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

function checkedValue(key: string, kind: CurlOptionKind | "pointer", value: unknown): RawCurlOption["value"] {
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
  throw new TypeError(`curlOptions: ${key} takes ${TAKES[kind as CurlOptionKind]}, not ${what}`);
}
