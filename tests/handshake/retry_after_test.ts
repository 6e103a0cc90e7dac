/** How long a server that refuses asks to wait. */
import { assertEquals } from "@std/assert";
import { retryAfter } from "../../src/handshake/retry_after.ts";
import { test } from "../support/testing.ts";

const NOW = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT");
const asked = (value: string, status = 429) => retryAfter(status, [["Server", "x"], ["retry-AFTER", value]], NOW);

test("Retry-After of 429 and 503 is seconds, or a date", () => {
  assertEquals([asked("7"), asked(" 7 ", 503), asked("0")], [7000, 7000, 0]);
  assertEquals(asked("Wed, 21 Oct 2026 07:28:30 GMT"), 30_000);
  // One that has passed.
  assertEquals(asked("Wed, 21 Oct 2026 07:27:00 GMT"), 0);
});

test("a day is the most", () => {
  assertEquals([asked("99999999999999999999"), asked("Wed, 21 Oct 2099 07:28:00 GMT")], [86_400_000, 86_400_000]);
});

test("what is no time, and a status for which it is not meant, ask for nothing", () => {
  assertEquals([asked(""), asked("soon"), asked("-1"), asked("7", 500), asked("7", 301)], [0, 0, 0, 0, 0]);
  assertEquals([retryAfter(429, [], NOW), retryAfter(undefined, [], NOW)], [0, 0]);
});
