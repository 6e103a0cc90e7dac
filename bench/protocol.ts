/** What the orchestrator and the peers say to each other: one JSON line each way. */

/** What a peer is to do. */
export interface Command {
  action: "receive" | "roundTrip" | "send" | "idle";
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
  /** Resident memory, bytes. */
  memory?: number;
  error?: string;
}
