/** What each connection of a feed is made with: values, or functions that return them for an attempt. */
import type { CurlWebSocketInit } from "../web/webidl.ts";

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

  /** The URL, or null if a function returns it. */
  get fixedUrl(): string | URL | null {
    return typeof this.#url === "function" ? null : this.#url;
  }

  /** The options that are not functions, which can be checked before the first attempt. */
  get fixedOptions(): CurlWebSocketInit {
    return Object.fromEntries(Object.entries(this.#options).filter(([, value]) => typeof value !== "function"));
  }

  /** Returns what an attempt is made with: at once, unless a function returns a promise. Throws what a function throws. */
  initOf(attempt: number, index: number): ConnectionInit | Promise<ConnectionInit> {
    const valueOf = <Value>(value: PerAttempt<Value>): Value | Promise<Value> =>
      typeof value === "function"
        ? (value as (attempt: number, index: number) => Value | Promise<Value>)(attempt, index)
        : value;
    const url = valueOf(this.#url);
    const names = Object.keys(this.#options) as (keyof ConnectionOptions)[];
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
