/** How long a promise is waited for, and what ends the wait. */
import { checkNames, checkSignal, MAX_TIMEOUT, numberOf } from "../options/validate.ts";
import { runtime } from "../platform/runtime.ts";

/** When a wait is given up. */
export interface WaitOptions {
  /** After how many milliseconds, 0 to 2^31 - 1; default 0 for never. The promise rejects with a `TimeoutError`. */
  timeout?: number;
  /** When this signal is aborted: the promise rejects with its reason. */
  signal?: AbortSignal;
}

/**
 * Returns the options, checked.
 *
 * @throws {TypeError} for an unknown option, or a value of the wrong type
 * @throws {RangeError} for a number out of its range
 */
export function waitOptions(
  options: WaitOptions | undefined = {},
): Required<Pick<WaitOptions, "timeout">> & WaitOptions {
  checkNames("option", options, ["timeout", "signal"]);
  checkSignal(options.signal);
  return { timeout: numberOf("timeout", options.timeout ?? 0, 0, MAX_TIMEOUT), signal: options.signal };
}

/**
 * Calls `giveUp` with the reason when the time is up, or the signal is aborted, unless the promise has settled by then. The
 * timer keeps no process alive: the connection does. `what` is what has not happened.
 */
export function giveUpBy(
  promise: Promise<unknown>,
  { timeout = 0, signal }: WaitOptions,
  what: string,
  giveUp: (reason: unknown) => void,
): void {
  if (timeout === 0 && signal === undefined) return;
  const timer = timeout === 0 ? null : runtime().setTimer(() => {
    giveUp(new DOMException(`${what} within ${timeout} ms`, "TimeoutError"));
  }, timeout);
  timer?.unref();
  const onAbort = () => giveUp(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const stop = () => {
    timer?.clear();
    signal?.removeEventListener("abort", onAbort);
  };
  promise.then(stop, stop);
}

/** Returns the promise, whose rejection nobody has to handle: a program may ask for it, and not look at it. */
export function droppable<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
