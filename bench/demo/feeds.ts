/** The feeds of the demo, and what is measured of each. */

export type FeedName = "slow" | "fast" | "even";

export const FEEDS: readonly { readonly name: FeedName; readonly title: string }[] = [
  { name: "slow", title: "slow feed, about 5 messages/s" },
  { name: "fast", title: "fast feed, about 2,000 messages/s in bursts" },
  { name: "even", title: "even feed, 2,000 messages/s one by one" },
];

/** How long a feed is measured if each is to be for `seconds`: the slow one twice as long, as it has few messages. */
export function secondsOf(feed: FeedName, seconds: number): number {
  return feed === "slow" ? 2 * seconds : seconds;
}

export interface Measurement {
  /** Of one core, all threads. */
  cpuPercent: number;
  wakeupsPerSecond: number | null;
  pollsPerSecond: number | null;
  seconds: number;
  messages: number;
  /** From send to handler, ms. */
  p50: number | null;
  p99: number | null;
}
