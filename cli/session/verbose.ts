/** What `-v` tells on standard error, in curl's manner: `*` for words, `>` for what is sent, `<` for what comes. */
import process from "node:process";
import type { CurlWebSocket } from "../../mod.ts";
import { printable } from "../../src/observe/redact.ts";
import type { TraceKind } from "../../src/observe/trace.ts";
import type { Paint } from "../terminal/colours.ts";
import { milliseconds } from "./stats.ts";

const MARKS: Readonly<Record<TraceKind, string>> = { text: "*", request: ">", response: "<" };

/** Writes lines, or has them written by whoever owns the terminal. */
export class Verbose {
  readonly #paint: Paint;
  /** Where lines go. */
  write: (text: string) => void = (text) => void process.stderr.write(text);

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  trace(kind: TraceKind, text: string): void {
    const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
    this.#lines(MARKS[kind], lines);
  }

  opened({ connection, extensions, protocol }: CurlWebSocket): void {
    if (connection === null) return;
    const { localAddress, localPort, remoteAddress, remotePort, tls, proxy, times } = connection;
    const unix = remoteAddress === "";
    this.#lines("*", [
      ...(unix ? [] : [`from ${localAddress} port ${localPort} to ${remoteAddress} port ${remotePort}`]),
      ...(proxy === null ? [] : [`through the proxy ${proxy}`]),
      ...(tls === null
        ? []
        : [`TLS: ${tls.version ?? "version unknown"}, ${tls.cipher ?? "cipher unknown"}, ALPN ${tls.alpn ?? "none"}`]),
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

  closed({ code, reason, wasClean }: CloseEvent): void {
    const words = reason === "" ? "" : ` ${JSON.stringify(reason)}`;
    this.#lines("*", [`closed${wasClean ? "" : ", not cleanly"}: ${code}${words}`]);
  }

  #lines(mark: string, lines: readonly string[]): void {
    const painted = lines.map((line) => this.#paint("dim", `${mark} ${printable(line)}`.trimEnd()));
    this.write(painted.join("\n") + "\n");
  }
}
