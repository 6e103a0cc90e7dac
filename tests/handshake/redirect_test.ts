import { assertEquals, assertThrows } from "@std/assert";
import { redirectLocation, redirectTarget } from "../../src/handshake/redirect.ts";
import { test } from "../support/testing.ts";

test("these are redirects that may be followed", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    assertEquals(redirectLocation(status, [["X", "y"], ["LOCATION", "/b"], ["Location", "/c"]]), "/b");
    assertEquals(redirectLocation(status, []), null);
  }
  for (const status of [200, 300, 304, 305, 306, 401, 404]) {
    assertEquals(redirectLocation(status, [["Location", "/b"]]), null);
  }
});

test("where a redirect leads", () => {
  const to = (from: string, location: string) => redirectTarget(new URL(from), location).href;
  assertEquals(to("ws://a.example/x/y?q", "z"), "ws://a.example/x/z");
  assertEquals(to("ws://a.example/x", "?r=1"), "ws://a.example/x?r=1");
  assertEquals(to("wss://a.example/x", "//b.example/y"), "wss://b.example/y");
  assertEquals(to("ws://a.example/x", "https://b.example:8443/y#f"), "wss://b.example:8443/y");
  assertEquals(to("ws://a.example/x", "http://b.example/y"), "ws://b.example/y");
  assertEquals(to("ws://a.example:8080/x", "wss://a.example/x"), "wss://a.example/x");
});

const refused: readonly (readonly [from: string, location: string, why: string])[] = [
  ["wss://a.example/", "ws://a.example/", "without TLS"],
  ["wss://a.example/", "http://a.example/", "without TLS"],
  ["ws://a.example/", "ftp://a.example/", "scheme"],
  ["ws://a.example/", "javascript:alert(1)", "scheme"],
  ["ws://a.example/", "http://[", "not a URL"],
];

for (const [from, location, why] of refused) {
  test(`a redirect from ${from} to ${location} may not be followed`, () => {
    assertThrows(() => redirectTarget(new URL(from), location), TypeError, why);
  });
}
