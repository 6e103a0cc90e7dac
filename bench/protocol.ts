/** The messages between the orchestrator and the peers: one line of JSON in each direction. */

/** A command to a peer. */
export interface Command {
  action: "receive" | "roundTrip" | "send" | "idle" | "open" | "reconnect" | "count";
  url: string;
  /** Messages that are measured together. */
  batch: number;
  /** How long to measure, in s, and before that to warm up, in ms. */
  seconds: number;
  warmUp: number;
  /** Messages per second of a paced feed; 0 for as fast as possible. */
  rate: number;
  /** The size of a message, bytes. */
  size: number;
  kind: "text" | "binary" | "json";
  deflate?: boolean;
  connections?: number;
  /** The time stamp of every n-th message is read, for the latency. */
  stamped?: number;
  /** Whether the server's certificate is verified. */
  verify?: boolean;
  /** Options of CurlWebSocket only. */
  options?: Record<string, unknown>;
}

/** The upper bounds of a latency histogram, ms. */
export const BUCKETS: readonly number[] = [0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 2.5, 3, 5, 10];

/** The result of a command. */
export interface Measured {
  messages: number;
  wallMs: number;
  cpuMs: number;
  /** CPU time per message, microseconds. */
  cpuUs: number;
  perSecond: number;
  bytes?: number;
  /** The latency or the round-trip time, ms. */
  p50?: number;
  p99?: number;
  /** The number of latencies in each bucket: at most its bound in {@linkcode BUCKETS}, more than the one before; last, the rest. */
  histogram?: number[];
  /** The longest time that the event loop stood still, ms. */
  stallMs?: number;
  /** The most CPU time of the event loop's thread between two turns of the loop, ms. */
  stallCpuMs?: number;
  /** The CPU time that a connection took, ms. */
  cpuEach?: number;
  /** Resident memory that a connection added, bytes. */
  memoryEach?: number;
  /** File descriptors that a connection added. */
  filesEach?: number;
  /** The time until all connections were open, ms. */
  openMs?: number;
  /** Messages that were sent and not received, or received twice or out of order. */
  lost?: number;
  /** Resident memory, bytes. */
  memory?: number;
  error?: string;
}
