/**
 * What `-v` shows on standard error, in curl's manner: `*` for words, `>` for what is sent, `<` for what comes. Credentials
 * are shown as they go over the wire; what would move the terminal's cursor is escaped.
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { ConnectionEnd, ConnectionInfo, CurlWebSocket, ReconnectingEvent } from "../../mod.ts";
import type { CurlLogKind, Observer } from "../../src/observe/observer.ts";
import { printable } from "../../src/observe/redact.ts";
import type { Paint } from "../terminal/colours.ts";
import { milliseconds } from "./stats.ts";
import { wordsOfEnd } from "./words.ts";

const MARKS: Readonly<Record<CurlLogKind, string>> = { words: "*", request: ">", response: "<" };

/** Writes lines, or has them written by whoever owns the terminal. */
export class Verbose implements Observer {
  readonly #paint: Paint;
  /** Where lines go. */
  write: (text: string) => void = (text) => void process.stderr.write(text);
  /** Tells the end of each connection of a feed. For one connection {@linkcode closed} does. */
  readonly ended?: (end: Omit<ConnectionEnd, "error">) => void;

  constructor(paint: Paint, { isFeed = false } = {}) {
    this.#paint = paint;
    if (isFeed) this.ended = (end) => this.closed(end);
  }

  curlLogged(kind: CurlLogKind, text: string): void {
    this.#block(MARKS[kind], text);
  }

  requestSent(request: Uint8Array): void {
    this.#block(">", latin1(request));
  }

  headReceived(head: Uint8Array): void {
    this.#block("<", latin1(head));
  }

  opened({ extensions, protocol }: { extensions: string; protocol: string }, connection: ConnectionInfo): void {
    const { localAddress, localPort, remoteAddress, remotePort, tls, proxy, times } = connection;
    const unix = remoteAddress === "";
    this.#lines("*", [
      ...(unix ? [] : [`from ${localAddress} port ${localPort} to ${remoteAddress} port ${remotePort}`]),
      ...(proxy === null ? [] : [`through the proxy ${proxy}`]),
      ...(tls === null ? [] : [
        `TLS: ${tls.version ?? "version unknown"}, ${tls.cipher ?? "cipher unknown"}, ALPN ${tls.alpn ?? "none"}${
          tls.resumed ? ", resumed" : ""
        }`,
      ]),
      `open; extensions: ${extensions || "none"}; subprotocol: ${protocol || "none"}`,
      `look-up ${milliseconds(times.lookup)}, TCP ${milliseconds(times.tcp)}, TLS or proxy ${
        milliseconds(times.tls)
      }, handshake ${milliseconds(times.handshake)}`,
    ]);
  }

  pong(socket: CurlWebSocket): void {
    const { roundTripTime } = socket;
    this.#lines("*", [`pong${roundTripTime === null ? "" : `, after ${milliseconds(roundTripTime)}`}`]);
  }

  /** The session calls this when the last messages are printed, which are still waiting when an observer hears of the end. */
  closed({ code, reason, wasClean }: Omit<ConnectionEnd, "error">): void {
    const words = reason === "" ? "" : ` ${JSON.stringify(reason)}`;
    this.#lines("*", [`closed${wasClean ? "" : ", not cleanly"}: ${code}${words}`]);
  }

  /** The session calls this when the next attempt is to come. */
  reconnecting({ attempt, delay, reason }: ReconnectingEvent): void {
    this.#lines("*", [`${wordsOfEnd(reason)}; attempt ${attempt} begins in ${milliseconds(delay)}`]);
  }

  #block(mark: string, text: string): void {
    this.#lines(mark, text.replace(/\r?\n$/, "").split(/\r?\n/));
  }

  #lines(mark: string, lines: readonly string[]): void {
    const painted = lines.map((line) => this.#paint("dim", `${mark} ${printable(line)}`.trimEnd()));
    this.write(painted.join("\n") + "\n");
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
