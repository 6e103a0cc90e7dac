/** Finds peers that are gone without a word, and measures round trips. Pings are RFC 6455 section 5.5.2's. */
import { runtime, type Timer } from "../platform/runtime.ts";
import { CurlWebSocketError } from "../errors.ts";

/** What a connection must do for its health. */
export interface HeartbeatHost {
  /** Queues a ping. */
  sendPing(payload: Uint8Array): void;
  /** Reads, soon, what has come and was not read yet: a thread that was busy is no dead peer. */
  readAgain(): void;
  /** Ends the connection, without a closing handshake. */
  abort(error: CurlWebSocketError): void;
}

/** How long after a look at what has come the verdict falls, ms. */
const GRACE = 50;
/** So many pings without a pong are kept for measuring. */
const MAX_OUTSTANDING = 16;

/** One connection's. */
export class Heartbeat {
  readonly #host: HeartbeatHost;
  readonly #pingInterval: number;
  readonly #idleTimeout: number;
  readonly #watching: boolean;
  #pingTimer: Timer | null = null;
  #idleTimer: Timer | null = null;
  #heardAt = 0;
  /** Whether a ping of ours is out, and whether the peer gave a sign of life since. */
  #asked = false;
  #heard = true;
  /** Pings that were not answered, the oldest first. */
  #outstanding: { payload: Uint8Array; at: number }[] = [];
  /** Our payloads: four random bytes, which tell them from the user's, and a number. */
  #payload: Uint8Array | null = null;
  /** From the last ping to its pong, ms; null before the first. */
  roundTripTime: number | null = null;

  /** Times in milliseconds, 0 for none. */
  constructor(host: HeartbeatHost, { pingInterval, idleTimeout }: { pingInterval: number; idleTimeout: number }) {
    this.#host = host;
    this.#pingInterval = pingInterval;
    this.#idleTimeout = idleTimeout;
    this.#watching = pingInterval > 0 || idleTimeout > 0;
  }

  /** The connection is open, or is read again. */
  start(): void {
    this.stop();
    this.#asked = false;
    this.#heardAt = performance.now();
    if (this.#pingInterval > 0) this.#armPing();
    if (this.#idleTimeout > 0) this.#armIdle(this.#idleTimeout);
  }

  /** Nothing is read for a while, so no pong can come: what is out is neither waited for nor measured. */
  pause(): void {
    this.stop();
    this.#outstanding = [];
  }

  /** The connection closes, or is closed. */
  stop(): void {
    this.#pingTimer?.clear();
    this.#idleTimer?.clear();
    this.#pingTimer = this.#idleTimer = null;
  }

  /** Bytes came. */
  heard(): void {
    if (!this.#watching) return;
    this.#heard = true;
    if (this.#idleTimeout > 0) this.#heardAt = performance.now();
  }

  /** The peer takes what it did not take before: our ping may be behind it, and cannot be answered yet. */
  progressed(): void {
    this.#heard = true;
  }

  /** A ping goes out. */
  pinged(payload: Uint8Array): void {
    if (this.#outstanding.length === MAX_OUTSTANDING) this.#outstanding.shift();
    this.#outstanding.push({ payload: payload.slice(), at: performance.now() });
  }

  /** A pong came. Returns whether it answers a ping of ours, which is nobody else's business. */
  ponged(payload: Uint8Array): boolean {
    const index = this.#outstanding.findIndex((ping) => equalBytes(ping.payload, payload));
    if (index >= 0) {
      this.roundTripTime = performance.now() - this.#outstanding[index]!.at;
      // A peer may answer the latest of several alone.
      this.#outstanding.splice(0, index + 1);
    }
    const ours = this.#payload !== null && payload.length === this.#payload.length &&
      equalBytes(payload.subarray(0, 4), this.#payload.subarray(0, 4));
    if (ours) this.#asked = false;
    return ours;
  }

  /** Never keeps the process alive: the connection does. */
  #timer(onTime: () => void, milliseconds: number): Timer {
    const timer = runtime().setTimer(onTime, milliseconds);
    timer.unref();
    return timer;
  }

  #armPing(): void {
    this.#pingTimer = this.#timer(() => {
      if (!this.#asked || this.#heard) return this.#ping();
      this.#host.readAgain();
      this.#pingTimer = this.#timer(() => {
        if (!this.#asked || this.#heard) return this.#ping();
        const message = `the server gave no sign of life since a ping, for pingInterval, ${this.#pingInterval} ms`;
        this.#fail("ERR_PING_TIMEOUT", message);
      }, GRACE);
    }, this.#pingInterval);
  }

  #ping(): void {
    const payload = this.#payload ??= crypto.getRandomValues(new Uint8Array(8)).fill(0, 4);
    const fields = new DataView(payload.buffer);
    fields.setUint32(4, fields.getUint32(4) + 1);
    this.#asked = true;
    this.#heard = false;
    this.pinged(payload);
    this.#armPing();
    this.#host.sendPing(payload);
  }

  #armIdle(milliseconds: number): void {
    this.#idleTimer = this.#timer(() => {
      const left = this.#idleLeft();
      if (left > 0) return this.#armIdle(left);
      this.#host.readAgain();
      this.#idleTimer = this.#timer(() => {
        const left = this.#idleLeft();
        if (left > 0) return this.#armIdle(left);
        this.#fail("ERR_IDLE_TIMEOUT", `nothing came from the server for idleTimeout, ${this.#idleTimeout} ms`);
      }, GRACE);
    }, milliseconds);
  }

  #idleLeft(): number {
    return Math.ceil(this.#heardAt + this.#idleTimeout - performance.now());
  }

  #fail(code: "ERR_PING_TIMEOUT" | "ERR_IDLE_TIMEOUT", message: string): void {
    this.stop();
    this.#host.abort(new CurlWebSocketError(code, message));
  }
}

/** Returns whether two payloads are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
