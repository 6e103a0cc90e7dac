/** The counters of a `ReconnectingCurlWebSocket`. */
import type { SocketStats } from "../observe/statistics.ts";

/** What one of redundant connections brought first. */
export interface FirstStats {
  /** Messages that it brought first. */
  readonly first: number;
  /** Of those, how many another one brought later. */
  readonly led: number;
  /** By how much it was first of {@linkcode led}, on average, ms. */
  readonly meanLead: number;
}

/** Counters over all connections, as they are now. Ratios of compression and `roundTripTime` are those of the present one. */
export interface ReconnectingStats extends SocketStats {
  /** Attempts to connect that were begun. */
  readonly attempts: number;
  /** Of them, those that failed. */
  readonly failures: number;
  /** Connections that stood. */
  readonly connections: number;
  /** Connections that were replaced without a gap. */
  readonly rotations: number;
  /** Rotations that failed: the next connection could not be made, or ended before it had taken over. */
  readonly rotationFailures: number;
  /** Times in which no connection stood, after the first. */
  readonly gaps: number;
  /** How long they took together, ms. */
  readonly downTime: number;
  /** Messages that came again, and were not delivered. */
  readonly duplicates: number;
  /**
   * Payload bytes that were sent and had not left this process when their connection ended: they are not sent again. What had
   * left and was not acknowledged is `bytesUnacknowledged`, of all connections that have ended.
   */
  readonly unsentBytes: number;
  /** By connection of `redundancy`; empty without it. */
  readonly redundancy: readonly FirstStats[];
}

/** Counters that add up. */
const SUMMED = [
  "messagesReceived",
  "messagesSent",
  "framesReceived",
  "framesSent",
  "bytesReceived",
  "bytesSent",
  "payloadBytesReceived",
  "payloadBytesSent",
  "payloadBytesUnsent",
  "messagesRefused",
  "payloadBytesRefused",
  "wakeups",
  "turns",
] as const;

/** What has been counted of connections that have ended. */
export type StatsSum = Record<typeof SUMMED[number], number>;

export function noSum(): StatsSum {
  return Object.fromEntries(SUMMED.map((name) => [name, 0])) as StatsSum;
}

/** Adds a connection's counters to a sum. */
export function addStats(sum: StatsSum, stats: SocketStats): void {
  for (const name of SUMMED) sum[name] += stats[name];
}

/** Who was first, of redundant connections. */
export class FirstCounter {
  first = 0;
  #led = 0;
  #lead = 0;

  /** Another connection brought a message `lead` ms later. */
  add(lead: number): void {
    this.#led++;
    this.#lead += lead;
  }

  get stats(): FirstStats {
    return Object.freeze({
      first: this.first,
      led: this.#led,
      meanLead: this.#led === 0 ? 0 : this.#lead / this.#led,
    });
  }
}
