/** What is sent over a feed: which connection takes it, what waits, and what is lost. */
import { assertEquals, assertThrows } from "@std/assert";
import { NO_STATS } from "../../src/connection/socket_stats.ts";
import { domException } from "../support/events.ts";
import { test } from "../support/testing.ts";
import { closedBy, ScriptedFeed } from "./scripted.ts";

test("send() uses the open connection; without one it is refused, or kept for the next one", () => {
  const refused = new ScriptedFeed();
  assertEquals(domException(() => refused.feed.send("x")), "InvalidStateError");
  refused.socket.open();
  refused.feed.send("y");
  assertEquals(refused.socket.sent, ["y"]);

  const kept = new ScriptedFeed({ buffer: 3 });
  kept.feed.send("a");
  kept.feed.send("b");
  assertThrows(() => kept.feed.send("cd"), DOMException, "nothing was queued");
  assertEquals(kept.feed.bufferedAmount, 2);
  kept.socket.open();
  kept.feed.send("c");
  assertEquals([kept.socket.sent, kept.feed.bufferedAmount], [["a", "b", "c"], 0]);
});

test("what is sent while the server has begun to close waits for the next connection", () => {
  const scripted = new ScriptedFeed({ buffer: 100 });
  scripted.socket.open();
  scripted.socket.readyState = 2;
  scripted.feed.send("a");
  scripted.socket.end(closedBy(1001));
  scripted.clock.pass(1000);
  scripted.socket.open();
  assertEquals([scripted.sockets[0]!.sent, scripted.socket.sent], [[], ["a"]]);
});

test("bytes that had not left when their connection ended are counted, and not sent again", () => {
  const scripted = new ScriptedFeed({ buffer: 100 });
  scripted.socket.open();
  scripted.feed.send("abc");
  scripted.socket.bufferedAmount = 3;
  scripted.socket.stats = { ...NO_STATS, bytesUnacknowledged: 40 };
  scripted.socket.end();
  scripted.clock.pass(1000);
  scripted.socket.open();
  assertEquals([scripted.socket.sent, scripted.feed.stats.unsentBytes], [[], 3]);
  assertEquals(scripted.feed.stats.bytesUnacknowledged, 40);
});
