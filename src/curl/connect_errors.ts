/** Errors of an attempt to connect: from libcurl's code to what went wrong, and what to do. */
import { CurlWebSocketError, type ErrorCode } from "../errors.ts";
import { type CompleteProxy, proxyName } from "../options/proxy.ts";
import { shownText, shownUrl } from "../observe/redact.ts";
import * as C from "./constants.ts";
import { type ConnectReason, connectReason } from "../platform/connect_reason.ts";
import { OUT_OF_FILES, outOfFiles } from "../platform/out_of_files.ts";
import { type ConnectTarget, portOf } from "./handle_options.ts";
import { refusedPart } from "./fingerprint.ts";
import { explainTls } from "./tls_errors.ts";
import type { ProxyResponse } from "./transfer_log.ts";

/** What is known of a failed attempt. */
export interface FailedAttempt {
  readonly target: ConnectTarget;
  readonly proxy: CompleteProxy | null;
  readonly curlCode: number;
  readonly curlMessage: string;
  /** The status of the proxy's last response to CONNECT, or 0. */
  readonly connectCode: number;
  /** A CURLPX_* code of SOCKS, or 0. */
  readonly proxyError: number;
  /** The system's error number, or 0. */
  readonly osErrno: number;
  readonly response: ProxyResponse | null;
  /** Whether the proxy's response had no end, so that the attempt was given up. */
  readonly endless: boolean;
  readonly certificateRequested: boolean;
}

/** Returns the error for a failed attempt. */
export function explainFailure(attempt: FailedAttempt): CurlWebSocketError {
  const { curlCode, curlMessage, connectCode, response } = attempt;
  const [code, help] = explain(attempt);
  const refusal = code === "ERR_PROXY_AUTH" || code === "ERR_PROXY" ? response : null;
  const words = attempt.endless ? "its response has no end" : curlMessage;
  return new CurlWebSocketError(code, `${help}: ${words} (curl ${curlCode})`, {
    curlCode,
    curlMessage,
    status: refusal !== null && connectCode > 0 ? connectCode : undefined,
    headers: refusal?.headers,
  });
}

/** The codes with which libcurl fails if the process has no file descriptors left; it does not say so. */
const WITHOUT_FILES: readonly number[] = [
  C.CURLE_FAILED_INIT,
  C.CURLE_COULDNT_RESOLVE_PROXY,
  C.CURLE_COULDNT_RESOLVE_HOST,
  C.CURLE_COULDNT_CONNECT,
  C.CURLE_OUT_OF_MEMORY,
  C.CURLE_SSL_CONNECT_ERROR,
  C.CURLE_SSL_CERTPROBLEM,
  C.CURLE_SSL_CACERT_BADFILE,
];

function explain(attempt: FailedAttempt): [ErrorCode, string] {
  const { target, proxy, curlCode, curlMessage, connectCode, certificateRequested } = attempt;
  const { url, network } = target;
  const reason = connectReason(attempt.osErrno);
  if (reason === "noFiles" || (reason === null && WITHOUT_FILES.includes(curlCode) && outOfFiles())) {
    return ["ERR_TOO_MANY_OPEN_FILES", `connecting to ${url.host} failed: ${OUT_OF_FILES}`];
  }
  if (proxy !== null) {
    const found = explainProxy(attempt, proxy, reason);
    if (found !== null) return found;
  }
  const part = target.fingerprint === null ? null : refusedPart(target.fingerprint, curlMessage);
  if (part !== null) return ["ERR_IMPERSONATE", part];
  // With an https proxy, the first TLS handshake is the proxy's.
  const tls = proxy?.scheme === "https" && connectCode === 0
    ? explainTls(curlCode, curlMessage, {
      peer: proxyName(proxy),
      what: "proxy.tls",
      options: proxy.tls,
      certificateRequested,
    })
    : explainTls(curlCode, curlMessage, { peer: url.host, what: "tls", options: target.tls, certificateRequested });
  if (tls !== null) return ["ERR_TLS", tls];
  switch (curlCode) {
    case C.CURLE_COULDNT_RESOLVE_HOST:
      if (network.dohUrl !== undefined) {
        return [
          "ERR_DNS",
          `the host ${url.hostname} was not found by DNS over HTTPS; check it and dohUrl, ${shownUrl(network.dohUrl)}`,
        ];
      }
      return ["ERR_DNS", `the host ${url.hostname} is unknown; check its spelling and this machine's DNS`];
    case C.CURLE_COULDNT_CONNECT:
      if (network.unixSocket !== undefined) return unreached(`the Unix socket ${network.unixSocket}`, reason);
      return unreached(`${url.hostname} port ${portOf(url)}`, reason);
    case C.CURLE_OPERATION_TIMEDOUT:
      return ["ERR_CONNECT_TIMEOUT", `connecting to ${url.host} took too long`];
    case C.CURLE_INTERFACE_FAILED:
      return ["ERR_CONNECT_REFUSED", localHelp(network)];
    default:
      return ["ERR_CONNECT_REFUSED", `connecting to ${url.host} failed`];
  }
}

