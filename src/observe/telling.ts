/** What a connection tells those who look at it from outside: the debug log, and the subscribers of its channels. */
import type { ConnectionInfo } from "./connection_info.ts";
import { type DebugLog, debugLog } from "./debug_log.ts";
import { publish } from "./channels.ts";
import { type CurlWebSocketError, withUrl } from "../errors.ts";
import type { Agreement } from "../handshake/agreement.ts";
import type { HeaderList } from "../handshake/fields.ts";
import { plainUrl, shownSubprotocols, shownUrl } from "./redact.ts";
import type { SocketStats } from "./statistics.ts";

/** How a connection ended. */
export interface CloseResult {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  /** Why it failed, if it did. */
  readonly error: CurlWebSocketError | null;
}

export class Telling {
  readonly #socket: object;
  readonly #url: URL;
  /** Null where none is wanted. */
  readonly log: DebugLog | null = debugLog();

  constructor(socket: object, url: URL) {
    this.#socket = socket;
    this.#url = url;
  }

  /** A server answered the handshake. */
  answered(url: URL, status: number, headers: HeaderList): void {
    this.log?.fields("handshake", "<", `HTTP/1.1 ${status}`, headers);
    publish("curlws:handshake", () => ({ socket: this.#socket, url: plainUrl(url), status, headers }));
  }

  opened({ protocol, extensions }: Agreement, connection: ConnectionInfo): void {
    const subprotocol = protocol === "" ? "no subprotocol" : `subprotocol ${shownSubprotocols([protocol])}`;
    this.log?.write("connect", `open, ${subprotocol}, ${extensions || "no extensions"}`);
    publish("curlws:open", () => ({ ...this.#told(), protocol, extensions, connection }));
  }

  closeReceived(code: number, reason: string): void {
    this.log?.write("close", `the server closes with ${code} ${JSON.stringify(reason)}`);
  }

  closeSent(code: number, reason: Uint8Array): void {
    this.log?.write(
      "close",
      `close frame with ${code || "no code"} ${JSON.stringify(new TextDecoder().decode(reason))}`,
    );
  }

  /** An error of this connection, which says so. */
  located(error: CurlWebSocketError | null): CurlWebSocketError | null {
    return error === null ? null : withUrl(error, shownUrl(this.#url));
  }

  /** It is over; `stats` are asked for where somebody hears. */
  ended({ code, reason, wasClean, error }: CloseResult, stats: () => SocketStats): void {
    const why = error === null ? "" : `; ${error.code}: ${error.message}`;
    this.log?.write(
      "close",
      `closed, ${wasClean ? "cleanly" : "not cleanly"}, ${code} ${JSON.stringify(reason)}${why}`,
    );
    if (error !== null) publish("curlws:error", () => ({ ...this.#told(), error }));
    publish("curlws:close", () => ({ ...this.#told(), code, reason, wasClean, stats: stats() }));
  }

  #told(): { socket: object; url: string } {
    return { socket: this.#socket, url: plainUrl(this.#url) };
  }
}
