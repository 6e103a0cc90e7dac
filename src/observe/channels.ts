/** Publishes what happens to connections in `node:diagnostics_channel`, to those who have subscribed. */
import type { ConnectionInfo } from "./connection_info.ts";
import { type Channel, reportLater, whenRuntime } from "../platform/runtime.ts";
import type { CurlWebSocketError } from "../errors.ts";
import type { Agreement } from "../handshake/agreement.ts";
import type { HeaderList } from "../handshake/fields.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import type { Observer } from "./observer.ts";
import { plainUrl } from "./redact.ts";
import type { SocketStats } from "./statistics.ts";

/** What the messages of all channels have. */
export interface DiagnosticsMessage {
  /** The `CurlWebSocket` or `CurlWebSocketStream`. */
  readonly socket: object;
  /** The URL, without user and password. */
  readonly url: string;
}

/** `curlws:handshake`: a server responded to a handshake, also with a refusal or a redirect. `url` is the one requested. */
export interface HandshakeMessage extends DiagnosticsMessage {
  /** 101 if the connection is made. */
  readonly status: number;
  /** The response's header fields, in order, as received. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** `curlws:open`: a connection is open. */
export interface OpenMessage extends DiagnosticsMessage {
  /** The subprotocol the server chose, or `""`. */
  readonly protocol: string;
  /** The extensions in use, or `""`. */
  readonly extensions: string;
  /** What it goes over, and how long each phase took. */
  readonly connection: ConnectionInfo;
}

/** `curlws:error`: a connection could not be made, or broke. `curlws:close` follows. */
export interface ErrorMessage extends DiagnosticsMessage {
  /** What went wrong. */
  readonly error: CurlWebSocketError;
}

/** `curlws:close`: a connection is closed, or an attempt has ended. */
export interface CloseMessage extends DiagnosticsMessage {
  /** The close code; 1006 if there was no closing handshake. */
  readonly code: number;
  /** The reason that the server gave, or `""`. */
  readonly reason: string;
  /** Whether there was a closing handshake. */
  readonly wasClean: boolean;
  /** The last counters. */
  readonly stats: SocketStats;
}

/** `curlws:reconnect`: a connection of a feed ended, or an attempt failed, and the next one begins after `delay`. */
export interface ReconnectMessage extends DiagnosticsMessage {
  /** The number of the attempt to come, since a connection was last stable. */
  readonly attempt: number;
  /** In how many milliseconds it begins. */
  readonly delay: number;
  /** Which of redundant connections it is, from 0. */
  readonly index: number;
  /** How the connection, or the attempt before, ended. */
  readonly reason: ConnectionEnd;
}

/** `curlws:gap`: a connection of a feed stands again, and messages may have been missed; epoch ms. Also if a loop lags behind. */
export interface GapMessage extends DiagnosticsMessage {
  /** When the last message before it came, or when the connection stood if none had come. */
  readonly from: number;
  /** When the connection was found lost. */
  readonly lostAt: number;
  /** When the next connection stood. */
  readonly to: number;
  /** How the connection ended. */
  readonly reason: ConnectionEnd;
}

/** `curlws:warning`: a feed goes on, but a rotation failed, or a redundant connection is not replaced. */
export interface WarningMessage extends DiagnosticsMessage {
  /** What failed. */
  readonly problem: "rotation" | "redundancy";
  /** Which of redundant connections it is, from 0. */
  readonly index: number;
  /** In how many milliseconds it is tried again; null for never. */
  readonly delay: number | null;
  /** How the connection, or the attempt, ended. */
  readonly reason: ConnectionEnd;
}

/** The messages of `node:diagnostics_channel` by the channel's name. */
export interface DiagnosticsMessages {
  /** A server responded to a handshake, also with a refusal or a redirect. */
  "curlws:handshake": HandshakeMessage;
  /** A connection is open. */
  "curlws:open": OpenMessage;
  /** A connection could not be made, or broke. */
  "curlws:error": ErrorMessage;
  /** A connection is closed, or an attempt has ended. */
  "curlws:close": CloseMessage;
  /** A feed connects again. */
  "curlws:reconnect": ReconnectMessage;
  /** A feed was interrupted. */
  "curlws:gap": GapMessage;
  /** A feed goes on, but is less safe. */
  "curlws:warning": WarningMessage;
}

const NAMES: readonly (keyof DiagnosticsMessages)[] = [
  "curlws:handshake",
  "curlws:open",
  "curlws:error",
  "curlws:close",
  "curlws:reconnect",
  "curlws:gap",
  "curlws:warning",
];

const channels: Map<string, Channel> = new Map();

// On import, which is before the program subscribes: Bun 1.4 collects a channel that nothing references, and its subscribers
// with it.
whenRuntime((runtime) => {
  for (const name of NAMES) channels.set(name, runtime.channel(name));
});

/** Publishes what `make` returns, which is called only if somebody has subscribed. Throws nothing. */
function publish<Name extends keyof DiagnosticsMessages>(name: Name, make: () => DiagnosticsMessages[Name]): void {
  const channel = channels.get(name);
  if (!channel?.hasSubscribers) return;
  try {
    channel.publish(Object.freeze(make()));
  } catch (error) {
    reportLater(error);
  }
}

/** Publishes what becomes of a feed. */
export function publishFeed<Name extends "curlws:reconnect" | "curlws:gap" | "curlws:warning">(
  name: Name,
  socket: { readonly url: string },
  what: Omit<DiagnosticsMessages[Name], keyof DiagnosticsMessage>,
): void {
  publish(name, () => {
    const url = URL.canParse(socket.url) ? plainUrl(new URL(socket.url)) : socket.url;
    return { socket, url, ...what } as DiagnosticsMessages[Name];
  });
}

/**
 * Publishes the life of one socket's connection. Somebody may subscribe at any time, so every connection has one. It
 * throws nothing.
 */
export class ChannelPublisher implements Observer {
  readonly #socket: object;
  readonly #url: URL;

  constructor(socket: object, url: URL) {
    this.#socket = socket;
    this.#url = url;
  }

  responseReceived(url: URL, status: number, headers: HeaderList): void {
    publish("curlws:handshake", () => ({ socket: this.#socket, url: plainUrl(url), status, headers }));
  }

  opened({ protocol, extensions }: Agreement, connection: ConnectionInfo): void {
    publish("curlws:open", () => ({ ...this.#message(), protocol, extensions, connection }));
  }

  ended({ code, reason, wasClean, error }: ConnectionEnd, stats: SocketStats): void {
    if (error !== null) publish("curlws:error", () => ({ ...this.#message(), error }));
    publish("curlws:close", () => ({ ...this.#message(), code, reason, wasClean, stats }));
  }

  /** What all messages but that of a handshake have in common. */
  #message(): DiagnosticsMessage {
    return { socket: this.#socket, url: plainUrl(this.#url) };
  }
}
