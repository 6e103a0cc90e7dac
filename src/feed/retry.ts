/** When the next attempt begins: exponential delays with full jitter, and what the server asks for. Pure. */
import { retryAfter } from "../handshake/retry_after.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";

/** How a feed connects again. */
export interface RetrySettings {
  readonly firstDelay: number;
  readonly factor: number;
  readonly maxDelay: number;
  readonly stableAfter: number;
  readonly maxAttempts: number;
}

/** RFC 6455's registry: "Try Again Later", of a server that has too much to do. */
const CLOSE_TRY_AGAIN_LATER = 1013;

export class Retry {
  readonly #settings: RetrySettings;
  readonly #random: () => number;
  /** Attempts that failed since a connection was last stable. */
  #failures = 0;

  /** `random` returns numbers from 0 to 1, without 1. */
  constructor(settings: RetrySettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  /** The number of the attempt that is under way, or comes next: 1 is the first since a connection was last stable. */
  get attempt(): number {
    return this.#failures + 1;
  }

  /** A connection is as good as stable: what comes next is the first attempt. */
  reset(): void {
    this.#failures = 0;
  }

  /**
   * A connection that was open for `stoodFor` ms has ended, or an attempt failed (0). Returns how long to wait before the next
   * one, ms; null if there is to be no other. `now` is the time of day, epoch ms.
   */
  next(end: ConnectionEnd, stoodFor: number, now: number): number | null {
    const { firstDelay, factor, maxDelay, stableAfter, maxAttempts } = this.#settings;
    if (stoodFor > 0 && stoodFor >= stableAfter) this.#failures = 0;
    else if (++this.#failures >= maxAttempts) return null;
    const most = Math.min(maxDelay, firstDelay * factor ** Math.max(0, this.#failures - 1));
    // Full jitter: clients that were cut off together come back spread over all of the time.
    if (end.code === CLOSE_TRY_AGAIN_LATER) return maxDelay / 2 + this.#random() * maxDelay / 2;
    return retryAfter(end.error?.status, end.error?.headers ?? [], now) + this.#random() * most;
  }
}
