import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { closed, domException } from "../support/events.ts";
import { readClose } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { test } from "../support/testing.ts";

/** Calls close() with anything. */
function close(socket: CurlWebSocket, ...args: unknown[]): void {
  socket.close(...args as [number?, string?]);
}

/** What stands in the close frame of a call, and in the close event when the server answers with the same. */
async function closeFrame(...args: unknown[]): Promise<{ code: number; reason: string }> {
  await using pair = await Pair.open();
  const end = closed(pair.socket);
  assertEquals(close(pair.socket, ...args), undefined);
  assertEquals(pair.socket.readyState, CurlWebSocket.CLOSING);
  const frame = await pair.peer.closeFrame();
  const { code, reason } = readClose(frame);
  assertEquals(frame.payload.length, code === 1005 ? 0 : 2 + new TextEncoder().encode(reason).length);
  await (code === 1005 ? pair.close() : pair.close(code, reason));
  const event = await end;
  assertEquals([event.code, event.reason, event.wasClean], [code, reason, true]);
  return { code, reason };
}

const SENT: [args: unknown[], code: number, reason: string][] = [
  [[], 1005, ""],
  [[undefined], 1005, ""],
  [[undefined, undefined], 1005, ""],
  [[undefined, ""], 1005, ""],
  [[1000], 1000, ""],
  [[1000, undefined], 1000, ""],
  [[3000], 3000, ""],
  [[4999], 4999, ""],
  [["1000"], 1000, ""],
  [["0xbb8"], 3000, ""],
  [[[4000]], 4000, ""],
  [[{ valueOf: () => 4001 }], 4001, ""],
  [[1000.4], 1000, ""],
  [[999.5], 1000, ""],
  [[1000.5], 1000, ""],
  [[3000.5], 3000, ""],
  [[3001.5], 3002, ""],
  [[2999.6], 3000, ""],
  [[4999.49], 4999, ""],
  [[3000, null], 3000, "null"],
  [[3000, 5], 3000, "5"],
  [[3000, { toString: () => "own" }], 3000, "own"],
  [[3000, "\ud800a\udc00"], 3000, "\ufffda\ufffd"],
  [[3000, "é".repeat(61) + "x"], 3000, "é".repeat(61) + "x"],
  [[3000, "🎉".repeat(30) + "中"], 3000, "🎉".repeat(30) + "中"],
];

const shown = (args: unknown[]): string => `close(${args.map((arg) => JSON.stringify(arg) ?? "undefined").join(", ")})`;

test("close() clamps its code and converts its reason to well-formed text", async () => {
  for (const [args, code, reason] of SENT) assertEquals(await closeFrame(...args), { code, reason }, shown(args));
});

test("close() with a reason and no code sends 1000, as a close frame has no reason without a code", async () => {
  assertEquals(await closeFrame(undefined, "bye"), { code: 1000, reason: "bye" });
});

const BAD_CODES = [
  ...[0, -0, 1, 999, 999.4, 1001, 1000.6, 1004, 1005, 1006, 1015, 2000, 2999, 2999.4, 4999.5, 5000, 65535],
  ...[65536 + 1000, -1000, -64536, 2 ** 32 + 1000, Infinity, -Infinity, NaN],
  ...[null, "", "text", "1000x", {}, [], false, true, () => 1000],
];

/** Each state, and whether close() may be called in it twice. */
async function inEachState(check: (socket: CurlWebSocket, state: number) => void): Promise<void> {
  const connecting = new CurlWebSocket("ws://example.test/");
  check(connecting, CurlWebSocket.CONNECTING);
  connecting.close();
  await using pair = await Pair.open();
  check(pair.socket, CurlWebSocket.OPEN);
  const end = closed(pair.socket);
  pair.socket.close();
  check(pair.socket, CurlWebSocket.CLOSING);
  await pair.peer.closeFrame();
  await pair.close();
  await end;
  check(pair.socket, CurlWebSocket.CLOSED);
}

test("close() with an invalid code is an InvalidAccessError in each state, and changes nothing", async () => {
  await inEachState((socket, state) => {
    for (const code of BAD_CODES) {
      assertEquals(domException(() => close(socket, code)), "InvalidAccessError", shown([code]));
    }
    assertEquals(socket.readyState, state);
  });
});

test("close() with a reason over 123 bytes is a SyntaxError in each state, and changes nothing", async () => {
  await inEachState((socket, state) => {
    for (const reason of ["x".repeat(124), "é".repeat(62), "🎉".repeat(31), "\ud800".repeat(42)]) {
      for (const code of [undefined, 1000, 3000]) {
        assertEquals(domException(() => close(socket, code, reason)), "SyntaxError", reason);
      }
    }
    // The code is looked at first.
    assertEquals(domException(() => close(socket, 1001, "x".repeat(124))), "InvalidAccessError");
    assertEquals(socket.readyState, state);
  });
});

test("close() with a value that cannot be converted is a TypeError or the value's own exception, and changes nothing", async () => {
  await inEachState((socket, state) => {
    assertThrows(() => close(socket, Symbol("code")), TypeError);
    assertThrows(() => close(socket, 1000n), TypeError);
    assertThrows(() => close(socket, 1000, Symbol("reason")), TypeError);
    const error = new Error("own");
    const thrower = {
      toString(): string {
        throw error;
      },
    };
    assertStrictEquals(assertThrows(() => close(socket, thrower)), error);
    // Both arguments are converted before either is looked at.
    assertStrictEquals(assertThrows(() => close(socket, 1001, thrower)), error);
    assertEquals(socket.readyState, state);
  });
});
