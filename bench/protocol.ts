/** What the orchestrator and the peers say to each other: one JSON line each way. */

/** What a peer is to do. */
export interface Command {
  action: "receive" | "roundTrip" | "send" | "idle" | "open";
  url: string;
  /** Messages that are measured together. */
  batch: number;
  /** How long to measure, and before that to warm up: s and ms. */
  seconds: number;
  warmUp: number;
  /** Messages a second of a paced feed; 0 as fast as can be. */
  rate: number;
  /** Of a message, bytes. */
  size: number;
  kind: "text" | "binary" | "json";
  deflate?: boolean;
  connections?: number;
  /** Every so many messages the time stamp is read: latency. */
  stamped?: number;
  /** Of CurlWebSocket alone. */
  options?: Record<string, unknown>;
}

/** The upper bounds of a latency histogram, ms. */
export const BUCKETS: readonly number[] = [0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 2.5, 3, 5, 10];

/** What came of it. */
export interface Measured {
  messages: number;
  wallMs: number;
  cpuMs: number;
  /** CPU time a message, microseconds. */
  cpuUs: number;
  perSecond: number;
  bytes?: number;
  /** Latency, or the round trip's time: ms. */
  p50?: number;
  p99?: number;
  /** How many of the latencies were up to each of {@linkcode BUCKETS}, and above the one before; the last is of the rest. */
  histogram?: number[];
  /** The longest time between two turns of the event loop: ms. */
  stallMs?: number;
  /** Resident memory that a connection added, bytes. */
  memoryEach?: number;
  /** Resident memory, bytes. */
  memory?: number;
  error?: string;
}
