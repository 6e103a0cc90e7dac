import { assertEquals, assertInstanceOf } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { failed } from "../support/events.ts";
import { acceptFor, type RawConnection, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

type Failure = Awaited<ReturnType<typeof failed>>;

/** How a socket fails against a server that answers the request so. */
async function answered(
  answer: (request: string, peer: RawConnection) => string | Promise<string>,
  protocols: string[] = [],
): Promise<Failure> {
  await using server = await RawServer.start();
  const failure = failed(new CurlWebSocket(server.url(), protocols));
  const peer = await server.connection();
  const request = await peer.request();
  await peer.send(await answer(request, peer));
  peer.end();
  const result = await failure;
  const { code, reason, wasClean } = result.close;
  assertEquals([code, reason, wasClean], [1006, "", false]);
  return result;
}

/** A header field of the response. */
function header({ headers = [] }: Failure["error"], name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1];
}

const response = (lines: string[]) => [...lines, "", ""].join("\r\n");
const switching = "HTTP/1.1 101 Switching Protocols";
const upgrade = ["Upgrade: websocket", "Connection: Upgrade"];

const invalid: Record<string, (request: string) => string[]> = {
  "a wrong Sec-WebSocket-Accept": () => [switching, ...upgrade, "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
  "no Sec-WebSocket-Accept": () => [switching, ...upgrade],
  "no Upgrade": (request) => [switching, "Connection: Upgrade", `Sec-WebSocket-Accept: ${acceptFor(request)}`],
  "another Upgrade": (request) => [
    switching,
    "Upgrade: h2c",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptFor(request)}`,
  ],
  "no Connection": (request) => [switching, "Upgrade: websocket", `Sec-WebSocket-Accept: ${acceptFor(request)}`],
  "an extension that was not asked for": (request) => [
    switching,
    ...upgrade,
    `Sec-WebSocket-Accept: ${acceptFor(request)}`,
    "Sec-WebSocket-Extensions: x-webkit-deflate-frame",
  ],
  "a subprotocol that was not asked for": (request) => [
    switching,
    ...upgrade,
    `Sec-WebSocket-Accept: ${acceptFor(request)}`,
    "Sec-WebSocket-Protocol: other",
  ],
};

for (const [name, lines] of Object.entries(invalid)) {
  test(`a response with ${name} is ERR_HANDSHAKE_INVALID`, async () => {
    const { error } = await answered((request) => response(lines(request)));
    assertEquals(error.code, "ERR_HANDSHAKE_INVALID");
  });
}

test("a subprotocol that was not offered is ERR_HANDSHAKE_INVALID", async () => {
  const { error } = await answered(
    (request) =>
      response([
        switching,
        ...upgrade,
        `Sec-WebSocket-Accept: ${acceptFor(request)}`,
        "Sec-WebSocket-Protocol: Chat",
      ]),
    ["chat"],
  );
  assertEquals(error.code, "ERR_HANDSHAKE_INVALID");
});

test("a header that is too large is ERR_HANDSHAKE_INVALID", async () => {
  const { error } = await answered((request) =>
    response([
      switching,
      ...upgrade,
      `Sec-WebSocket-Accept: ${acceptFor(request)}`,
      `X-Large: ${"x".repeat(2 << 20)}`,
    ])
  );
  assertEquals(error.code, "ERR_HANDSHAKE_INVALID");
});

test("403 is ERR_HANDSHAKE_STATUS with its headers and body", async () => {
  const { error } = await answered(() =>
    response(["HTTP/1.1 403 Forbidden", "Content-Length: 9", "X-Why: because"]) + "not today"
  );
  assertEquals(error.code, "ERR_HANDSHAKE_STATUS");
  assertEquals(error.status, 403);
  assertEquals(header(error, "x-why"), "because");
  assertInstanceOf(error.body, Uint8Array);
  assertEquals(new TextDecoder().decode(error.body), "not today");
});

test("the body of a refusal can be chunked", async () => {
  const { error } = await answered(() =>
    response(["HTTP/1.1 500 Internal Server Error", "Transfer-Encoding: chunked"]) +
    "4\r\nfour\r\n3\r\nsix\r\n0\r\n\r\n"
  );
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_STATUS", 500]);
  assertEquals(new TextDecoder().decode(error.body), "foursix");
});

test("the body of a refusal is cut at 64 KiB", async () => {
  const { error } = await answered(() =>
    response(["HTTP/1.1 401 Unauthorized", "Content-Length: 200000"]) + "x".repeat(200_000)
  );
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_STATUS", 401]);
  assertEquals(error.body?.length, 64 * 1024);
});

test("200 is ERR_HANDSHAKE_STATUS", async () => {
  const { error } = await answered(() => response(["HTTP/1.1 200 OK", "Content-Length: 2"]) + "ok");
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_STATUS", 200]);
});

test("a redirect is ERR_HANDSHAKE_REDIRECT and is not followed", async () => {
  const { error } = await answered(() =>
    response(["HTTP/1.1 301 Moved Permanently", "Location: ws://127.0.0.1:9/", "Content-Length: 0"])
  );
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_REDIRECT", 301]);
  assertEquals(header(error, "location"), "ws://127.0.0.1:9/");
});

test("a response that is not HTTP is an error", async () => {
  const { error } = await answered(() => "SSH-2.0-OpenSSH_9.9\r\n\r\n");
  assertInstanceOf(error, Error);
});
