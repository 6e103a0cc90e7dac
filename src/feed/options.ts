/** The options of a `ReconnectingCurlWebSocket`, checked and completed with their defaults. */
import { checkNames, checkSignal, MAX_TIMEOUT, numberOf } from "../options/validate.ts";
import { type CurlWebSocketInit, initOf, type NativeInit } from "../web/webidl.ts";
import type { CurlWebSocket } from "../web/websocket.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import type { ConnectionOptions, PerAttempt } from "./connection_plan.ts";
import type { Key } from "./handover.ts";
import type { RetrySettings } from "./retry.ts";

/** When and how often a `ReconnectingCurlWebSocket` connects again. Times are in milliseconds. */
export interface RetryOptions {
  /** The longest delay before the second attempt; default 1,000. The delay is a random part of it. */
  firstDelay?: number;
  /** By how much the longest delay grows with each attempt that fails, 1 to 10; default 2. */
  factor?: number;
  /** What it grows to; default 30,000. */
  maxDelay?: number;
  /** How long a connection has to stand before delays and attempts are counted anew; default 10,000. */
  stableAfter?: number;
  /** After how many attempts in a row that failed it gives up, 1 or more; default `Infinity`. */
  maxAttempts?: number;
  /**
   * Whether an end is the last: an error, or a closing handshake. `byDefault` is what docs/reconnect.md says of it. It is
   * asked about each attempt that failed and each connection that ended. If it throws, `byDefault` holds, and the error is
   * reported as an uncaught one.
   */
  isFatal?: (end: ConnectionEnd, byDefault: boolean) => boolean;
}

/** The key of a message, the same on each connection that brings it; undefined for one that has none. */
export type KeyOf = (data: string | ArrayBuffer) => string | number | undefined;

/** How one connection is replaced by the next without a gap. Times are in milliseconds. */
export interface RotateOptions {
  /** How long a connection stands before the next one is begun; by default only `rotate()` begins one. */
  after?: number;
  /** How much of `after` chance takes off, 0 to 1; default 0.1, so that many clients do not rotate at once. */
  jitter?: number;
  /**
   * Recognizes what both connections bring: it is delivered once, in the order of the old connection and then of the next one.
   * Without it, messages of `overlap` come twice.
   */
  key?: KeyOf;
  /** How many keys are remembered, 1 to 10,000,000; default 10,000. */
  window?: number;
  /**
   * With `key`: after how long of silence on the old connection it is not waited for any longer. Without: how long both deliver.
   * Default 1,000.
   */
  overlap?: number;
  /** How long the next connection may bring nothing before it takes over nevertheless; default 5,000. */
  patience?: number;
}

/** Several connections at once, of which each message is delivered once. */
export interface RedundancyOptions {
  /** How many, 1 to 16; or the options of each, beside those of all: another `interface`, `proxy` or `resolve`. */
  connections: number | readonly ConnectionOptions[];
  /** Recognizes what several connections bring. */
  key: KeyOf;
  /** How many keys are remembered, 1 to 10,000,000; default 10,000. More than come while one connection lags behind another. */
  window?: number;
}

/**
 * The options of a `ReconnectingCurlWebSocket`: those of `CurlWebSocket`, each of which may be a function of the attempt, and
 * these. `pingInterval` is 20,000 by default. `signal` ends it at any time.
 */
export interface ReconnectingCurlWebSocketOptions extends Omit<ConnectionOptions, "signal"> {
  /** When and how often it connects again. */
  reconnect?: RetryOptions;
  /**
   * Introduces each connection: logs in, subscribes. What is sent from elsewhere comes after it, and so do the messages that the
   * connection has brought meanwhile, which `socket` gets at once. If it throws or rejects, that attempt has failed.
   */
  connected?: (socket: CurlWebSocket, attempt: number, index: number) => unknown;
  /** How long `connected` may take, and the functions of the options for one attempt, ms; default 30,000, 0 for no limit. */
  connectedTimeout?: number;
  /**
   * How many bytes of messages are kept that are sent while no connection is open; default 0: `send()` throws. It throws too if
   * there is no room.
   */
  buffer?: number;
  /** How connections are replaced without a gap. */
  rotate?: RotateOptions;
  /** Several connections at once. */
  redundancy?: RedundancyOptions;
  /** Ends it at any time, with `ERR_ABORTED`. */
  signal?: AbortSignal;
}

/** The constructor's arguments after the URL. */
export type AfterUrl = [
  second?: PerAttempt<string | Iterable<string> | undefined> | ReconnectingCurlWebSocketOptions | NativeInit,
  third?: ReconnectingCurlWebSocketOptions,
];

/** Returns them as one dictionary: subprotocols are a string, a list or a function. */
export function optionsOf(...[second, third]: AfterUrl): ReconnectingCurlWebSocketOptions {
  if (typeof second === "function") return { ...third, protocols: second };
  const [list, options] = [second, third] as Parameters<typeof initOf>;
  return initOf(list, options) as ReconnectingCurlWebSocketOptions;
}

