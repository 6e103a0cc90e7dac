import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  CLOSE_ABNORMAL,
  CLOSE_NO_STATUS,
  isSendableCloseCode,
  ProtocolViolation,
  VIOLATIONS,
} from "../../src/protocol/constants.ts";
import { test } from "../support/testing.ts";
import { INVALID as DEFLATE_VECTORS } from "../vectors/deflate.ts";
import { VIOLATIONS as VECTORS } from "../vectors/frames.ts";

/** RFC 6455 section 7.4, and the codes that IANA has registered since. */
const SENDABLE = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];

test("each close code from 0 to 5000 and beyond may be sent, or may not", () => {
  for (let code = -1; code <= 70_000; code++) {
    const expected = SENDABLE.includes(code) || (code >= 3000 && code <= 4999);
    assertEquals(isSendableCloseCode(code), expected, `code ${code}`);
  }
  assert(!isSendableCloseCode(CLOSE_NO_STATUS));
  assert(!isSendableCloseCode(CLOSE_ABNORMAL));
  assert(!isSendableCloseCode(NaN));
});

test("each violation has a close code that may be sent, and words", () => {
  for (const name of Object.keys(VIOLATIONS) as (keyof typeof VIOLATIONS)[]) {
    const error = new ProtocolViolation(name);
    assertInstanceOf(error, Error);
    assertEquals(error.name, "ProtocolViolation");
    assertEquals(error.violation, name);
    assertEquals(error.closeCode, VIOLATIONS[name][0] as number);
    assert(isSendableCloseCode(error.closeCode));
    assertEquals(error.message, VIOLATIONS[name][1] as string);
    assertEquals(new ProtocolViolation(name, "more").message, `${error.message}: more`);
  }
});

test("each violation has a vector", () => {
  const covered = new Set([...VECTORS, ...DEFLATE_VECTORS].map(({ events }) => events.at(-1)![1]));
  assertEquals([...covered].sort(), Object.keys(VIOLATIONS).sort());
});