/** Returns code and help for curl's code 7, by the system's reason. */
function unreached(where: string, reason: ConnectReason | null): [ErrorCode, string] {
  switch (reason) {
    case "timedOut":
      return ["ERR_CONNECT_TIMEOUT", `${where} does not respond, and the system gave up; is a firewall in between?`];
    case "noHost":
      return ["ERR_CONNECT_REFUSED", `${where} cannot be reached: the host is down, or no route leads to it`];
    case "noNetwork":
      return ["ERR_CONNECT_REFUSED", `this machine has no route to the network of ${where}; is it connected?`];
    case "noVersion":
      return ["ERR_CONNECT_REFUSED", `this machine does not support the address family of ${where}; see ipVersion`];
    case "forbidden":
      return [
        "ERR_CONNECT_REFUSED",
        `this program may not connect to ${where}: a firewall or the system's permissions forbid it`,
      ];
    case "noLocal":
      return [
        "ERR_CONNECT_REFUSED",
        `this machine has no address or port left to connect to ${where} from; too many connections?`,
      ];
    case "noMemory":
      return ["ERR_CONNECT_REFUSED", `the system has no memory left for a connection to ${where}`];
    case "noPath":
      return ["ERR_CONNECT_REFUSED", `nothing is at ${where}`];
    case "reset":
      return ["ERR_CONNECT_REFUSED", `${where} reset the connection while connecting`];
    default:
      return ["ERR_CONNECT_REFUSED", `nothing accepts connections at ${where}`];
  }
}

function localHelp(network: ConnectTarget["network"]): string {
  const given = [
    network.interface !== undefined && `interface: ${JSON.stringify(network.interface)}`,
    network.localAddress !== undefined && `localAddress: ${JSON.stringify(network.localAddress)}`,
    network.localPort !== undefined && `localPort: ${[...new Set(network.localPort)].join(" to ")}`,
  ].filter((text) => text !== false);
  return `this machine cannot connect from ${given.join(", ") || "the interface given"}; is it there, and free?`;
}

/** CURLPX_* codes that say more than that it failed. */
const SOCKS_REPLIES: Readonly<Record<number, string>> = {
  2: "it is not a SOCKS proxy of that version",
  4: "GSS-API failed",
  5: "GSS-API failed",
  6: "GSS-API failed",
  17: "the proxy does not know this type of address",
  18: "the proxy does not know the command CONNECT",
  19: "the server refuses the connection",
  20: "the proxy has a general failure",
  21: "the proxy cannot reach the server's host",
  22: "the proxy cannot reach the server's network",
  23: "the proxy's rules do not allow it",
  24: "the proxy's connection timed out",
  // SOCKS4 has one code, 91, for both.
  26: "the proxy rejects the request, or cannot reach the server",
};
const PX_CLOSED = 3, PX_IDENTD = 7, PX_IDENTD_DIFFER = 8, PX_NO_AUTH = 12, PX_RESOLVE_HOST = 27, PX_USER_REJECTED = 33;

