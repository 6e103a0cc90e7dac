/** What each connection of a feed is made with: values, or functions that return them for an attempt. */
import { completeInit, type CurlWebSocketInit } from "../web/webidl.ts";

/** A value, or a function that returns it, or a promise of it, for each attempt. */
export type PerAttempt<Value> = Value | ((attempt: number, index: number) => Value | Promise<Value>);

/** The options of `CurlWebSocket` and its subprotocols, each as a value or a function. */
export type ConnectionOptions = { [Name in keyof CurlWebSocketInit]?: PerAttempt<CurlWebSocketInit[Name]> };

/** What one attempt is made with. */
export interface ConnectionInit {
  readonly url: string | URL;
  readonly options: CurlWebSocketInit;
}

export class ConnectionPlan {
  readonly #url: PerAttempt<string | URL>;
  readonly #options: ConnectionOptions;

  constructor(url: PerAttempt<string | URL>, options: ConnectionOptions) {
    this.#url = url;
    this.#options = options;
  }

  /**
   * Checks what is no function, before the first attempt, and returns it with the defaults of all else.
   *
   * @throws {DOMException | TypeError | RangeError | CurlWebSocketError} as `CurlWebSocket` does
   */
  check(): ReturnType<typeof completeInit> {
    const url = typeof this.#url === "function" ? "ws://localhost" : this.#url;
    const fixed = Object.entries(this.#options).filter(([, value]) => typeof value !== "function");
    return completeInit(url, Object.fromEntries(fixed));
  }

  /** Returns what an attempt is made with: at once, unless a function returns a promise. Throws what a function throws. */
  initOf(attempt: number, index: number): ConnectionInit | Promise<ConnectionInit> {
    const valueOf = <Value>(value: PerAttempt<Value>): Value | Promise<Value> =>
      typeof value === "function"
        ? (value as (attempt: number, index: number) => Value | Promise<Value>)(attempt, index)
        : value;
    const url = valueOf(this.#url);
    const names = Reflect.ownKeys(this.#options) as (keyof ConnectionOptions)[];
    const values: unknown[] = names.map((name) => valueOf<unknown>(this.#options[name]));
    const made = (url: string | URL, values: unknown[]): ConnectionInit => ({
      url,
      options: Object.fromEntries(names.map((name, i) => [name, values[i]])),
    });
    const isLater = [url, ...values].some((value) => value instanceof Promise);
    if (!isLater) return made(url as string | URL, values);
    return Promise.all([url, ...values]).then(([url, ...values]) => made(url as string | URL, values));
  }
}
