import { assert, assertEquals, assertThrows } from "@std/assert";
import { type CompleteOptions, completeOptions, type CurlWebSocketOptions } from "../../src/options/options.ts";
import { withObserver } from "../../src/observe/observer.ts";
import { test } from "../support/testing.ts";

test("sockets with the same numbers, strings and booleans share their options", () => {
  const first = completeOptions({ maxReceiveDelay: 5, perMessageDeflate: false });
  assert(completeOptions({ maxReceiveDelay: 5, perMessageDeflate: false }) === first);
  assertEquals([first.maxReceiveDelay, first.deflate, first.highWaterMark], [5, null, 1024 * 1024]);
  assert(completeOptions({}) === completeOptions({}));
});

test("other options do not share: other values, other names, more or fewer of them, and the last ones count", () => {
  const cases: [CurlWebSocketOptions, (complete: CompleteOptions) => unknown, unknown][] = [
    [{ maxReceiveDelay: 5 }, ({ maxReceiveDelay }) => maxReceiveDelay, 5],
    [{ maxReceiveDelay: 6 }, ({ maxReceiveDelay }) => maxReceiveDelay, 6],
    [{ closeTimeout: 6 }, ({ maxReceiveDelay, closeTimeout }) => [maxReceiveDelay, closeTimeout], [1, 6]],
    [{ closeTimeout: 6, idleTimeout: 7 }, ({ closeTimeout, idleTimeout }) => [closeTimeout, idleTimeout], [6, 7]],
    [{ closeTimeout: 6 }, ({ closeTimeout, idleTimeout }) => [closeTimeout, idleTimeout], [6, 0]],
    [{}, ({ closeTimeout }) => closeTimeout, 5_000],
    [{ library: undefined }, ({ library }) => library, undefined],
  ];
  for (const [options, read, expected] of [...cases, ...cases.toReversed()]) {
    assertEquals(read(completeOptions(options)), expected, JSON.stringify(options));
  }
});

test("options that are objects are read anew each time, and so are those with an observer", () => {
  const headers: Record<string, string> = { "X-Name": "one" };
  const options = { headers, closeTimeout: 1 };
  assertEquals(completeOptions(options).headers, [["X-Name", "one"]]);
  headers["X-Name"] = "two";
  assertEquals(completeOptions(options).headers, [["X-Name", "two"]]);
  const observer = {}, plain = completeOptions({ closeTimeout: 2 });
  assert(completeOptions(withObserver({ closeTimeout: 2 }, observer)).observer === observer);
  assert(completeOptions({ closeTimeout: 2 }).observer === null && plain.observer === null);
});

test("wrong options are refused each time", () => {
  for (let time = 0; time < 2; time++) {
    assertThrows(() => completeOptions({ closeTimeout: -1 }), RangeError, "closeTimeout must be from 0");
    assertThrows(() => completeOptions({ nonsense: undefined } as object), TypeError, "unknown option nonsense");
    completeOptions({ closeTimeout: 1 });
  }
});
