import { assert, assertEquals } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { refusalOf, responseOf } from "../../src/handshake/response_head.ts";
import { test } from "../support/testing.ts";

test("a response has its status, its words and its fields in their order, and cannot be changed", () => {
  const response = responseOf("HTTP/1.1 101\r\nX-b: 2 \r\nx-B:\r\n\r\n");
  assertEquals(response, { status: 101, statusText: "", headers: [["X-b", "2"], ["x-B", ""]] });
  assert(Object.isFrozen(response));
});

test("an error has a response if the server's was the reason, and not if it was a proxy's or came later", () => {
  const headers = [["Retry-After", "1"]] as const;
  const init = { status: 503, statusText: "Busy", headers };
  assertEquals(refusalOf(new CurlWebSocketError("ERR_HANDSHAKE_STATUS", "refused", init)), init);
  assertEquals(refusalOf(new CurlWebSocketError("ERR_HANDSHAKE_INVALID", "no HTTP")), null);
  assertEquals(refusalOf(new CurlWebSocketError("ERR_HANDSHAKE_TIMEOUT", "silence")), null);
  assertEquals(refusalOf(new CurlWebSocketError("ERR_PROXY", "refused", init)), null);
  assertEquals(refusalOf(new CurlWebSocketError("ERR_CONNECTION_LOST", "lost")), null);
});
