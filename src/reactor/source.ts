/** Who is served: what a reactor calls, and what it keeps of a turn to come. */
import type { CurlWebSocketError } from "../errors.ts";

/** What the reactor serves: a connection, from its first packet to its last. */
export interface Source {
  /**
   * Whether it connects. Its turns are steps that take long, such as those of TLS, and may wait: they come behind all
   * others, and share the time that connecting has in a turn of the event loop.
   */
  readonly isConnecting?: boolean;
  /** The socket `fd` is ready. Returns whether it has more to do at once and wants another turn before any wait. */
  onReady(fd: number, events: number): boolean;
  /** The source cannot go on: the waiting failed, or the source itself threw. It detaches itself. */
  onReactorError(error: CurlWebSocketError): void;
}

/** What a source is to do in a turn: `events` are bits of `READABLE` and `WRITABLE`, 0 when it has been taken. */
export interface Turn {
  readonly source: Source;
  readonly fd: number;
  events: number;
}
