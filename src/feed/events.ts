/** The events of a `ReconnectingCurlWebSocket` beside WebSocket's. */
import type { ConnectionEnd } from "./connection_end.ts";

/** A time in which messages may have been missed. */
export interface Gap {
  /** When the last message before it came, or when the connection stood if none had come; epoch ms. */
  readonly from: number;
  /** When the connection was found lost, epoch ms. */
  readonly lostAt: number;
  /** When the next connection stood, epoch ms. */
  readonly to: number;
  /** How the connection ended. */
  readonly reason: ConnectionEnd;
}

/** `gap`: a connection stands again, and messages may have been missed before. It comes before `open`. */
export class GapEvent extends Event implements Gap {
  readonly from: number;
  readonly lostAt: number;
  readonly to: number;
  readonly reason: ConnectionEnd;

  /** Made by the feed. */
  constructor({ from, lostAt, to, reason }: Gap) {
    super("gap");
    this.from = from;
    this.lostAt = lostAt;
    this.to = to;
    this.reason = reason;
  }
}

/** What is about to be tried. */
export interface Reconnecting {
  /** The number of the attempt to come, since a connection was last stable: 1, 2 and so on. */
  readonly attempt: number;
  /** In how many milliseconds it begins. */
  readonly delay: number;
  /** Which of redundant connections it is, from 0. */
  readonly index: number;
  /** How the connection, or the attempt before, ended. */
  readonly reason: ConnectionEnd;
}

/** `reconnecting`: a connection has ended, or an attempt failed, and the next one begins after `delay`. */
export class ReconnectingEvent extends Event implements Reconnecting {
  readonly attempt: number;
  readonly delay: number;
  readonly index: number;
  readonly reason: ConnectionEnd;

  /** Made by the feed. */
  constructor({ attempt, delay, index, reason }: Reconnecting) {
    super("reconnecting");
    this.attempt = attempt;
    this.delay = delay;
    this.index = index;
    this.reason = reason;
  }
}
