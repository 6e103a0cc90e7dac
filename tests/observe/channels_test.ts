/** What `node:diagnostics_channel` tells. */
import { assert, assertEquals } from "@std/assert";
import { channel } from "node:diagnostics_channel";
import { CurlWebSocket, CurlWebSocketStream, type DiagnosticsMessages } from "../../mod.ts";
import { closed, failed, opened } from "../support/events.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

type Name = keyof DiagnosticsMessages;
const NAMES: readonly Name[] = ["curlws:handshake", "curlws:open", "curlws:error", "curlws:close"];

/** What all channels tell until it is disposed of. */
function record() {
  const told: { [K in Name]: { name: K; message: DiagnosticsMessages[K] } }[Name][] = [];
  const listeners = NAMES.map((name) => {
    const listener = (message: unknown) => void told.push({ name, message } as typeof told[number]);
    channel(name).subscribe(listener);
    return { name, listener };
  });
  return {
    told,
    [Symbol.dispose]: () => {
      for (const { name, listener } of listeners) channel(name).unsubscribe(listener);
    },
  };
}

test("diagnostics: a socket publishes handshake, open and close, with itself and its URL without the password", async () => {
  await using server = await WsServer.start();
  using recorded = record();
  const socket = new CurlWebSocket(server.url("/subprotocol").replace("//", "//joe:secret@"), ["chat"]);
  await opened(socket);
  const close = closed(socket);
  socket.close(1000, "bye");
  await close;
  const { told } = recorded;
  assertEquals(told.map(({ name }) => name), ["curlws:handshake", "curlws:open", "curlws:close"]);
  for (const { message } of told) {
    assert(message.socket === socket);
    assertEquals(message.url, server.url("/subprotocol"));
    assert(Object.isFrozen(message));
  }
  const [handshake, open, end] = told.map(({ message }) => message) as [
    DiagnosticsMessages["curlws:handshake"],
    DiagnosticsMessages["curlws:open"],
    DiagnosticsMessages["curlws:close"],
  ];
  assertEquals(handshake.status, 101);
  assert(handshake.headers.some(([name]) => name.toLowerCase() === "sec-websocket-accept"));
  assertEquals([open.protocol, open.connection], ["chat", socket.connection!]);
  assertEquals([end.code, end.reason, end.wasClean, end.stats.framesSent], [1000, "bye", true, 1]);
});

test("diagnostics: a subscription survives garbage collection, and a subscriber that throws harms no connection", async () => {
  await using server = await WsServer.start();
  const script = `
    const { subscribe } = await import("node:diagnostics_channel");
    globalThis.addEventListener?.("error", (event) => event.preventDefault());
    globalThis.process?.on("uncaughtException", () => {});
    subscribe("curlws:open", () => { throw new Error("the subscriber's own"); });
    subscribe("curlws:close", ({ code }) => console.log("close", code));
    await new Promise((resolve) => setTimeout(resolve, 5));
    collectGarbage();
    const socket = new CurlWebSocket(url);
    socket.onopen = () => socket.close(1000);
    socket.onclose = () => console.log("closed");`;
  assertEquals(await runScript(server.url("/echo"), script), "close 1000\nclosed");
});

test("diagnostics: a refusal publishes handshake and error; a failure to connect publishes only an error", async () => {
  using recorded = record();
  const { told } = recorded;
  await using server = await RawServer.start();
  const refused = new CurlWebSocket(server.url());
  const failure = failed(refused);
  const peer = await server.connection();
  await peer.request();
  await peer.send("HTTP/1.1 401 No\r\nX-Why: because\r\nContent-Length: 0\r\n\r\n");
  const { error } = await failure;
  assertEquals(told.map(({ name }) => name), ["curlws:handshake", "curlws:error", "curlws:close"]);
  const [handshake, failing] = told;
  assert(handshake?.name === "curlws:handshake" && failing?.name === "curlws:error");
  assertEquals(handshake.message.status, 401);
  assertEquals(handshake.message.headers.map(String)[0], "X-Why,because");
  assert(failing.message.error === error);

  told.length = 0;
  const socket = new CurlWebSocketStream(`ws://127.0.0.1:${await closedPort()}`);
  await socket.closed.catch(() => {});
  assertEquals(told.map(({ name }) => name), ["curlws:error", "curlws:close"]);
  assert(told[0]?.message.socket === socket);
});

test("diagnostics: each redirect publishes a handshake with its own URL", async () => {
  using recorded = record();
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url("/old"), { maxRedirects: 1 });
  const open = opened(socket);
  const first = await server.connection();
  await first.request();
  await first.send("HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n");
  const second = await server.connection();
  await second.accept();
  await open;
  const seen = recorded.told.flatMap((each) =>
    each.name === "curlws:handshake" ? [[each.message.status, each.message.url]] : []
  );
  assertEquals(seen, [[302, server.url("/old")], [101, server.url("/new")]]);
  socket.terminate();
});
