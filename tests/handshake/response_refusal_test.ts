import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { ResponseReader } from "../../src/handshake/response.ts";
import { test } from "../support/testing.ts";
import { ACCEPT, failed, header, NOTHING } from "./responses.ts";
import { latin1 } from "../protocol/support.ts";

for (
  const [status, hint] of [
    ["400 Bad Request", "the server refused the WebSocket: 400 Bad Request"],
    ["401 Unauthorized", "401 Unauthorized; it wants credentials (an Authorization header)"],
    ["403 Forbidden", "403 Forbidden; it may want another Origin, User-Agent or Cookie header"],
    ["404 Not Found", "404 Not Found; check the URL's path"],
    ["200 OK", "200 OK; this URL serves pages, not WebSockets"],
    ["500", "the server refused the WebSocket: 500"],
    ["302 Found", "the server refused the WebSocket: 302 Found"],
    ["000 x", "the server refused the WebSocket: 0 x"],
  ] as const
) {
  test(`a refusal with ${status}`, () => {
    const empty = failed("refused", header(`HTTP/1.1 ${status}`, "Content-Length: 0"));
    assertEquals([empty.code, empty.status], ["ERR_HANDSHAKE_STATUS", parseInt(status)]);
    assertStringIncludes(empty.message, hint);
    assertEquals(empty.message.endsWith(hint), true);
    assertEquals(empty.headers, [["Content-Length", "0"]]);
    assertEquals(empty.body, new Uint8Array(0));
    const told = failed("refused", `${header(`HTTP/1.1 ${status}`, "Content-Length: 13")}<p>\n no\t </p>more`);
    assertEquals(told.message, `${empty.message}; it says: <p> no </p>`);
  });
}

for (const status of [300, 301, 307, 308, 399]) {
  test(`a redirect with ${status}`, () => {
    const response = header(`HTTP/1.1 ${status} Moved`, "LOCATION: wss://other.example/", "Content-Length: 0");
    const error = failed("refused", response);
    assertEquals([error.code, error.status], ["ERR_HANDSHAKE_REDIRECT", status]);
    assertStringIncludes(error.message, `redirects to wss://other.example/ (${status})`);
  });
}

test("what a server says is shown in a message printable, without secrets, and not too long", () => {
  const message = (status: string, fields: string[], body = "") =>
    failed("refused", `${header(`HTTP/1.1 ${status}`, ...fields, `Content-Length: ${body.length}`)}${body}`).message;
  const evil = "\x1b[2J\x9b1m\x07";
  const shown = "\\x1b[2J\\x9b1m\\x07";
  assertStringIncludes(message(`403 ${evil}`, []), `: 403 ${shown}; it may`);
  assertStringIncludes(message("403 No", [], evil.replace("\x9b", "")), "; it says: \\x1b[2J1m\\x07");
  assertStringIncludes(message("403 No", ["Content-Encoding: gzip"], "plain"), "; its body: binary, 5 bytes");
  assertStringIncludes(message("403 No", ["Content-Encoding: Identity"], "plain"), "; it says: plain");
  assertStringIncludes(message("403 No", [], "\x1f\x8b\x08\x00\x00"), "; its body: binary, 5 bytes");
  assertStringIncludes(
    message("302 x", [`Location: ws://joe:hunter2@h/${evil}?hunter2&t=hunter2`]),
    `redirects to ws://h/${shown}?…&t=… (302)`,
  );
  assertEquals(message(`403 ${"x".repeat(10_000)}`, []).length < 400, true);
  assertEquals(message("302 x", [`Location: /${"x".repeat(10_000)}`]).length < 400, true);
});

test("a Location of another status redirects nowhere", () => {
  for (const status of [200, 299, 400]) {
    const response = header(`HTTP/1.1 ${status} x`, "Location: /", "Content-Length: 0");
    assertEquals(failed("refused", response).code, "ERR_HANDSHAKE_STATUS");
  }
});

test("a refusal in HTTP/1.0 is a refusal, with its status", () => {
  const error = failed("ended", header("HTTP/1.0 404 File not found"));
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_STATUS", 404]);
});

test("a body that is not UTF-8 is shown as far as it goes", () => {
  const response = latin1(`${header("HTTP/1.1 403 No", "Content-Length: 3")}a\xffb`);
  assertStringIncludes(failed("refused", response).message, "it says: a\ufffdb");
});

test("a refusal that is followed does not wait for its body", () => {
  const told: unknown[] = [];
  const reader = new ResponseReader(ACCEPT, NOTHING, (status, headers) => {
    told.push([status, headers]);
    return status === 302;
  });
  const error = assertThrows(
    () => reader.push(latin1(`${header("HTTP/1.1 302 Found", "Location: /b", "Content-Length: 9")}abc`)),
    CurlWebSocketError,
  );
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_REDIRECT", 302]);
  assertEquals(told, [[302, [["Location", "/b"], ["Content-Length", "9"]]]]);
});

test("a refusal is known by its header, before its body; the error of a 401 says whether credentials were sent", () => {
  for (const authorized of [false, true]) {
    const reader = new ResponseReader(ACCEPT, NOTHING, () => false, authorized);
    assertEquals(reader.refusing, false);
    reader.push(latin1("HTTP/1.1 401 No\r\n"));
    assertEquals(reader.refusing, false);
    reader.push(latin1("\r\nwh"));
    assertEquals(reader.refusing, true);
    const { message, body } = reader.end()!;
    assertEquals(new TextDecoder().decode(body), "wh");
    assertStringIncludes(message, authorized ? "does not accept the credentials" : "it wants credentials");
  }
});
