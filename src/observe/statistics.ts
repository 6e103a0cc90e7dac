/** Counters of a connection, and of how the thread waits for all of its connections. */
/**
 * A snapshot of a connection's counters since it was opened. Frames and messages are those of the open connection; the
 * handshake does not count.
 */
export interface SocketStats {
  /** Messages delivered, by events, a loop or the readable. */
  readonly messagesReceived: number;
  /** Messages given to `send()` or the writable in time; {@linkcode bytesSent} says how much of them has left. */
  readonly messagesSent: number;
  /** Frames of all kinds; a message has one or more. */
  readonly framesReceived: number;
  /** Frames of all kinds, sent or waiting to be. */
  readonly framesSent: number;
  /** Bytes read from TCP or TLS: frames with their headers, compressed if they are. */
  readonly bytesReceived: number;
  /** Bytes that the kernel took, likewise. */
  readonly bytesSent: number;
  /** Bytes of the content of messages, inflated; of a message under way, what has come so far. */
  readonly payloadBytesReceived: number;
  /** Bytes of the content of {@linkcode messagesSent}, before compression. */
  readonly payloadBytesSent: number;
  /** Of {@linkcode payloadBytesSent}, those that the kernel has not taken: they wait, or were lost with the connection. */
  readonly payloadBytesUnsent: number;
  /** Messages that were thrown away: `send()` was called when the connection was closing, closed, or had failed. */
  readonly messagesRefused: number;
  /** Bytes of the content of {@linkcode messagesRefused}. */
  readonly payloadBytesRefused: number;
  /**
   * Of the compressed messages, their size on the wire divided by their size inflated: 0.25 is a quarter. Null before the
   * first one.
   */
  readonly compressionRatioReceived: number | null;
  /** The same of messages sent. */
  readonly compressionRatioSent: number | null;
  /** How often this thread woke up for the connection. */
  readonly wakeups: number;
  /** How often the connection had its turn: after a wake-up, from a timer or at once. */
  readonly turns: number;
  /** As `roundTripTime`: how long the last ping took to come back, ms; null before the first pong. */
  readonly roundTripTime: number | null;
  /**
   * Bytes of {@linkcode bytesSent}, over TLS with its records, that the server had not acknowledged when the connection ended:
   * they may have arrived, or not. Null before the end, and where the system does not tell: elsewhere than on Linux.
   */
  readonly bytesUnacknowledged: number | null;
}

/** How this thread waits: counters since its first connection, for all of its connections together. */
export interface ReactorStats {
  /** Sockets that are waited for now; one whose reading is paused is none. */
  readonly sockets: number;
  /** Connections, and attempts to connect, that are alive now. */
  readonly connections: number;
  /** How often this thread began to wait. */
  readonly polls: number;
  /** How often it was woken: each costs more than a message. {@linkcode polls} is one more while it sleeps. */
  readonly wakeups: number;
  /** How often what is ready was looked for without sleeping. */
  readonly looks: number;
  /** Turns taken: after wake-ups and looks. */
  readonly turns: number;
  /** Turns that were taken from a timer, so that a dense stream has one for many messages (`maxReceiveDelay`). */
  readonly timers: number;
  /** How often a stream became so dense that timers took over from wake-ups; 0 if messages were always delivered at once. */
  readonly moderations: number;
  /**
   * Whether another thread waits in `curl_multi_poll` and wakes this one, which takes more CPU a wake-up. False on Linux 5.19
   * and later, where the kernel wakes this one itself, unless io_uring is forbidden, as in most containers.
   */
  readonly hasThread: boolean;
}
