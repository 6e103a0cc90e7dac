/** `curlws --fingerprint [URL]`: what a server sees of the client, without asking one. */
import { createHash } from "node:crypto";
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketInit } from "../../mod.ts";
import { alpnOf, type ClientHello, ja3Of } from "../../src/curl/client_hello.ts";
import { printable, shownHeadLine, shownUrl } from "../../src/observe/redact.ts";
import { proxyFor, proxyOptions } from "../../src/options/proxy.ts";
import { UsageError } from "../errors.ts";
import { exitCodeOf, OK } from "../exit_codes.ts";
import { printNotice } from "../options/command.ts";
import { socketOptions, withFlagNames } from "../options/socket_options.ts";
import { urlOf } from "../options/url.ts";
import type { Values } from "../options/values.ts";
import { printLine } from "../terminal/output.ts";
import { ja4Of } from "./ja4.ts";
import { Listener, type Seen } from "./listener.ts";

/** Whose address is not asked for, as it is not connected to. */
const EXAMPLE = "wss://example.com/";

/** How long a ClientHello may take over the loopback interface when the client has given up, ms. */
const LATEST = 1_000;

/** What does not change a byte, and would lead away from this machine or need what is not there. */
const LEFT_OUT: readonly (keyof CurlWebSocketInit)[] = [
  ...["resolve", "interface", "localAddress", "localPort", "unixSocket", "ipVersion", "dohUrl"] as const,
];

/** Connects to this process itself, and prints what it sent. Returns the exit code. */
export async function fingerprint(
  operand: string | undefined,
  values: Values,
  commands: readonly string[],
): Promise<number> {
  const options = socketOptions(values), text = operand === undefined ? EXAMPLE : urlOf(operand, commands);
  const url = URL.canParse(text) ? new URL(text.replace(/^http/i, "ws")) : null;
  // What is wrong with it the constructor says.
  const tls = url?.protocol === "wss:", proxy = url === null ? null : proxyOf(options, url);
  await using listener = await Listener.start({ proxy: proxy !== null, tls });
  const error = await attempt(text, localOptions(options, url, proxy, listener.port), listener.requested);
  // The client may have given up before its ClientHello was read here.
  if (error !== null && tls) await listener.greeted(LATEST);
  const report = reportOf(listener.seen, values.has("verbose") ? printable : shownHeadLine);
  if (values.has("json")) {
    printLine(JSON.stringify({ url: shownUrl(url ?? text), ...report }, null, process.stdout.isTTY ? 2 : 0));
  } else printLine(textOf(report));
  if (error === null) return OK;
  printNotice(`curlws: ${withFlagNames(error.message)}`);
  return exitCodeOf(error);
}

type HttpProxy = ReturnType<typeof proxyFor>;

/** The HTTP proxy whose request is seen too. A SOCKS proxy, and one with TLS of its own, gets nothing that is. */
function proxyOf(options: CurlWebSocketInit, url: URL): HttpProxy {
  const http = new URL(url.href.replace(/^ws/, "http"));
  const proxy = proxyFor(http, proxyOptions(options.proxy), (name) => process.env[name]);
  return proxy?.scheme === "http" ? proxy : null;
}

/** The options of the command line, with those that lead to a port of this machine, and change no byte. */
function localOptions(options: CurlWebSocketInit, url: URL | null, proxy: HttpProxy, port: number): CurlWebSocketInit {
  const { minVersion, maxVersion, ciphers, cipherSuites, serverName } = options.tls ?? {};
  const made: Record<string, unknown> = {
    ...options,
    // The certificate is this process's own.
    tls: defined({ minVersion, maxVersion, ciphers, cipherSuites, serverName, verify: false, sessions: false }),
    curlOptions: defined({ SSL_EC_CURVES: options.curlOptions?.SSL_EC_CURVES }),
  };
  for (const name of LEFT_OUT) delete made[name];
  if (proxy !== null) {
    const { username, password, auth, headers } = proxy;
    made.proxy = defined({ url: `http://127.0.0.1:${port}`, username, password, auth, headers, noProxy: "" });
  } else if (url !== null) {
    made.proxy = false;
    made.connectTo = [`${url.hostname}:${url.port || (url.protocol === "wss:" ? 443 : 80)}:127.0.0.1:${port}`];
  }
  return made as CurlWebSocketInit;
}

function defined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** Connects until the request has come. Returns why it does not, or null. */
async function attempt(url: string, options: CurlWebSocketInit, requested: Promise<void>): Promise<Error | null> {
  let socket: CurlWebSocket;
  try {
    socket = new CurlWebSocket(
      url,
      Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    );
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof DOMException) {
      throw new UsageError(withFlagNames(error.message), { cause: error });
    }
    throw error;
  }
  const failed = new Promise<Error>((resolve) => socket.onerror = ({ error }) => resolve(error));
  const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
  const error = await Promise.race([failed, requested.then(() => null)]);
  socket.terminate();
  await closed;
  return error;
}

/** What is printed: with `--json` as it is. */
interface Report {
  /** Null without TLS, and if it came to none. */
  readonly tls: {
    readonly ja3: string;
    readonly ja3Hash: string;
    readonly ja4: string;
    readonly alpn: readonly string[];
  } | null;
  /** The lines of the request to the proxy; null if there is none. */
  readonly proxyRequest: readonly string[] | null;
  /** The lines of the request; null if it was not sent. */
  readonly request: readonly string[] | null;
}

function reportOf({ proxyRequest, hello, request }: Seen, shown: (line: string) => string): Report {
  const lines = (head: string | null) => head === null ? null : head.trimEnd().split("\r\n").map((line) => shown(line));
  return {
    tls: hello === null ? null : tlsOf(hello),
    proxyRequest: lines(proxyRequest),
    request: lines(request),
  };
}

function tlsOf(hello: ClientHello): Report["tls"] {
  const ja3 = ja3Of(hello);
  return { ja3, ja3Hash: createHash("md5").update(ja3).digest("hex"), ja4: ja4Of(hello), alpn: alpnOf(hello) };
}

function textOf({ tls, proxyRequest, request }: Report): string {
  const hello = tls === null
    ? []
    : [`JA3   ${tls.ja3Hash}`, `      ${tls.ja3}`, `JA4   ${tls.ja4}`, `ALPN  ${tls.alpn.join(", ") || "none"}`];
  return [proxyRequest, hello, request ?? ["no request was sent"]]
    .filter((lines) => lines !== null && lines.length > 0).map((lines) => lines!.join("\n")).join("\n\n");
}
