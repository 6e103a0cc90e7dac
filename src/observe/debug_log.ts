/** The debug log that `CURLWS_DEBUG` asks for: lines on standard error, without credentials and without what messages hold. */
import { runtime } from "../platform/runtime.ts";
import type { ConnectionInfo } from "./connection_info.ts";
import type { CurlLogKind, Observer } from "./observer.ts";
import { printable, shownHeadLine, shownSubprotocols, shownUrl, shownValue, shownWords } from "./redact.ts";

/** Writes a line of one category. */
type Write = (text: string) => void;

/** What is written of each category: every event has a line, or several, in one of them. */
const CATEGORIES = {
  connect: (write: Write): Observer => ({
    attemptStarted: (url) => write(`to ${shownUrl(url)}`),
    connected: (info) => write(`connected ${describe(info)}`),
    opened: ({ protocol, extensions }) => {
      const subprotocol = protocol === "" ? "no subprotocol" : `subprotocol ${shownSubprotocols([protocol])}`;
      write(`open, ${subprotocol}, ${extensions || "no extensions"}`);
    },
  }),
  curl: (write: Write): Observer => ({
    curlLogged: (kind, text) => {
      for (const line of text.trimEnd().split(/\r?\n/)) {
        write(`${MARKS[kind]} ${kind === "words" ? shownWords(line) : shownHeadLine(line)}`);
      }
    },
  }),
  handshake: (write: Write): Observer => ({
    requestSent: (request) => {
      const lines = new TextDecoder().decode(request).trimEnd().split("\r\n");
      for (const line of lines) write(`> ${shownHeadLine(line)}`);
    },
    responseReceived: (_url, status, headers) => {
      write(`< HTTP/1.1 ${status}`);
      for (const [name, value] of headers) write(`< ${name}: ${shownValue(name, value)}`);
    },
  }),
  frames: (write: Write): Observer => ({
    frameReceived: (opcode, length, fin, compressed) => {
      write(`< ${frame(opcode, length)}${compressed ? ", compressed" : ""}${fin ? "" : ", more follow"}`);
    },
    frameSent: (opcode, length, compressed) => write(`> ${frame(opcode, length)}${compressed ? ", compressed" : ""}`),
  }),
  close: (write: Write): Observer => ({
    closeReceived: (code, reason) => write(`the server closes with ${code} ${JSON.stringify(reason)}`),
    closeSent: (code, reason) => write(`close frame with ${code || "no code"} ${JSON.stringify(reason)}`),
    ended: ({ code, reason, wasClean, error }) => {
      const why = error === null ? "" : `; ${error.code}: ${error.message}`;
      write(`closed, ${wasClean ? "cleanly" : "not cleanly"}, ${code} ${JSON.stringify(reason)}${why}`);
    },
  }),
};

type Category = keyof typeof CATEGORIES;
const NAMES = Object.keys(CATEGORIES) as Category[];

/** As curl marks the lines of its log. */
const MARKS: Readonly<Record<CurlLogKind, string>> = { words: "*", request: ">", response: "<" };

const FRAMES: Readonly<Record<number, string>> = {
  0: "continuation",
  1: "text",
  2: "binary",
  8: "close",
  9: "ping",
  10: "pong",
};

/** The categories that are wanted; null if none is, undefined before the environment was looked at. */
let wanted: readonly Category[] | null | undefined;
let connections = 0;

function readEnvironment(): readonly Category[] | null {
  const value = runtime().env("CURLWS_DEBUG")?.trim().toLowerCase() ?? "";
  if (value === "" || value === "0" || value === "false") return null;
  if (["1", "true", "all", "*"].includes(value)) return NAMES;
  const names = new Set(value.split(",").map((name) => name.trim()).filter((name) => name !== ""));
  const unknown = [...names].filter((name) => !(NAMES as string[]).includes(name));
  if (unknown.length > 0) {
    console.error(`curlws: CURLWS_DEBUG: unknown ${unknown.join(", ")}; known are 1 and ${NAMES.join(", ")}`);
  }
  return NAMES.filter((name) => names.has(name));
}

/** The log of a connection to be made, or null if none is wanted, which costs nothing from then on. */
export function debugLog(): Observer | null {
  if (wanted === undefined) wanted = readEnvironment();
  if (wanted === null) return null;
  const number = ++connections, start = performance.now();
  return Object.assign(
    {},
    ...wanted.map((category) =>
      CATEGORIES[category]((text) => {
        const milliseconds = (performance.now() - start).toFixed(1);
        console.error(`curlws #${number} +${milliseconds} ms ${category}: ${printable(text)}`);
      })
    ),
  );
}

function frame(opcode: number, length: number): string {
  return `${FRAMES[opcode] ?? `opcode ${opcode}`}, ${length} bytes`;
}

/** Both ends of a connection, what is between them, and how long each phase took. */
function describe({ localAddress, localPort, remoteAddress, remotePort, tls, proxy, times }: ConnectionInfo): string {
  const to = remoteAddress === ""
    ? "by a Unix socket"
    : `${localAddress}:${localPort} to ${remoteAddress}:${remotePort}`;
  const through = proxy === null ? "" : `, through the proxy ${proxy}`;
  const secure = tls === null ? "" : `, ${tls.version ?? "TLS"}, ${tls.cipher ?? "cipher unknown"}`;
  const took = `; name ${times.lookup.toFixed(1)}, TCP ${times.tcp.toFixed(1)}, TLS ${times.tls.toFixed(1)} ms`;
  return to + through + secure + took;
}
