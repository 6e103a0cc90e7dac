/** What an attempt that failed is told as, by what libcurl and the system say of it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import "../../mod.ts";
import { explainFailure, type FailedAttempt } from "../../src/curl/connect_errors.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { networkOptions } from "../../src/options/network.ts";
import { proxyOptions } from "../../src/options/proxy.ts";
import { test } from "../support/testing.ts";

function attempt(more: Partial<FailedAttempt>): FailedAttempt {
  return {
    target: {
      url: new URL("http://example.com/"),
      tls: {},
      proxy: null,
      network: networkOptions({}),
      curlOptions: [],
      browser: null,
      fingerprint: null,
      timeout: 0,
    },
    proxy: null,
    curlCode: 7,
    curlMessage: "Couldn't connect to server",
    connectCode: 0,
    proxyError: 0,
    osErrno: 0,
    response: null,
    endless: false,
    certificateRequested: false,
    ...more,
  };
}

/** The system's numbers, of Linux, of macOS and the BSDs, and of Windows, with what is said. */
const SYSTEM: [name: string, numbers: [number, number, number], code: string, words: string][] = [
  ["ECONNREFUSED", [111, 61, 10061], "ERR_CONNECT_REFUSED", "nothing accepts connections at example.com port 80"],
  ["ETIMEDOUT", [110, 60, 10060], "ERR_CONNECT_TIMEOUT", "does not respond"],
  ["EHOSTUNREACH", [113, 65, 10065], "ERR_CONNECT_REFUSED", "no route leads to it"],
  ["ENETUNREACH", [101, 51, 10051], "ERR_CONNECT_REFUSED", "no route to the network"],
  ["EACCES", [13, 13, 10013], "ERR_CONNECT_REFUSED", "may not connect"],
  ["EADDRNOTAVAIL", [99, 49, 10049], "ERR_CONNECT_REFUSED", "no address or port left"],
  ["EAFNOSUPPORT", [97, 47, 10047], "ERR_CONNECT_REFUSED", "address family"],
  ["EMFILE", [24, 24, 10024], "ERR_TOO_MANY_OPEN_FILES", "raise its limit (ulimit -n)"],
  ["ENOBUFS", [105, 55, 10055], "ERR_CONNECT_REFUSED", "no memory left"],
  ["nothing", [0, 0, 0], "ERR_CONNECT_REFUSED", "nothing accepts connections at example.com port 80"],
];

for (const [name, numbers, code, words] of SYSTEM) {
  test(`curl's code 7 with ${name} is ${code}, "${words}"`, () => {
    const osErrno = numbers[{ linux: 0, darwin: 1, other: 1, windows: 2 }[runtime().os]]!;
    const error = explainFailure(attempt({ osErrno }));
    assertEquals([error.code, error.curlCode], [code, 7]);
    assertStringIncludes(error.message, words);
    if (code === "ERR_TOO_MANY_OPEN_FILES") return;
    const proxy = proxyOptions("http://proxy.example:3128");
    const through = explainFailure(attempt({ osErrno, proxy: proxy || null }));
    assertEquals(through.code, "ERR_PROXY_CONNECT");
    assertStringIncludes(through.message, "the proxy http://proxy.example:3128 cannot be reached");
  });
}

test("a failure inside the proxy's response is the proxy's error, one after it the server's", () => {
  const proxy = proxyOptions("http://proxy.example:3128") || null;
  const response = (complete: boolean) => ({ status: "HTTP/1.1 200 OK", headers: [], complete });
  for (const curlCode of [27, 43, 56, 100]) {
    const told = (complete: boolean) =>
      explainFailure(
        attempt({ proxy, curlCode, curlMessage: "too large", connectCode: 200, response: response(complete) }),
      );
    assertStringIncludes(told(false).message, "the proxy http://proxy.example:3128 did not respond like a proxy");
    assertEquals(told(false).code, "ERR_PROXY");
    assertStringIncludes(told(true).message, "connecting to example.com failed");
  }
});
