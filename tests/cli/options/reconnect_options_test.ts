import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../cli/errors.ts";
import { OPTIONS } from "../../../cli/options/options.ts";
import { parse } from "../../../cli/options/parse.ts";
import { reconnectOptions } from "../../../cli/options/reconnect_options.ts";
import { completeFeedOptions } from "../../../src/feed/options.ts";
import { test } from "../../support/testing.ts";

function made(...args: string[]) {
  const options = reconnectOptions(parse(args, OPTIONS, "URL").values);
  if (options !== null) completeFeedOptions(options);
  return options;
}

test("without --reconnect or --rotate there is one connection", () => {
  assertEquals(made(), null);
  assertEquals(made("--hello", "x", "--ping-interval", "5"), null);
  for (const option of ["--max-attempts", "--max-delay"]) {
    assertThrows(() => made(option, "3"), UsageError, `${option} needs --reconnect`);
  }
});

test("--reconnect takes attempts and a delay, --rotate a time with a unit, and stands for both", () => {
  assertEquals(made("--reconnect"), { reconnect: { maxAttempts: Infinity }, rotate: {} });
  assertEquals(made("--reconnect", "--max-attempts", "3", "--max-delay", "500ms"), {
    reconnect: { maxAttempts: 3, maxDelay: 500 },
    rotate: {},
  });
  assertEquals(made("--rotate", "23h", "--max-attempts", "3")?.rotate, { after: 23 * 3_600_000 });
  assertThrows(() => made("--rotate", "soon"), UsageError, "--rotate takes seconds");
  assertThrows(() => made("--reconnect", "--max-attempts", "0"), UsageError, "an integer from 1 on");
  assertThrows(() => made("--rotate", "1h", "--local-port", "4000"), UsageError, "needs two ports");
  assertEquals(made("--rotate", "1h", "--local-port", "4000-4100") !== null, true);
  assertThrows(() => made("--reconnect", "--rotate-key", "id"), UsageError, "--rotate-key needs --rotate");
});

test("--rotate-key names a member of JSON messages; what has none, or one that may not be exact, has no key", () => {
  const key = made("--rotate", "1h", "--rotate-key", "data.id")!.rotate!.key!;
  const texts = [
    ...['{"data":{"id":7}}', '{"data":{"id":"7"}}', '{"data":null}', "[]", "no json", '{"data":{"id":1.5}}'],
    '{"data":{"id":1234567890123456789}}',
  ];
  assertEquals(texts.map(key), [7, "7", undefined, undefined, undefined, undefined, undefined]);
  assertEquals(key(new TextEncoder().encode('{"data":{"id":8}}').buffer as ArrayBuffer), 8);
});
