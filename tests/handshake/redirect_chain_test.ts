import { assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import type { HeaderList } from "../../src/handshake/fields.ts";
import { RedirectChain } from "../../src/handshake/redirect_chain.ts";
import { test } from "../support/testing.ts";

const A = new URL("ws://a.example/a");
const to = (location: string): HeaderList => [["Server", "x"], ["Location", location]];

function notFollowed(step: () => unknown, why: string): CurlWebSocketError {
  const error = assertThrows(step, CurlWebSocketError);
  assertEquals(error.code, "ERR_HANDSHAKE_REDIRECT");
  assertEquals(error.message.split(", which is not followed: ")[1], why);
  return error;
}

test("a chain follows redirects, unless none is to be followed", () => {
  const chain = new RedirectChain(1);
  assertEquals(chain.follows(302, to("/b")), true);
  assertEquals(chain.follows(302, []), false);
  assertEquals(chain.follows(401, to("/b")), false);
  assertEquals(new RedirectChain(0).follows(302, to("/b")), false);
});

test("a chain says where a redirect leads, as often as it may", () => {
  const chain = new RedirectChain(2);
  const b = chain.follow(A, 301, to("/b"));
  assertEquals(b.href, "ws://a.example/b");
  assertEquals(chain.follow(b, 302, to("https://b.example/")).href, "wss://b.example/");
  // Whether it is one too many is found out when it comes, so that the error can name it.
  assertEquals(chain.follows(302, to("/c")), true);
  const error = notFollowed(() => chain.follow(b, 307, to("/c")), "it would be one more than maxRedirects, 2");
  assertEquals([error.status, error.headers], [307, to("/c")]);
  assertEquals(error.message.startsWith("the server redirects to /c (307), "), true);
});

test("a redirect that may not be followed is the reason, without its secrets", () => {
  const chain = new RedirectChain(2);
  const error = notFollowed(
    () => chain.follow(A, 302, to("ftp://joe:hunter2@b.example/?t=hunter2")),
    "its scheme is not ws, wss, http or https",
  );
  assertEquals(error.message.includes("hunter2"), false);
});

test("a request that was sent before ends the chain; one with another cookie or credentials does not", () => {
  const chain = new RedirectChain(9);
  chain.visit(A, null, false);
  const b = chain.follow(A, 302, to("/b"));
  chain.visit(b, null, false);
  const again = chain.follow(b, 302, to("/a"));
  chain.visit(again, "seen=1", false);
  chain.visit(again, "seen=1", true);
  const error = notFollowed(
    () => chain.visit(again, "seen=1", false),
    "it leads where it came from, and would have no end",
  );
  assertEquals([error.status, error.headers], [302, to("/a")]);
  notFollowed(() => chain.visit(again, null, false), "it leads where it came from, and would have no end");
});
