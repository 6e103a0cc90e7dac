/** The events of a `ReconnectingCurlWebSocket` beside WebSocket's. */
import type { CurlWebSocketEventMap, TypedEventTarget } from "../web/event_map.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";

/**
 * `gap`: a connection stands again, and messages may have been missed before. It comes before `open`, and in a loop between the
 * messages before it and those behind it.
 */
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
  constructor({ from, lostAt, to, reason }: Gap) {
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
  constructor({ attempt, delay, index, reason }: Reconnecting) {
    super("reconnecting");
    this.attempt = attempt;
    this.delay = delay;
    this.index = index;
    this.reason = reason;
  }
}

/** `warning`: the feed goes on, but what keeps it whole has failed. */
export class WarningEvent extends Event {
  /**
   * `"rotation"`: the connection that was to replace the present one could not be made. `"redundancy"`: one of the redundant
   * connections has ended for good, and is not replaced.
   */
  readonly problem: "rotation" | "redundancy";
  /** Which of redundant connections it is, from 0. */
  readonly index: number;
  /** In how many milliseconds it is tried again; null for never. */
  readonly delay: number | null;
  /** How the connection, or the attempt, ended. */
  readonly reason: ConnectionEnd;

  /** Made by the feed. */
  constructor({ problem, index, delay, reason }: Warning) {
    super("warning");
    this.problem = problem;
    this.index = index;
    this.delay = delay;
    this.reason = reason;
  }
}

/** The events of a `ReconnectingCurlWebSocket`, by their names. */
export interface ReconnectingEventMap extends Omit<CurlWebSocketEventMap, "ping" | "pong"> {
  /** A connection has ended, or an attempt failed, and the next one is to come. */
  reconnecting: ReconnectingEvent;
  /** A connection stands again; messages may have been missed before. */
  gap: GapEvent;
  /** The feed goes on, but a rotation failed, or a redundant connection is not replaced. */
  warning: WarningEvent;
}

/** The platform's `EventTarget`, with the events of a `ReconnectingCurlWebSocket`. */
export const ReconnectingTarget: new () => TypedEventTarget<ReconnectingEventMap> = EventTarget;

/** A time in which messages may have been missed. */
export type Gap = Pick<GapEvent, "from" | "lostAt" | "to" | "reason">;

/** What is about to be tried. */
export type Reconnecting = Pick<ReconnectingEvent, "attempt" | "delay" | "index" | "reason">;

/** What failed without an interruption. */
export type Warning = Pick<WarningEvent, "problem" | "index" | "delay" | "reason">;
