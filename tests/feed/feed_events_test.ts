/** What becomes of a feed: its events, and the diagnostics channels. */
import "../../runtimes/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { channel } from "node:diagnostics_channel";
import type { DiagnosticsMessages } from "../../mod.ts";
import type { GapEvent, ReconnectingEvent, WarningEvent } from "../../src/feed/events.ts";
import { FeedEvents } from "../../src/feed/feed_events.ts";
import { ReadingOrder } from "../../src/feed/reading_order.ts";
import { MessageQueue } from "../../src/web/message_queue.ts";
import { test } from "../support/testing.ts";
import { lost } from "./scripted.ts";

class Target extends EventTarget {
  url = "wss://joe:secret@example.com/feed?x=1";
}

/** What a channel has published until it is disposed of. */
function record<Name extends keyof DiagnosticsMessages>(name: Name) {
  const messages: DiagnosticsMessages[Name][] = [];
  const listener = (message: unknown) => void messages.push(message as DiagnosticsMessages[Name]);
  channel(name).subscribe(listener);
  return { messages, [Symbol.dispose]: () => void channel(name).unsubscribe(listener) };
}

/** The events of a target, as they come. */
function eventsOf(target: EventTarget): Event[] {
  const events: Event[] = [];
  const listener = { handleEvent: (event: Event) => void events.push(event) };
  for (const type of ["reconnecting", "gap", "warning"]) target.addEventListener(type, listener);
  return events;
}

test("each is an event and a message of its channel, with the feed and its URL without the password", () => {
  const target = new Target(), events = eventsOf(target), feed = new FeedEvents(target, new ReadingOrder());
  using reconnects = record("curlws:reconnect");
  using gaps = record("curlws:gap");
  using warnings = record("curlws:warning");
  const reason = lost(), common = { socket: target, url: "wss://example.com/feed?x=1" };
  feed.reconnecting({ attempt: 2, delay: 5, index: 0, reason });
  feed.gap({ from: 1, lostAt: 2, to: 3, reason });
  feed.warning({ problem: "rotation", index: 1, delay: null, reason });
  assertEquals(reconnects.messages, [{ ...common, attempt: 2, delay: 5, index: 0, reason }]);
  assertEquals(gaps.messages, [{ ...common, from: 1, lostAt: 2, to: 3, reason }]);
  assertEquals(warnings.messages, [{ ...common, problem: "rotation", index: 1, delay: null, reason }]);
  const [reconnecting, gap, warning] = events as [ReconnectingEvent, GapEvent, WarningEvent];
  assertEquals([reconnecting.attempt, reconnecting.delay, reconnecting.index, reconnecting.reason], [2, 5, 0, reason]);
  assertEquals([gap.from, gap.lostAt, gap.to, gap.reason], [1, 2, 3, reason]);
  assertEquals([warning.problem, warning.index, warning.delay, warning.reason], ["rotation", 1, null, reason]);
});

test("the channel has a gap at once, also while the event waits for a loop that lags behind", async () => {
  const target = new Target(), events = eventsOf(target), order = new ReadingOrder();
  using gaps = record("curlws:gap");
  const loop = order.of(new MessageQueue({ pause() {}, resume() {}, close() {} }, 1000));
  order.came();
  new FeedEvents(target, order).gap({ from: 1, lostAt: 2, to: 3, reason: lost() });
  assertEquals([gaps.messages.length, events.length], [1, 0]);
  void loop.next();
  assertEquals(events.length, 0);
  void loop.next();
  assertEquals(events.length, 1);
  await loop.return!();
});

test("a URL that a function has not returned yet is empty", () => {
  const target = new Target();
  target.url = "";
  using reconnects = record("curlws:reconnect");
  new FeedEvents(target, new ReadingOrder()).reconnecting({ attempt: 2, delay: 0, index: 0, reason: lost() });
  assert(reconnects.messages[0]!.url === "");
});
