import { assert, assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import process from "node:process";
import { CurlWebSocket } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { failed, message, opened } from "../support/events.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { HangingAddress } from "../support/hanging_address.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

test("a port that nothing listens on is ERR_CONNECT_REFUSED", async () => {
  const { error, close } = await failed(new CurlWebSocket(`ws://127.0.0.1:${await closedPort()}/`));
  assertEquals(error.code, "ERR_CONNECT_REFUSED");
  assert(error.message.length > 0);
  assertEquals([close.code, close.wasClean], [1006, false]);
});

test("a host that does not exist is ERR_DNS", async () => {
  const { error } = await failed(new CurlWebSocket("ws://x.invalid/"));
  assertEquals(error.code, "ERR_DNS");
}, { timeout: 30_000 });

test("a certificate of an unknown CA is ERR_TLS", async () => {
  await using server = await WsServer.start({ tls: true });
  const { error, close } = await failed(new CurlWebSocket(server.url("/echo", "localhost")));
  assertEquals(error.code, "ERR_TLS");
  assertEquals(close.code, 1006);
});

test("a certificate for another host is ERR_TLS", async () => {
  await using server = await RawServer.start({ tls: true });
  const socket = new CurlWebSocket(`wss://127.0.0.2:${server.port}/`, { tls: { ca: certificates().ca } });
  const { error } = await failed(socket);
  // Where 127.0.0.2 is no loopback address, nobody answers there.
  assert(["ERR_TLS", "ERR_CONNECT_REFUSED"].includes(error.code), error.code);
});

test("verify: false accepts any certificate", async () => {
  await using server = await WsServer.start({ tls: true });
  await using socket = new CurlWebSocket(server.url("/echo", "localhost"), { tls: { verify: false } });
  await opened(socket);
});

test("wss to a server without TLS is ERR_TLS", async () => {
  await using server = await RawServer.start();
  const failure = failed(new CurlWebSocket(`wss://127.0.0.1:${server.port}/`));
  const peer = await server.connection();
  await peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  const { error } = await failure;
  assertEquals(error.code, "ERR_TLS");
});

test("connectTimeout ends an attempt whose TLS handshake hangs", async () => {
  await using server = await RawServer.start(); // takes TCP and leaves TLS unanswered
  const { error } = await failed(new CurlWebSocket(`wss://127.0.0.1:${server.port}/`, { connectTimeout: 150 }));
  assertEquals(error.code, "ERR_CONNECT_TIMEOUT");
});

test("handshakeTimeout ends an attempt without a response", async () => {
  await using server = await RawServer.start();
  const { error, close } = await failed(new CurlWebSocket(server.url(), { handshakeTimeout: 150 }));
  assertEquals(error.code, "ERR_HANDSHAKE_TIMEOUT");
  assertEquals(close.code, 1006);
});

test("handshakeTimeout ends an attempt in the middle of the response", async () => {
  await using server = await RawServer.start();
  const failure = failed(new CurlWebSocket(server.url(), { handshakeTimeout: 150 }));
  const peer = await server.connection();
  await peer.request();
  await peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso");
  assertEquals((await failure).error.code, "ERR_HANDSHAKE_TIMEOUT");
});

test("a server that closes TCP during the handshake is an error", async () => {
  await using server = await RawServer.start();
  const failure = failed(new CurlWebSocket(server.url()));
  const peer = await server.connection();
  await peer.request();
  peer.end();
  const { error, close } = await failure;
  assertInstanceOf(error, Error);
  assertEquals(close.code, 1006);
});

test("an AbortSignal aborts the handshake", async () => {
  await using server = await RawServer.start();
  const controller = new AbortController();
  const failure = failed(new CurlWebSocket(server.url(), { signal: controller.signal }));
  const peer = await server.connection();
  await peer.request();
  const reason = new Error("enough");
  controller.abort(reason);
  const { error, close } = await failure;
  assertEquals(error.code, "ERR_ABORTED");
  assertEquals(error.cause, reason);
  assertEquals([close.code, close.wasClean], [1006, false]);
  assertEquals(await peer.frame(), undefined);
});

test("an AbortSignal has no effect on an open connection", async () => {
  await using server = await WsServer.start();
  const controller = new AbortController();
  await using socket = new CurlWebSocket(server.url("/echo"), { signal: controller.signal });
  await opened(socket);
  controller.abort();
  socket.send("still here");
  assertEquals(await message(socket), "still here");
});

test("an aborted AbortSignal fails at once", async () => {
  await using server = await RawServer.start();
  const { error } = await failed(new CurlWebSocket(server.url(), { signal: AbortSignal.abort() }));
  assertEquals(error.code, "ERR_ABORTED");
});

test("an unknown option is a TypeError that names it", () => {
  const options = { conectTimeout: 1 } as object;
  assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", options), TypeError, "conectTimeout");
  const tls = { tls: { verfy: false } } as object;
  assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", tls), TypeError, "verfy");
});

test("an option of the wrong type is a TypeError", () => {
  for (const bad of [{ connectTimeout: -1 }, { maxMessageSize: NaN }, { headers: 5 }, { signal: {} }]) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", bad as object), Error);
  }
});