/** Options with every default in place. */
export interface CompleteFeedOptions {
  readonly retry: RetrySettings;
  isFatal(end: ConnectionEnd, byDefault: boolean): boolean;
  readonly connected: ((socket: CurlWebSocket, attempt: number, index: number) => unknown) | undefined;
  readonly connectedTimeout: number;
  readonly buffer: number;
  readonly rotate: { readonly after: number | undefined; readonly jitter: number };
  readonly overlap: number;
  readonly patience: number;
  readonly keyOf: ((data: string | ArrayBuffer) => Key | undefined) | null;
  readonly window: number;
  readonly isRedundant: boolean;
  readonly signal: AbortSignal | undefined;
  /** The options of each connection. */
  readonly connections: readonly ConnectionOptions[];
}

const OWN = ["reconnect", "connected", "connectedTimeout", "buffer", "rotate", "redundancy", "signal"] as const;
const RETRY_NAMES = ["firstDelay", "factor", "maxDelay", "stableAfter", "maxAttempts", "isFatal"];
const ROTATE_NAMES = ["after", "jitter", "key", "window", "overlap", "patience"];
const REDUNDANCY_NAMES = ["connections", "key", "window"];

const WINDOW = 10_000;
/** A quarter of a gigabyte of keys. */
const MAX_WINDOW = 10_000_000;
/** Each is a connection to the same server: more is no safety, but an attack. */
const MAX_CONNECTIONS = 16;
/** Exchanges end connections that say nothing for 30 s and more. */
const PING_INTERVAL = 20_000;

/**
 * Returns the options, checked, with every default. Those of the connections are checked when a connection is made.
 *
 * @throws {TypeError} for a value of the wrong type, or options that contradict one another
 * @throws {RangeError} for a number out of its range
 */
export function completeFeedOptions(options: ReconnectingCurlWebSocketOptions): CompleteFeedOptions {
  const { reconnect = {}, rotate = {}, redundancy, signal } = options;
  checkNames("option of reconnect", reconnect, RETRY_NAMES);
  checkNames("option of rotate", rotate, ROTATE_NAMES);
  if (redundancy !== undefined) checkNames("option of redundancy", redundancy, REDUNDANCY_NAMES);
  checkSignal(signal);
  const time = (name: string, value: number | undefined, fallback: number) =>
    numberOf(name, value ?? fallback, 0, MAX_TIMEOUT);
  const key = functionOf("redundancy.key", redundancy?.key) ?? functionOf("rotate.key", rotate.key) ?? null;
  if (redundancy !== undefined && redundancy.key === undefined) {
    throw new TypeError("redundancy needs a key: without one, every message would come several times");
  }
  const isFatal = functionOf("reconnect.isFatal", reconnect.isFatal) ?? ((_end, byDefault) => byDefault);
  return {
    retry: {
      firstDelay: time("reconnect.firstDelay", reconnect.firstDelay, 1000),
      factor: numberOf("reconnect.factor", reconnect.factor ?? 2, 1, 10),
      maxDelay: time("reconnect.maxDelay", reconnect.maxDelay, 30_000),
      stableAfter: time("reconnect.stableAfter", reconnect.stableAfter, 10_000),
      maxAttempts: numberOf("reconnect.maxAttempts", reconnect.maxAttempts ?? Infinity, 1, Infinity),
    },
    isFatal,
    connected: functionOf("connected", options.connected),
    connectedTimeout: time("connectedTimeout", options.connectedTimeout, 30_000),
    buffer: numberOf("buffer", options.buffer ?? 0, 0, Number.MAX_SAFE_INTEGER),
    rotate: {
      after: rotate.after === undefined ? undefined : numberOf("rotate.after", rotate.after, 1, MAX_TIMEOUT),
      jitter: numberOf("rotate.jitter", rotate.jitter ?? 0.1, 0, 1),
    },
    overlap: time("rotate.overlap", rotate.overlap, 1000),
    patience: time("rotate.patience", rotate.patience, 5000),
    keyOf: key,
    window: numberOf("window", redundancy?.window ?? rotate.window ?? WINDOW, 1, MAX_WINDOW, true),
    isRedundant: redundancy !== undefined,
    signal,
    connections: connectionsOf(options, redundancy),
  };
}

function functionOf<Value>(name: string, value: Value | undefined): Value | undefined {
  if (value !== undefined && typeof value !== "function") {
    throw new TypeError(`${name} must be a function, not ${typeof value}`);
  }
  return value;
}

/** Returns the options of each connection: those of all, and its own. */
function connectionsOf(
  options: ReconnectingCurlWebSocketOptions,
  redundancy: RedundancyOptions | undefined,
): ConnectionOptions[] {
  // With what has a symbol as its name: an observer.
  const shared: ConnectionOptions & { [name in typeof OWN[number]]?: unknown } = { ...options };
  for (const name of OWN) delete shared[name];
  shared.pingInterval ??= PING_INTERVAL;
  const { connections = 1 } = redundancy ?? {};
  const count = Array.isArray(connections) ? connections.length : connections;
  numberOf("the number of redundancy.connections", count, 1, MAX_CONNECTIONS, true);
  return Array.from({ length: count as number }, (_, index) => {
    const extra = Array.isArray(connections) ? connections[index] as CurlWebSocketInit : {};
    return { ...shared, ...extra };
  });
}
