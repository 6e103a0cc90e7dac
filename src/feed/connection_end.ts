/** How a connection of a feed ended, or why there was none. */
import type { CurlWebSocketError } from "../errors.ts";

/** The end of one connection, or of an attempt to make one. */
export interface ConnectionEnd {
  /** What went wrong; null if the connection was closed by the closing handshake. */
  readonly error: CurlWebSocketError | null;
  /** The close code; 1006 if there was no closing handshake. */
  readonly code: number;
  /** The reason that the server gave, or `""`. */
  readonly reason: string;
  /** Whether there was a closing handshake. */
  readonly wasClean: boolean;
}
