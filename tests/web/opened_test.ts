/** `opened` and `closed`: never left pending, and never unhandled. */
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { type ConnectionEnd, CurlWebSocket, CurlWebSocketError, type CurlWebSocketInit } from "../../mod.ts";
import { closed as closeEvent, next } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { closedPort, type RawConnection, RawServer } from "../support/raw_server.ts";
import { codeOf, failureOf } from "../support/rejections.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** How an attempt fails: what the server does, and what the program. */
interface Failing {
  readonly code: string;
  readonly options?: CurlWebSocketInit;
  readonly act?: (socket: CurlWebSocket) => void;
  readonly serve?: (peer: RawConnection) => Promise<unknown>;
}

const aborted = new AbortController();
aborted.abort(new Error("enough"));

const FAILING: Record<string, Failing> = {
  "closed in the same turn": { code: "ERR_ABORTED", act: (socket) => socket.close() },
  "terminated in the same turn": { code: "ERR_ABORTED", act: (socket) => socket.terminate() },
  "closed while it connects": {
    code: "ERR_ABORTED",
    act: (socket) => void setTimeout(() => socket.close(), 20),
    serve: (peer) => peer.ended(),
  },
  "terminated while it connects": {
    code: "ERR_ABORTED",
    act: (socket) => void setTimeout(() => socket.terminate(), 20),
    serve: (peer) => peer.ended(),
  },
  "a signal that was aborted before": { code: "ERR_ABORTED", options: { signal: aborted.signal } },
  "a refusal": {
    code: "ERR_HANDSHAKE_STATUS",
    serve: async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    },
  },
  "a server that hangs up": {
    code: "ERR_CONNECTION_LOST",
    serve: async (peer) => {
      await peer.request();
      peer.end();
    },
  },
  "a server that says nothing": {
    code: "ERR_HANDSHAKE_TIMEOUT",
    options: { handshakeTimeout: 30 },
    serve: (peer) => peer.ended(),
  },
  "an option that libcurl finds wrong later": { code: "ERR_CONNECT_REFUSED", options: { interface: "no-such-device" } },
};

for (const [name, { code, options, act, serve }] of Object.entries(FAILING)) {
  test(`opened rejects and closed resolves, asked before and after: ${name}`, async () => {
    await using server = await RawServer.start();
    const socket = new CurlWebSocket(server.url(), options);
    const { opened, closed } = socket;
    act?.(socket);
    if (serve !== undefined) await serve(await server.connection());
    const error = await failureOf(opened);
    assertInstanceOf(error, CurlWebSocketError);
    assertEquals(error.code, code);
    const end = await closed;
    assertEquals([end.code, end.wasClean], [1006, false]);
    // terminate() fires no error event, and says the code alone.
    assertStrictEquals(end.error ?? error, error);
    assertStrictEquals(socket.opened, opened);

    const late = new CurlWebSocket(server.url(), options);
    const event = closeEvent(late);
    act?.(late);
    if (serve !== undefined) await serve(await server.connection());
    await event;
    assertEquals([await codeOf(late.opened), (await late.closed).code], [code, 1006]);
  });
}

test("opened rejects when a signal is aborted while the socket connects, and nothing listens", async () => {
  const controller = new AbortController();
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(), { signal: controller.signal });
  await server.connection();
  controller.abort(new Error("enough"));
  assertEquals(await codeOf(socket.opened), "ERR_ABORTED");
  await socket.closed;
  const refused = new CurlWebSocket(`ws://127.0.0.1:${await closedPort()}`);
  assertEquals(await codeOf(refused.opened), "ERR_CONNECT_REFUSED");
});

test("opened resolves with the socket, also when asked late, and after the end", async () => {
  await using server = await WsServer.start();
  const socket = await new CurlWebSocket(server.url("/echo")).opened;
  assertEquals(socket.readyState, CurlWebSocket.OPEN);
  socket.send("hello");
  assertEquals(await socket.receive(), "hello");
  socket.close(1000, "bye");
  const end = await socket.closed;
  assertEquals<ConnectionEnd>(end, { code: 1000, reason: "bye", wasClean: true, error: null });
  assert(Object.isFrozen(end));
  assertStrictEquals(await socket.opened, socket);

  const late = new CurlWebSocket(server.url("/echo"));
  await next(late, "open");
  late.close();
  await closeEvent(late);
  assertStrictEquals(await late.opened, late);
  assertEquals((await late.closed).code, 1005);
});

test("opened settles behind the open event, closed behind the close event", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocket(server.url("/echo"));
  const log: string[] = [];
  const { opened, closed } = socket;
  void opened.then(() => log.push("opened"));
  void closed.then(() => log.push("closed"));
  socket.onopen = () => {
    log.push("open");
    socket.close();
  };
  await new Promise((resolve) =>
    socket.onclose = () => {
      log.push("close");
      setTimeout(resolve, 0);
    }
  );
  assertEquals(log, ["open", "opened", "close", "closed"]);
});

test("a connection that breaks is closed with its error", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  await peer.send(Uint8Array.of(0xf1, 0));
  peer.end();
  const { code, wasClean, error } = await socket.closed;
  assertEquals([code, wasClean, error?.code], [1006, false, "ERR_PROTOCOL"]);
  assertStrictEquals(await socket.opened, socket);
});

test("what comes with the handshake is there for who awaits opened, of many sockets at once", async () => {
  await using server = await RawServer.start();
  const then = Buffer.concat(["one", "two"].map((text) => frame(Opcode.text, text)));
  const sockets = Array.from({ length: 30 }, () => new CurlWebSocket(server.url()));
  const wrapped = async (promise: Promise<unknown>) => void await promise;
  const got = sockets.map(async (socket, index) => {
    await wrapped(wrapped(wrapped(socket.opened)));
    if (index % 2 === 0) return [await socket.receive(), await socket.receive()];
    return await new Promise((resolve) => {
      const all: unknown[] = [];
      socket.onmessage = ({ data }) => all.push(data) === 2 && resolve(all);
    });
  });
  for (let i = 0; i < sockets.length; i++) await (await server.connection()).accept({ then });
  assertEquals(await Promise.all(got), sockets.map(() => ["one", "two"]));
  for (const socket of sockets) socket.terminate();
});

test(
  "none of the promises counts as unhandled if nobody looks at it, and a Worker that ends leaves none to wait for",
  async () => {
    await using server = await WsServer.start();
    const output = await runScript(
      server.url("/echo"),
      `const refused = new CurlWebSocket("ws://127.0.0.1:1");
    refused.opened, refused.closed, refused.receive();
    await refused.closed;
    refused.receive();
    const socket = await new CurlWebSocket(url).opened;
    socket.ping(), socket.receive({ timeout: 1 }), socket.receive({ signal: AbortSignal.abort() });
    socket.send("x".repeat(100_000));
    socket.drained(0, { signal: AbortSignal.abort() });
    socket.drained();
    socket.ping(new Blob(["late"]));
    socket.terminate();
    await socket.closed;
    const worker = new Worker(URL.createObjectURL(new Blob([\`
      import { CurlWebSocket } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
      const socket = new CurlWebSocket(\${JSON.stringify(url)});
      socket.opened.then(() => {
        postMessage("open");
        socket.closed.then(() => postMessage("closed"));
        socket.receive();
        self.close();
      });
    \`], { type: "text/javascript" })), { type: "module" });
    console.log(await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log("alive");`,
    );
    assertEquals(output.split("\n"), ["open", "alive"]);
  },
  { timeout: 60_000 },
);
