/** Tells what becomes of a feed: by events, and in the diagnostics channels. */
import { publishFeed } from "../observe/channels.ts";
import { runtime } from "../platform/runtime.ts";
import { type Gap, GapEvent, type Reconnecting, ReconnectingEvent, type Warning, WarningEvent } from "./events.ts";
import type { ReadingOrder } from "./reading_order.ts";

export class FeedEvents {
  readonly #feed: EventTarget & { readonly url: string };
  readonly #order: ReadingOrder;

  constructor(feed: EventTarget & { readonly url: string }, order: ReadingOrder) {
    this.#feed = feed;
    this.#order = order;
  }

  reconnecting(event: Reconnecting): void {
    publishFeed("curlws:reconnect", this.#feed, event);
    this.#feed.dispatchEvent(new ReconnectingEvent(event));
  }

  /** The channel has it at once: who monitors is not to wait for a loop that lags behind. */
  gap(gap: Gap): void {
    publishFeed("curlws:gap", this.#feed, gap);
    this.#order.between(() => this.#feed.dispatchEvent(new GapEvent(gap)));
    // An event is a task of its own.
    runtime().checkpoint();
  }

  warning(warning: Warning): void {
    publishFeed("curlws:warning", this.#feed, warning);
    this.#feed.dispatchEvent(new WarningEvent(warning));
  }
}
