import { assert, assertEquals } from "@std/assert";
import { inspect } from "node:util";
import { CurlWebSocket, CurlWebSocketStream } from "../../mod.ts";
import { CurlWebSocketError, withUrl } from "../../src/errors.ts";
import { failed } from "../support/events.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** What `console.log` shows, by the runtime's own means. */
function shown(value: unknown): string {
  const { Deno, Bun } = globalThis as {
    Deno?: { inspect(value: unknown, options: object): string };
    Bun?: { inspect(value: unknown): string };
  };
  return Deno?.inspect(value, { colors: false }) ?? Bun!.inspect(value);
}

/** One kind of quotes, and every run of white space as one space. */
const plain = (text: string) => text.replaceAll("'", '"').replace(/\s+/g, " ");

test("console.log shows a socket's URL without its password, its state and its subprotocol, on one line", async () => {
  await using server = await RawServer.start();
  const url = `${server.url().replace("://", "://joe:secret@")}?token=secret`;
  const socket = new CurlWebSocket(url, ["chat"]);
  const state = (name: string, more = "") => {
    const expected =
      `CurlWebSocket { url: "${server.url()}?token=…", readyState: "${name}",${more} bufferedAmount: 0 }`;
    for (const text of [shown(socket), inspect(socket)]) assertEquals(plain(text), expected);
  };
  state("CONNECTING");
  const peer = await server.connection();
  const opened = new Promise((resolve) => socket.onopen = resolve);
  await peer.accept({ headers: ["Sec-WebSocket-Protocol: chat"] });
  await opened;
  state("OPEN", ` protocol: "chat",`);
  socket.terminate();
  state("CLOSING", ` protocol: "chat",`);
  assert(!shown({ deep: [socket] }).includes("secret"));
});

test("console.log shows a stream's state, a subclass's name, and no state for a prototype", async () => {
  await using pair = await Pair.open();
  class Feed extends CurlWebSocket {}
  const feed = new Feed(pair.socket.url);
  assert(shown(feed).startsWith("Feed {"), shown(feed));
  feed.close();
  const stream = new CurlWebSocketStream(pair.socket.url);
  assertEquals(
    plain(shown(stream)),
    `CurlWebSocketStream { url: "${pair.socket.url}", state: "connecting", bufferedAmount: 0 }`,
  );
  stream.close();
  await stream.closed.catch(() => {});
  assert(shown(stream).includes("closed"), shown(stream));
  assertEquals(plain(shown(CurlWebSocket.prototype)), "CurlWebSocket {}");
  assertEquals(plain(shown(Object.create(CurlWebSocket.prototype))), "CurlWebSocket {}");
});

test("an error has the URL of its connection without the password, and only properties with a value", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url().replace("://", "://joe:secret@"));
  const failure = failed(socket);
  (await server.connection()).end();
  const { error } = await failure;
  assertEquals(error.url, server.url());
  for (const name of Object.keys(error)) assert(Reflect.get(error, name) !== undefined, `${name} is undefined`);
  assertEquals([error.name, Object.hasOwn(error, "name")], ["CurlWebSocketError", false]);
  assert(error.stack!.startsWith("CurlWebSocketError: "), error.stack);
  assert(!/undefined|secret/.test(shown(error)), shown(error));
});

test("an error that ends several connections has each one's own URL", () => {
  const error = new CurlWebSocketError("ERR_LIBCURL", "the poll failed", { curlCode: 1 });
  assert(withUrl(error, "ws://one/") === error);
  assert(withUrl(error, "ws://one/") === error);
  const other = withUrl(error, "ws://two/");
  assertEquals([error.url, other.url], ["ws://one/", "ws://two/"]);
  assertEquals([other.code, other.message, other.curlCode], [error.code, error.message, 1]);
  assert(other.cause === error);
});
