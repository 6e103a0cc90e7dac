/** Attempts that are alike have the same options, worked out once. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import "../../mod.ts";
import type { ConnectTarget } from "../../src/curl/handle_options.ts";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import { OptionSetter } from "../../src/curl/option_setter.ts";
import { setRepeated } from "../../src/curl/repeated_options.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import { rawCurlOptions } from "../../src/options/curl_options.ts";
import { networkOptions } from "../../src/options/network.ts";
import { type CompleteProxy, proxyOptions } from "../../src/options/proxy.ts";
import { test } from "../support/testing.ts";

/** libcurl, whose options are noted as `number value`, in order; `refused` is the number of one that it refuses. */
function noted(calls: string[], refused?: number): Curl {
  const curl = loadCurl(), decoder = new TextDecoder();
  const answer = (number: number, real: () => number) => number === refused ? 48 : real();
  return {
    ...curl,
    setLong: (easy, number, value) => {
      calls.push(`${number} ${value}`);
      return answer(number, () => curl.setLong(easy, number, value));
    },
    setBuffer: (easy, number, value) => {
      calls.push(`${number} ${decoder.decode(value)}`);
      return answer(number, () => curl.setBuffer(easy, number, value));
    },
    setPointer: (easy, number, value) => {
      calls.push(`${number} pointer`);
      return answer(number, () => curl.setPointer(easy, number, value));
    },
  };
}

const target = (change: Partial<ConnectTarget> = {}): ConnectTarget => ({
  url: new URL("http://127.0.0.1:8080/"),
  tls: {},
  proxy: null,
  network: networkOptions({}),
  curlOptions: [],
  browser: null,
  fingerprint: null,
  timeout: 10_000,
  ...change,
});

/** Sets the options in a handle of its own. Returns whether they were set. */
function set(curl: Curl, to: ConnectTarget, proxy: CompleteProxy | null = null): boolean {
  const easy = curl.curl_easy_init(), options = new OptionSetter(curl, easy);
  try {
    return setRepeated(options, to, proxy);
  } finally {
    curl.curl_easy_cleanup(easy);
    options.free();
  }
}

test("the second attempt of a kind sets what the first one did, in its order", () => {
  const calls: string[] = [], curl = noted(calls);
  const to = target({ network: networkOptions({ ipVersion: 4, keepAlive: { idle: 1000, interval: 2000 } }) });
  assert(set(curl, to));
  const first = calls.splice(0);
  assert(first.some((call) => call.startsWith("10002 http://127.0.0.1:8080")), first.join());
  assert(set(curl, { ...to, url: new URL("http://127.0.0.1:8080/other") }));
  assertEquals(calls, first);
});

test("another address, limit or network option is another kind", () => {
  const calls: string[] = [], curl = noted(calls);
  const seen = new Set<string>();
  const kinds = [
    target(),
    target({ url: new URL("http://127.0.0.1:8081/") }),
    target({ url: new URL("http://127.0.0.2:8080/") }),
    target({ timeout: 5_000 }),
    target({ timeout: 0 }),
    target({ network: networkOptions({ ipVersion: 6 }) }),
    target({ network: networkOptions({ localAddress: "127.0.0.1" }) }),
    target({ network: networkOptions({ unixSocket: "/tmp/none" }) }),
  ];
  for (let round = 0; round < 2; round++) {
    for (const kind of kinds) {
      assert(set(curl, kind));
      seen.add(calls.splice(0).join());
    }
  }
  assertEquals(seen.size, kinds.length);
});

test("many kinds are as good as a few", () => {
  const calls: string[] = [], curl = noted(calls);
  for (let port = 1; port < 50; port++) {
    for (let round = 0; round < 2; round++) {
      assert(set(curl, target({ url: new URL(`http://127.0.0.1:${port}/`) })));
      assert(calls.splice(0).some((call) => call.startsWith(`10002 http://127.0.0.1:${port === 80 ? "" : port}`)));
    }
  }
});

test("what has options of its own is left to the caller: TLS, a proxy, a browser, lists, and libcurl's options", () => {
  const calls: string[] = [], curl = noted(calls);
  assertEquals(set(curl, target({ url: new URL("https://127.0.0.1/") })), false);
  assertEquals(set(curl, target(), proxyOptions("http://127.0.0.1:3128") as CompleteProxy), false);
  assertEquals(set(curl, target({ network: networkOptions({ resolve: { "a.example": "127.0.0.1" } }) })), false);
  assertEquals(set(curl, target({ network: networkOptions({ connectTo: ["a:1:b:2"] }) })), false);
  assertEquals(set(curl, target({ curlOptions: rawCurlOptions({ TCP_FASTOPEN: 1 }) })), false);
  assertEquals(calls, []);
});

test("an option that libcurl refuses fails the first attempt, and each one after it, by its name", () => {
  // CURLOPT_FRESH_CONNECT
  const calls: string[] = [], curl = noted(calls, 74);
  for (let round = 0; round < 2; round++) {
    const error = assertThrows(() => set(curl, target()), CurlWebSocketError);
    assertEquals([error.code, /CURLOPT_FRESH_CONNECT/.test(error.message)], ["ERR_LIBCURL", true]);
  }
  // The same when it does so only later, as for want of memory.
  const later: { refused?: number } = {}, good = noted([]);
  const turning = {
    ...good,
    setLong: (...args: Parameters<Curl["setLong"]>) => args[1] === later.refused ? 27 : good.setLong(...args),
  };
  assert(set(turning, target()));
  later.refused = 74;
  assertEquals(assertThrows(() => set(turning, target()), CurlWebSocketError).curlCode, 27);
});

test("what cannot be set again in another handle is not recorded", () => {
  const curl = loadCurl(), easy = curl.curl_easy_init(), options = new OptionSetter(curl, easy);
  const recorded = (step: () => void) => options.record(step)?.map(({ name }) => name) ?? null;
  assertEquals(recorded(() => (options.long("NOSIGNAL", 1), options.text("URL", "http://a"))), ["NOSIGNAL", "URL"]);
  assertEquals(recorded(() => options.list("CONNECT_TO", ["a:1:b:2"])), null);
  assertEquals(recorded(() => options.text("PROXY", null)), null);
  assertEquals(recorded(() => (options.list("CONNECT_TO", []), options.long("NOSIGNAL", 1))), null);
  // A failure ends it, too.
  assertThrows(() => recorded(() => options.text("URL", "\0")), TypeError);
  assertEquals(recorded(() => options.long("NOSIGNAL", 1)), ["NOSIGNAL"]);
  curl.curl_easy_cleanup(easy);
  options.free();
});
