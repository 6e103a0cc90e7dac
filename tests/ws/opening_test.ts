/** How a socket of `ws` is opened: requests, redirects, refusals, and giving up. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import WebSocket from "../../ws/mod.ts";
import type { CodedError } from "../../ws/errors.ts";
import { acceptFor, closedPort, RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { closed, DIRECT, opened } from "./support.ts";

const REFUSAL = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n" +
  "Content-Length: 3\r\n\r\nfoo";

test("the upgrade event has the response, before open", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url(), DIRECT);
  const order: string[] = [];
  socket.on("upgrade", (response) => order.push(`${response.statusCode} ${response.headers["x-a"]}`));
  socket.on("open", () => order.push("open"));
  const peer = await server.connection();
  await peer.accept({ headers: ["X-A: 1", "X-A: 2"] });
  await opened(socket);
  assertEquals(order, ["101 1, 2", "open"]);
  socket.terminate();
});

test("a refusal is an error, or what unexpected-response makes of it", async () => {
  await using server = await RawServer.start();
  const plain = new WebSocket(server.url(), DIRECT);
  const end = closed(plain);
  await (await server.connection()).send(REFUSAL);
  const { code, error } = await end;
  assertEquals([code, error!.message, plain.readyState], [1006, "Unexpected server response: 401", WebSocket.CLOSED]);
  assertEquals((error!.cause as { status: number }).status, 401);

  const told = new WebSocket(server.url(), DIRECT);
  await (await server.connection()).send(REFUSAL);
  const [request, response] = await once(told, "unexpected-response");
  let body = "";
  for await (const chunk of response) body += chunk;
  assertEquals([response.statusCode, response.headers["set-cookie"], body], [401, ["a=1", "b=2"], "foo"]);
  assertEquals([request.method, told.readyState], ["GET", WebSocket.CONNECTING]);
  told.terminate();
  assertMatch((await closed(told)).error!.message, /^WebSocket was closed before/);
});

test("close() and terminate() while connecting give up: an error, then close", async () => {
  await using server = await RawServer.start();
  for (const give of ["close", "terminate"] as const) {
    const socket = new WebSocket(server.url(), DIRECT);
    const end = closed(socket);
    await server.connection();
    socket[give]();
    assertEquals(socket.readyState, WebSocket.CLOSING);
    const { code, error } = await end;
    assertEquals([code, error!.message], [1006, "WebSocket was closed before the connection was established"]);
  }
});

test("what goes wrong has the codes of Node", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${await closedPort()}`, DIRECT);
  const { code, error } = await closed(socket);
  assertEquals([code, (error as CodedError).code], [1006, "ECONNREFUSED"]);
  await using server = await RawServer.start();
  const slow = new WebSocket(server.url(), { ...DIRECT, handshakeTimeout: 50 });
  const late = await closed(slow);
  assertEquals([late.error!.message, (late.error as CodedError).code], [
    "Opening handshake has timed out",
    "ETIMEDOUT",
  ]);
});

test("a connection that is lost is a close with 1006 and no error", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url(), DIRECT);
  const peer = await server.connection();
  await peer.accept();
  await opened(socket);
  peer.destroy();
  assertEquals(await closed(socket), { code: 1006, reason: "", error: null });
});

test("the request has the fields of the options, and finishRequest may change them later", async () => {
  await using server = await RawServer.start();
  const socket = new WebSocket(server.url("/path?x=1").replace("//", "//joe:p%40ss@"), ["json"], {
    ...DIRECT,
    headers: { "X-One": "1", "X-Many": ["a", "b"], "X-Number": 7 },
    origin: "https://example.com",
    finishRequest(request) {
      assertEquals(request.getHeader("HOST"), new URL(server.url()).host);
      assertEquals(request.getHeader("sec-websocket-protocol"), "json");
      setTimeout(() => request.setHeader("Cookie", "a=b").end(), 1);
    },
  });
  const peer = await server.connection();
  const request = await peer.accept({ headers: ["Sec-WebSocket-Protocol: json"] });
  for (
    const line of ["X-One: 1", "X-Many: a", "X-Many: b", "X-Number: 7", "Origin: https://example.com", "Cookie: a=b"]
  ) {
    assert(request.includes(`\r\n${line}\r\n`), request);
  }
  assert(request.startsWith("GET /path?x=1 HTTP/1.1"), request);
  assert(request.includes(`Authorization: Basic ${Buffer.from("joe:p@ss").toString("base64")}`), request);
  await opened(socket);
  assertEquals([socket.protocol, socket.url.includes("joe:p%40ss@")], ["json", true]);
  socket.terminate();
});

test("a field that cannot be sent is thrown by the constructor, and an event later", async () => {
  const bad = { "Sec-WebSocket-Key": "mine" };
  assertThrows(() => new WebSocket("ws://localhost", { headers: bad }), TypeError, "Sec-WebSocket-Key");
  const socket = new WebSocket("ws://localhost", {
    finishRequest: (request) => void setTimeout(() => request.setHeader("X", "\n").end()),
  });
  const { code, error } = await closed(socket);
  assertEquals([code, error instanceof TypeError], [1006, true]);
});

test("a listener may close or terminate the socket, whichever event it is for", async () => {
  await using server = await WsServer.start();
  const early = "WebSocket was closed before the connection was established";
  const expected: [event: "upgrade" | "open" | "message", call: "close" | "terminate", code: number, error?: string][] =
    [
      ["upgrade", "close", 1006, early],
      ["upgrade", "terminate", 1006, early],
      ["open", "close", 1005],
      ["open", "terminate", 1006],
      ["message", "terminate", 1006],
    ];
  for (const [event, call, code, message] of expected) {
    const socket = new WebSocket(server.url("/push"), DIRECT);
    socket.on(event, () => socket[call]());
    const end = await closed(socket);
    assertEquals([event, call, end.code, end.error?.message], [event, call, code, message]);
  }
});

/** Has the next connection redirected; returns its request. */
async function redirect(server: RawServer, location: string): Promise<string> {
  const peer = await server.connection();
  const request = await peer.request();
  await peer.send(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
  peer.end();
  return request;
}

const CREDENTIALS = { Authorization: "Basic eA==", Cookie: "a=b", "X-Other": "1" };

test("redirects are followed if they are to be, and another server gets no credentials", async () => {
  await using first = await RawServer.start();
  await using second = await RawServer.start();
  const socket = new WebSocket(first.url("/a"), { ...DIRECT, followRedirects: true, headers: CREDENTIALS });
  assert((await redirect(first, "/b")).includes("Authorization"));
  const same = await redirect(first, second.url("/c"));
  assert(same.startsWith("GET /b ") && same.includes("Cookie: a=b"), same);
  const elsewhere = await (await second.connection()).accept();
  assert(!/Authorization|Cookie/.test(elsewhere) && elsewhere.includes("X-Other: 1"), elsewhere);
  await opened(socket);
  assertEquals(socket.url, second.url("/c"));
  socket.terminate();
});

test("with a listener for redirect, the program looks after the credentials", async () => {
  await using first = await RawServer.start();
  await using second = await RawServer.start();
  const socket = new WebSocket(first.url("/"), { ...DIRECT, followRedirects: true, headers: CREDENTIALS });
  socket.on("redirect", (url, request) => {
    assertEquals([url, request.getHeader("authorization")], [second.url("/"), "Basic eA=="]);
    request.removeHeader("authorization");
  });
  await redirect(first, second.url("/"));
  const request = await (await second.connection()).accept();
  assert(!request.includes("Authorization") && request.includes("Cookie: a=b"), request);
  await opened(socket);
  socket.terminate();
});

test("redirects end: too many, to what is no URL, and by a listener", async () => {
  await using server = await RawServer.start();
  const options = { ...DIRECT, followRedirects: true, maxRedirects: 1 };
  const many = new WebSocket(server.url("/"), options);
  const end = closed(many);
  await redirect(server, "/1");
  await redirect(server, "/2");
  assertEquals((await end).error!.message, "Maximum redirects exceeded");
  for (
    const [location, message] of [["ws://", "Invalid URL: ws://"], ["ftp://x/", "The URL's protocol must"]] as const
  ) {
    const bad = new WebSocket(server.url("/"), options);
    const ended = closed(bad);
    await redirect(server, location);
    const { error } = await ended;
    assert(error instanceof SyntaxError && error.message.startsWith(message), String(error));
  }
  for (const give of ["close", "destroy"] as const) {
    const socket = new WebSocket(server.url("/"), options);
    socket.on(
      "redirect",
      (_url, request) => give === "close" ? socket.close() : void request.destroy(new Error("mine")),
    );
    const ended = closed(socket);
    await redirect(server, "/");
    assertMatch((await ended).error!.message, give === "close" ? /^WebSocket was closed/ : /^mine$/);
  }
  const none = new WebSocket(server.url("/"), DIRECT);
  const refused = closed(none);
  await redirect(server, "/");
  assertEquals((await refused).error!.message, "Unexpected server response: 302");
});

test("ws+unix: connects to a Unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-ws-"));
  const path = join(folder, "s");
  const requests: string[] = [];
  const server = createServer((peer) =>
    peer.once("data", (data) => {
      requests.push(String(data));
      const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
      peer.write([...lines, `Sec-WebSocket-Accept: ${acceptFor(String(data))}`, "", ""].join("\r\n"));
    })
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const socket = await opened(new WebSocket(`ws+unix:${path}:/feed?x=1`));
    assertEquals(requests[0]!.split("\r\n").slice(0, 2), ["GET /feed?x=1 HTTP/1.1", "Host: localhost"]);
    socket.terminate();
    await once(socket, "close");
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}, { skip: process.platform === "win32" ? "Node's own are pipes there" : undefined });

test("a bad URL or subprotocol is a SyntaxError of the language", () => {
  for (const url of ["foo", "ftp://example.com", "ws://example.com/#x"]) {
    assertThrows(() => new WebSocket(url), SyntaxError);
  }
  for (const list of [["a", "a"], ["a b"], [""]]) {
    assertThrows(() => new WebSocket("ws://localhost", list), SyntaxError, "subprotocol");
  }
});