test("many sockets connect at once", async () => {
  await using server = await WsServer.start();
  const sockets = Array.from({ length: 50 }, () => new CurlWebSocket(server.url("/echo")));
  await Promise.all(sockets.map(opened));
  await Promise.all(sockets.map(async (socket, index) => {
    const answer = new Promise<MessageEvent>((resolve) => socket.onmessage = resolve);
    socket.send(`socket ${index}`);
    assertEquals((await answer).data, `socket ${index}`);
    await socket[Symbol.asyncDispose]();
    assertEquals(socket.readyState, CurlWebSocket.CLOSED);
  }));
}, { timeout: 30_000 });

test("an address that hangs leaves time for the next addresses", async () => {
  await using server = await RawServer.start();
  using hanging = HangingAddress.open(server.port);
  for (const before of [["127.0.0.2"], ["127.0.0.2", "127.0.0.2"]]) {
    const socket = new CurlWebSocket(`ws://two.example:${server.port}/`, {
      resolve: { "two.example": [...before, "127.0.0.1"] },
      connectTimeout: 3_000,
      proxy: false,
    });
    const open = opened(socket);
    await (await server.connection()).accept();
    await open;
    assertEquals(socket.connection?.remoteAddress, "127.0.0.1");
    socket.terminate();
  }
  // There is none to go on to: the time is up when it is, by the caller's own timer.
  const { error } = await failed(
    new CurlWebSocket(`ws://127.0.0.2:${hanging.port}/`, { connectTimeout: 300, proxy: false }),
  );
  assertEquals(error.code, "ERR_CONNECT_TIMEOUT");
  assertStringIncludes(error.message, "took longer than connectTimeout, 300 ms");
}, { skip: HangingAddress.reason });

test("a process out of file descriptors gets an error that says so, and connects once some are free", async () => {
  await using server = await WsServer.start();
  const told = await runScript(
    server.url("/echo"),
    `
    const { openSync, closeSync } = await import("node:fs");
    const { setTimeout: sleep } = await import("node:timers/promises");
    const attempt = () =>
      new Promise((resolve) => {
        try {
          const socket = new CurlWebSocket(url, { proxy: false });
          socket.onopen = () => (resolve("open"), socket.terminate());
          socket.onerror = ({ error }) => resolve(error.code + " " + error.message.includes("ulimit -n"));
        } catch (error) {
          resolve(error.code + " " + error.message.includes("ulimit -n"));
        }
      });
    const before = await attempt();
    // What that one leaves behind is closed.
    await sleep(100);
    const files = [];
    try {
      for (;;) files.push(openSync("/dev/null", "r"));
    } catch {
      // All are taken.
    }
    const without = await attempt();
    for (const file of files) closeSync(file);
    console.log(before, without, await attempt());
    process.exit();
    `,
    { openFiles: 200 },
  );
  assertEquals(told, "open ERR_TOO_MANY_OPEN_FILES true open");
}, { skip: process.platform === "win32" ? "there is no such limit" : undefined, timeout: 30_000 });