function explainProxy(
  attempt: FailedAttempt,
  proxy: CompleteProxy,
  reason: ConnectReason | null,
): [ErrorCode, string] | null {
  const { target, curlCode, curlMessage, connectCode, proxyError, response } = attempt;
  const name = proxyName(proxy), host = target.url.host;
  const from = proxy.source === "the proxy option"
    ? ""
    : ` (from ${proxy.source}; use proxy: false to connect without)`;
  if (curlCode === C.CURLE_COULDNT_RESOLVE_PROXY) {
    return [
      "ERR_PROXY_CONNECT",
      `the host of the proxy ${name} is unknown${from}; check its spelling and this machine's DNS`,
    ];
  }
  // tinyproxy responds to a wrong password with 401.
  if (connectCode === 407 || connectCode === 401) return ["ERR_PROXY_AUTH", authHelp(proxy, name, response)];
  if (connectCode > 0 && (connectCode < 200 || connectCode > 299)) {
    const status = shownText(response?.status.replace(/^\S+ /, "") ?? String(connectCode));
    const more = response?.headers.find(([field]) => /^x-squid-error$/i.test(field))?.[1];
    return [
      "ERR_PROXY",
      `the proxy ${name} does not connect to ${host}: ${status}${
        more === undefined ? "" : ` (${shownText(more)})`
      }${from}`,
    ];
  }
  if (proxyError !== 0 || curlCode === C.CURLE_PROXY) {
    switch (proxyError) {
      case PX_NO_AUTH:
      case PX_USER_REJECTED:
      case PX_IDENTD:
      case PX_IDENTD_DIFFER:
        return ["ERR_PROXY_AUTH", authHelp(proxy, name, null)];
      case PX_RESOLVE_HOST:
        return [
          "ERR_DNS",
          `the host ${target.url.hostname} is unknown; ${
            proxy.scheme === "socks4" ? "socks4a" : "socks5h"
          } lets the proxy look it up`,
        ];
      case PX_CLOSED:
        return ["ERR_PROXY", `the proxy ${name} closed the connection instead of connecting to ${host}${from}`];
    }
    const reply = SOCKS_REPLIES[proxyError] ?? `it may not be a ${proxy.scheme} proxy`;
    return ["ERR_PROXY", `the proxy ${name} does not connect to ${host}: ${reply}${from}`];
  }
  if (curlCode === C.CURLE_NOT_BUILT_IN) return ["ERR_LIBCURL", `this libcurl cannot use the proxy ${name}${from}`];
  const wrong: [ErrorCode, string] = [
    "ERR_PROXY",
    `the proxy ${name} did not respond like a proxy${from}; is it a ${proxy.scheme} proxy?`,
  ];
  // The proxy ended in the middle of its response, or libcurl did not accept the response.
  const inside = response?.complete === false || attempt.endless || /proxy connect aborted/i.test(curlMessage);
  if (inside && curlCode !== C.CURLE_OPERATION_TIMEDOUT) return wrong;
  // What failed came after the proxy's response.
  if (connectCode > 0) return null;
  switch (curlCode) {
    case C.CURLE_COULDNT_CONNECT:
      return [
        "ERR_PROXY_CONNECT",
        `the proxy ${name} cannot be reached${from}; ${
          reason === null || reason === "refused" ? "is it running, and its port right?" : unreached("it", reason)[1]
        }`,
      ];
    case C.CURLE_UNSUPPORTED_PROTOCOL:
    case C.CURLE_WEIRD_SERVER_REPLY:
    case C.CURLE_GOT_NOTHING:
    case C.CURLE_SEND_ERROR:
    case C.CURLE_RECV_ERROR:
      return wrong;
  }
  return null;
}

function authHelp(
  { username, auth, scheme, source }: CompleteProxy,
  name: string,
  response: ProxyResponse | null,
): string {
  const offered = (response?.headers ?? [])
    .filter(([field]) => field.toLowerCase() === "proxy-authenticate")
    .map(([, value]) => shownText(value.split(" ", 1)[0]!));
  const offers = offered.length > 0 ? `; it accepts ${offered.join(", ")}` : "";
  const where = source === "the proxy option" ? "proxy: { url, username, password }" : `the URL in ${source}`;
  if (username === undefined) {
    return `the proxy ${name} wants a username and password${offers}; give them with ${where}`;
  }
  const used = auth ?? "basic";
  const other = scheme.startsWith("http") && offered.length > 0 && used !== "any" &&
      !offered.some((word) => word.toLowerCase() === used)
    ? `, and set its auth: it was ${used}`
    : "";
  return `the proxy ${name} does not accept username and password${offers}; check ${where}${other}`;
}
