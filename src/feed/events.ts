/** The events of a `ReconnectingCurlWebSocket` beside WebSocket's. */
import type { CurlWebSocketEventMap } from "../web/event_map.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";

/** `gap`: a connection stands again, and messages may have been missed before. It comes before `open`. */
export class GapEvent extends Event {
  /** When the last message before it came, or when the connection stood if none had come; epoch ms. */
  readonly from: number;
  /** When the connection was found lost, epoch ms. */
  readonly lostAt: number;
  /** When the next connection stood, epoch ms. */
  readonly to: number;
  /** How the connection ended. */
  readonly reason: ConnectionEnd;

  /** Made by the feed. */
  constructor({ from, lostAt, to, reason }: Pick<GapEvent, "from" | "lostAt" | "to" | "reason">) {
    super("gap");
    this.from = from;
    this.lostAt = lostAt;
    this.to = to;
    this.reason = reason;
  }
}

/** `reconnecting`: a connection has ended, or an attempt failed, and the next one begins after `delay`. */
export class ReconnectingEvent extends Event {
  /** The number of the attempt to come, since a connection was last stable: 1, 2 and so on. */
  readonly attempt: number;
  /** In how many milliseconds it begins. */
  readonly delay: number;
  /** Which of redundant connections it is, from 0. */
  readonly index: number;
  /** How the connection, or the attempt before, ended. */
  readonly reason: ConnectionEnd;

  /** Made by the feed. */
  constructor({ attempt, delay, index, reason }: Pick<ReconnectingEvent, "attempt" | "delay" | "index" | "reason">) {
    super("reconnecting");
    this.attempt = attempt;
    this.delay = delay;
    this.index = index;
    this.reason = reason;
  }
}

/** The events of a `ReconnectingCurlWebSocket`, by their names. */
export interface ReconnectingEventMap extends Omit<CurlWebSocketEventMap, "pong"> {
  /** A connection has ended, or an attempt failed, and the next one is to come. */
  reconnecting: ReconnectingEvent;
  /** A connection stands again; messages may have been missed before. */
  gap: GapEvent;
}

/** A time in which messages may have been missed. */
export type Gap = Pick<GapEvent, "from" | "lostAt" | "to" | "reason">;

/** What is about to be tried. */
export type Reconnecting = Pick<ReconnectingEvent, "attempt" | "delay" | "index" | "reason">;
