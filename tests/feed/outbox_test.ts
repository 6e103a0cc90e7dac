/** Messages that wait for a connection. */
import { assertEquals, assertThrows } from "@std/assert";
import { Outbox } from "../../src/feed/outbox.ts";
import type { Sendable } from "../../src/web/webidl.ts";
import { domException } from "../support/events.ts";
import { test } from "../support/testing.ts";

/** Takes all messages out. */
function drain(outbox: Outbox): Sendable[] {
  const sent: Sendable[] = [];
  outbox.flush((data) => {
    sent.push(data);
    return true;
  });
  return sent;
}

test("without room for any message, sending is refused with what to do", () => {
  const outbox = new Outbox(0);
  assertEquals(domException(() => outbox.push("x")), "InvalidStateError");
  assertThrows(() => outbox.push("x"), DOMException, "give the option buffer");
});

test("messages are kept in order, with their bytes as they were, and counted in UTF-8", () => {
  const outbox = new Outbox(100), bytes = Uint8Array.of(1, 2, 3);
  outbox.push("ä");
  outbox.push(bytes);
  bytes.fill(9);
  outbox.push(new Blob(["four"]));
  assertEquals(outbox.size, 2 + 3 + 4);
  const [text, copy, blob] = drain(outbox);
  assertEquals([text, copy, (blob as Blob).size, outbox.size, outbox.isEmpty], [
    "ä",
    Uint8Array.of(1, 2, 3),
    4,
    0,
    true,
  ]);
});

test("a message for which there is no room is refused, and those that wait stay", () => {
  const outbox = new Outbox(4);
  outbox.push("abc");
  assertEquals(domException(() => outbox.push("de")), "QuotaExceededError");
  outbox.push("d");
  assertEquals(drain(outbox), ["abc", "d"]);
});

test("what could not be sent stays, in order, also when sending throws", () => {
  const outbox = new Outbox(100);
  for (const text of ["a", "b", "c", "d"]) outbox.push(text);
  outbox.flush((data) => data !== "b");
  assertEquals(outbox.size, 3);
  assertThrows(() =>
    outbox.flush((data) => {
      if (data === "c") throw new Error("no");
      return true;
    })
  );
  assertEquals([outbox.size, drain(outbox)], [2, ["c", "d"]]);
});
