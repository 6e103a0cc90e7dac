/** After which ends it is no use to connect again. */
import { assertEquals } from "@std/assert";
import type { ErrorCode } from "../../src/errors.ts";
import { isFatalEnd } from "../../src/feed/fatal.ts";
import { test } from "../support/testing.ts";
import { closedBy, lost, ScriptedFeed } from "./scripted.ts";

test("by close code", () => {
  const fatal = [1002, 1003, 1007, 1008, 1009, 1010], goesOn = [1000, 1001, 1005, 1011, 1012, 1013, 1014, 3000, 4000];
  assertEquals(fatal.filter((code) => !isFatalEnd(closedBy(code))), []);
  assertEquals(goesOn.filter((code) => isFatalEnd(closedBy(code))), []);
});

test("by the status of a refusal", () => {
  const ends = (status: number) => isFatalEnd(lost("ERR_HANDSHAKE_STATUS", { status }));
  assertEquals([400, 401, 403, 404, 405, 410, 426].filter((status) => !ends(status)), []);
  assertEquals([200, 407, 408, 425, 429, 500, 502, 503, 504, 521].filter(ends), []);
});

test("by error: what the network brings goes on, what the program or the machine lacks does not", () => {
  const goesOn: ErrorCode[] = [
    ...["ERR_CONNECT_REFUSED", "ERR_CONNECT_TIMEOUT", "ERR_TOO_MANY_OPEN_FILES", "ERR_DNS", "ERR_PROXY"] as const,
    ...[
      "ERR_PROXY_CONNECT",
      "ERR_COOKIE_JAR",
      "ERR_HANDSHAKE_INVALID",
      "ERR_HANDSHAKE_TIMEOUT",
      "ERR_PROTOCOL",
    ] as const,
    ...["ERR_CONNECTION_LOST", "ERR_PING_TIMEOUT", "ERR_IDLE_TIMEOUT", "ERR_INTERNAL", "ERR_HOOK"] as const,
  ];
  const fatal: ErrorCode[] = [
    ...["ERR_RUNTIME", "ERR_LIBCURL_NOT_FOUND", "ERR_LIBCURL_TOO_OLD", "ERR_LIBCURL", "ERR_FFI_PERMISSION"] as const,
    ...["ERR_IMPERSONATE", "ERR_PROXY_AUTH", "ERR_HANDSHAKE_REDIRECT", "ERR_OPTIONS", "ERR_ABORTED"] as const,
  ];
  assertEquals(goesOn.filter((code) => isFatalEnd(lost(code))), []);
  assertEquals(fatal.filter((code) => !isFatalEnd(lost(code))), []);
});

test("of TLS, an untrusted certificate is fatal, a handshake that broke is not", () => {
  const ends = (curlCode: number) => isFatalEnd(lost("ERR_TLS", { curlCode }));
  assertEquals([ends(60), ends(58), ends(77), ends(35)], [true, true, true, false]);
});

test("isFatal that throws leaves it to the default, and the error is reported", () => {
  const scripted = new ScriptedFeed({
    reconnect: {
      isFatal: () => {
        throw new Error("no");
      },
    },
  });
  scripted.socket.end(lost());
  assertEquals(scripted.news, ["attempt 2 of 0 in 1000"]);
  scripted.clock.pass(1000);
  scripted.socket.end(closedBy(1008));
  assertEquals(scripted.news, ["end 1008 clean"]);
  assertEquals(scripted.clock.uncaught.map(String), ["Error: no", "Error: no"]);
});
