import { assertEquals, assertStrictEquals } from "@std/assert";
import { type DialRequest, redirectedRequest } from "../../src/connection/redirected_request.ts";
import { rawCurlOptions } from "../../src/options/curl_options.ts";
import { test } from "../support/testing.ts";

const REQUEST: DialRequest = {
  url: new URL("wss://joe:secret@a.example/a?x"),
  headers: [["Host", "h.example"], ["X-Own", "1"], ["x-api-key", "secret"], ["Proxy-Authorization", "secret"]],
  cookies: "session=1",
  auth: { type: "header", authorization: "Bearer secret" },
  tls: { ca: "ca", cert: "cert", key: "key", pfx: "pfx", passphrase: "secret", serverName: "h.example", verify: false },
  curlOptions: rawCurlOptions({ SSLCERT: "cert", TCP_FASTOPEN: 1 }),
};

test("a redirect on the same origin keeps all credentials", () => {
  const url = new URL("wss://a.example/b");
  const redirected = redirectedRequest(REQUEST, url);
  assertEquals(redirected.url.href, "wss://joe:secret@a.example/b");
  assertEquals({ ...redirected, url: REQUEST.url }, REQUEST);
  assertEquals(url.href, "wss://a.example/b", "the URL that was passed is left alone");
});

test("a redirect on the same origin may name another user", () => {
  const named = redirectedRequest(REQUEST, new URL("wss://ann@a.example/b"));
  assertEquals(named.url.href, "wss://ann@a.example/b");
});

for (const other of ["wss://b.example/b", "wss://a.example:8443/b", "wss://a.example.:443/b"]) {
  test(`a redirect to ${other} leaves all credentials of the first origin out`, () => {
    const redirected = redirectedRequest(REQUEST, new URL(other));
    assertEquals(redirected.url.href, new URL(other).href);
    assertEquals(redirected.headers, [["X-Own", "1"]]);
    assertEquals([redirected.auth, redirected.cookies], [null, null]);
    assertEquals(redirected.tls, { ca: "ca", verify: false });
    assertEquals(redirected.curlOptions.map(({ option }) => option.name), ["TCP_FASTOPEN"]);
    assertEquals(REQUEST.headers.length, 4, "the request before is left alone");
    // Nothing comes back on the way home.
    const back = redirectedRequest(redirected, new URL("wss://a.example/c"));
    assertEquals({ ...back, url: null }, { ...redirected, url: null });
    assertEquals(back.url.username, "");
  });
}

test("a jar stays: it knows which cookies are for whom", () => {
  const jar = { getCookieString: () => "", setCookie: () => {} };
  const redirected = redirectedRequest({ ...REQUEST, cookies: jar }, new URL("wss://b.example/"));
  assertStrictEquals(redirected.cookies, jar);
});
