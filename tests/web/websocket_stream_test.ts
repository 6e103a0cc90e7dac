/** `CurlWebSocketStream`, by the WebSocketStream proposal (https://github.com/whatwg/websockets/pull/48). */
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { CurlWebSocketError, CurlWebSocketStream, WebSocketError } from "../../mod.ts";
import { closePayload, frame, Opcode, readClose } from "../support/frames.ts";
import { closedPort, type RawConnection, RawServer } from "../support/raw_server.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** What a promise rejects with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}

async function connect(server: RawServer, options = {}) {
  const socket = new CurlWebSocketStream(server.url(), options);
  const peer: RawConnection = await server.connection();
  await peer.accept();
  return { socket, peer, ...await socket.opened };
}

/** The peer answers the close frame, and tells what it was. */
async function answerClose(peer: RawConnection): Promise<{ code: number; reason: string }> {
  const close = await peer.closeFrame();
  await peer.send(frame(Opcode.close, close.payload));
  peer.end();
  return readClose(close);
}

test("stream: the constructor takes a URL and a list of subprotocols", () => {
  const make = (...values: unknown[]) => () => {
    new (CurlWebSocketStream as unknown as new (...values: unknown[]) => unknown)(...values);
  };
  const names = (call: () => void) => (assertThrows(call) as Error).name;
  assertEquals(names(make()), "TypeError");
  assertEquals(names(make("invalid:")), "SyntaxError");
  assertEquals(names(make("ws://127.0.0.1/#fragment")), "SyntaxError");
  assertEquals(names(make("ws://127.0.0.1/", true)), "TypeError");
  assertEquals(names(make("ws://127.0.0.1/", { protocols: "hi" })), "TypeError");
  assertEquals(names(make("ws://127.0.0.1/", { protocols: ["a", "a"] })), "SyntaxError");
  assertEquals(names(make("ws://127.0.0.1/", { protocols: ["in valid"] })), "SyntaxError");
  assertEquals(names(make("ws://127.0.0.1/", { unheardOf: 1 })), "TypeError");
});

test("stream: opened has the streams, the subprotocol and the extensions, and url the URL", async () => {
  await using server = await WsServer.start({ deflate: {} });
  await using socket = new CurlWebSocketStream(server.url("/subprotocol?choose=beta"), {
    protocols: ["alpha", "beta"],
  });
  assertEquals(socket.url, server.url("/subprotocol?choose=beta"));
  const { readable, writable, protocol, extensions } = await socket.opened;
  assertInstanceOf(readable, ReadableStream);
  assertInstanceOf(writable, WritableStream);
  assertEquals(protocol, "beta");
  assert(extensions.startsWith("permessage-deflate"), extensions);
  assertEquals(socket.connection?.remotePort, server.port);
  assertEquals(String(socket), "[object WebSocketStream]");
  assertEquals(Object.keys(CurlWebSocketStream.prototype).sort(), ["close", "closed", "opened", "url"]);
});

test("stream: text and binary messages are strings and Uint8Arrays, in both directions", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocketStream(server.url("/echo"));
  const { readable, writable } = await socket.opened;
  const writer = writable.getWriter(), reader = readable.getReader();
  const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const cases: [string | ArrayBuffer | ArrayBufferView, string | Uint8Array][] = [
    ["hello", "hello"],
    ["", ""],
    ["añ€😀\ud800", "añ€😀\ufffd"],
    [bytes.buffer, bytes],
    [bytes.subarray(2, 5), bytes.slice(2, 5)],
    [new DataView(bytes.buffer, 1, 2), bytes.slice(1, 3)],
    [new Int32Array(bytes.buffer), bytes],
    [new Uint8Array(0), new Uint8Array(0)],
    [new Uint8Array(300_000).fill(7), new Uint8Array(300_000).fill(7)],
  ];
  for (const [sent, expected] of cases) {
    await writer.write(sent);
    const { value } = await reader.read();
    if (typeof expected === "string") assertEquals(value, expected);
    else {
      assertInstanceOf(value, Uint8Array);
      assertEquals(value.join(), expected.join());
    }
  }
});

test("stream: write() copies its bytes", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocketStream(server.url("/echo"));
  const { readable, writable } = await socket.opened;
  const bytes = Uint8Array.of(1, 2, 3);
  await writable.getWriter().write(bytes);
  bytes.fill(9);
  assertEquals((await readable.getReader().read()).value, Uint8Array.of(1, 2, 3));
});

for (const [what, chunk] of [["number", 1], ["null", null], ["object", {}], ["Blob", new Blob(["x"])]] as const) {
  test(`stream: writing a ${what} is a TypeError`, async () => {
    await using server = await WsServer.start();
    await using socket = new CurlWebSocketStream(server.url("/echo"));
    const writer = (await socket.opened).writable.getWriter();
    writer.closed.catch(() => {});
    const error = await rejection(writer.write(chunk as unknown as string));
    assertInstanceOf(error, TypeError);
    assert(error.message.includes(what), error.message);
  });
}

test("stream: the code and reason of close() are sent, and closed resolves with the server's", async () => {
  await using server = await WsServer.start();
  const cases = [
    [{ closeCode: 3456, reason: "pizza" }, 3456, "pizza"],
    [undefined, 1005, ""],
    [null, 1005, ""],
    [{}, 1005, ""],
    [{ reason: "" }, 1005, ""],
    [{ closeCode: null }, 1005, ""],
    [{ reason: "why not" }, 1000, "why not"],
    [{ closeCode: 1000.9 }, 1000, ""],
  ] as const;
  for (const [info, code, reason] of cases) {
    const socket = new CurlWebSocketStream(server.url("/closed"));
    await socket.opened;
    socket.close(info);
    socket.close();
    assertEquals(await socket.closed, { closeCode: code, reason });
    assertEquals(await server.closed(), { code, reason });
  }
});

test("stream: close() with an invalid code or reason throws, and does not close", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocketStream(server.url("/echo"));
  const { readable, writable } = await socket.opened;
  const name = (info: unknown) => (assertThrows(() => socket.close(info as { closeCode: number })) as Error).name;
  assertEquals(name(true), "TypeError");
  assertEquals(name({ closeCode: 65536 }), "TypeError");
  assertEquals(name({ closeCode: -1 }), "TypeError");
  assertEquals(name({ closeCode: "x" }), "TypeError");
  for (const closeCode of [0, 999, 1001, 1005, 2999, 5000]) assertEquals(name({ closeCode }), "InvalidAccessError");
  assertEquals(name({ reason: ".".repeat(124) }), "SyntaxError");
  assertEquals(name({ reason: "€".repeat(42) }), "SyntaxError");
  await writable.getWriter().write("still open");
  assertEquals((await readable.getReader().read()).value, "still open");
});

test("stream: close() while connecting rejects both promises", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocketStream(server.url());
  socket.close({ closeCode: 1000 });
  for (const promise of [socket.opened, socket.closed]) {
    const error = await rejection(promise);
    assertInstanceOf(error, WebSocketError);
    assertInstanceOf(error.cause, CurlWebSocketError);
    assertEquals([error.cause.code, error.closeCode], ["ERR_ABORTED", 1006]);
  }
});

test("stream: a connection that fails rejects both promises with a WebSocketError and its cause", async () => {
  const socket = new CurlWebSocketStream(`ws://127.0.0.1:${await closedPort()}`);
  for (const promise of [socket.opened, socket.closed]) {
    const error = await rejection(promise);
    assertInstanceOf(error, WebSocketError);
    assertInstanceOf(error, DOMException);
    assertEquals([error.name, error.closeCode, error.reason], ["WebSocketError", 1006, ""]);
    assertEquals(error.cause?.code, "ERR_CONNECT_REFUSED");
    assertEquals(error.message, error.cause?.message);
  }
});

test("stream: closing the writable closes cleanly, and resolves once it is closed", async () => {
  await using server = await RawServer.start();
  const { socket, peer, writable } = await connect(server);
  const writer = writable.getWriter();
  await writer.write("before");
  let settled = false;
  const close = writer.close().then(() => settled = true);
  assertEquals((await peer.frame())?.opcode, Opcode.text);
  const sent = await peer.closeFrame();
  assertEquals(readClose(sent), { code: 1005, reason: "" });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(settled, false);
  await peer.send(frame(Opcode.close));
  peer.end();
  await close;
  await writer.closed;
  assertEquals(await socket.closed, { closeCode: 1005, reason: "" });
});

for (const [stream, method] of [["writable", "abort"], ["readable", "cancel"]] as const) {
  test(`stream: ${method}() of the ${stream} closes with the code and reason of a WebSocketError`, async () => {
    await using server = await WsServer.start();
    const foreign = new (class extends DOMException {
      readonly closeCode = 4001;
      readonly reason = "theirs";
    })("", "WebSocketError");
    const cases: [unknown, number, string][] = [
      [undefined, 1005, ""],
      [{ closeCode: 3456, reason: "ignored" }, 1005, ""],
      [new Error("ignored"), 1005, ""],
      [new WebSocketError("", { closeCode: 3333 }), 3333, ""],
      [new WebSocketError("", { closeCode: 3456, reason: "set" }), 3456, "set"],
      [new WebSocketError("", { reason: "set" }), 1000, "set"],
      [new WebSocketError("message"), 1005, ""],
      [foreign, 4001, "theirs"],
    ];
    for (const [reason, code, text] of cases) {
      const socket = new CurlWebSocketStream(server.url("/closed"));
      const info = await socket.opened;
      if (method === "abort") await info.writable.abort(reason);
      else await info.readable.cancel(reason);
      assertEquals(await socket.closed, { closeCode: code, reason: text });
      assertEquals(await server.closed(), { code, reason: text });
    }
  });
}

test("stream: messages after the readable was cancelled are dropped", async () => {
  await using server = await RawServer.start();
  const { socket, peer, readable } = await connect(server);
  await readable.cancel();
  await peer.send(new Uint8Array([...frame(Opcode.text, "late"), ...frame(Opcode.text, "later")]));
  await answerClose(peer);
  assertEquals((await socket.closed).closeCode, 1005);
});

test("stream: a clean close by the server ends the readable and errors the writable", async () => {
  await using server = await RawServer.start();
  const { socket, peer, readable, writable } = await connect(server);
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  await peer.send(new Uint8Array([...frame(Opcode.text, "last"), ...frame(Opcode.close, closePayload(4000, "bye"))]));
  await answerClose(peer);
  const got: unknown[] = [];
  for await (const message of readable) got.push(message);
  assertEquals(got, ["last"]);
  assertEquals(await socket.closed, { closeCode: 4000, reason: "bye" });
  const error = await rejection(writer.write("too late")) as DOMException;
  assertEquals(error.name, "InvalidStateError");
  assertEquals(await rejection(writer.closed), error);
});

test("stream: an unclean close errors both streams and closed with the same WebSocketError", async () => {
  await using server = await RawServer.start();
  const { socket, peer, readable, writable } = await connect(server);
  const reader = readable.getReader(), writer = writable.getWriter();
  const pending = rejection(reader.read());
  peer.destroy();
  const error = await rejection(socket.closed);
  assertInstanceOf(error, WebSocketError);
  assertEquals([error.closeCode, error.reason], [1006, ""]);
  assertEquals(error.cause?.code, "ERR_CONNECTION_LOST");
  assertEquals(await pending, error);
  assertEquals(await rejection(reader.closed), error);
  assertEquals(await rejection(writer.closed), error);
  assertEquals(await rejection(writer.write("x")), error);
});

test("stream: a protocol violation rejects closed with 1006 and ERR_PROTOCOL", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server);
  await peer.send(frame(3, "reserved"));
  assertEquals(readClose(await peer.closeFrame()).code, 1002);
  peer.end();
  const error = await rejection(socket.closed) as WebSocketError;
  assertEquals([error.closeCode, error.cause?.code], [1006, "ERR_PROTOCOL"]);
});

test("stream: a server that sends no close frame in reply is an unclean close", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server, { closeTimeout: 50 });
  socket.close({ closeCode: 1000 });
  await peer.closeFrame();
  const error = await rejection(socket.closed) as WebSocketError;
  assertEquals([error.name, error.closeCode, error.cause], ["WebSocketError", 1006, undefined]);
});

test("stream: an already aborted signal prevents the connection", async () => {
  await using server = await RawServer.start();
  const reason = new Error("mine");
  const socket = new CurlWebSocketStream(server.url(), { signal: AbortSignal.abort(reason) });
  assertEquals(await rejection(socket.opened), reason);
  assertEquals(await rejection(socket.closed), reason);
});

test("stream: aborting during the handshake rejects both promises with the signal's reason", async () => {
  await using server = await RawServer.start();
  const controller = new AbortController();
  const socket = new CurlWebSocketStream(server.url(), { signal: controller.signal });
  const peer = await server.connection();
  await peer.request();
  controller.abort();
  const error = await rejection(socket.opened) as DOMException;
  assertEquals(error.name, "AbortError");
  assertEquals(await rejection(socket.closed), error);
  assertEquals(await peer.frame(), undefined);
});

test("stream: aborting after the open has no effect", async () => {
  await using server = await WsServer.start();
  const controller = new AbortController();
  await using socket = new CurlWebSocketStream(server.url("/echo"), { signal: controller.signal });
  const { readable, writable } = await socket.opened;
  controller.abort();
  await writable.getWriter().write("connected");
  assertEquals((await readable.getReader().read()).value, "connected");
});

test("stream: unhandled rejections of its promises do not end the process", async () => {
  const url = `ws://127.0.0.1:${await closedPort()}`;
  const script = `
    const { CurlWebSocketStream } = module;
    const one = new CurlWebSocketStream(url), other = new CurlWebSocketStream(url);
    await one.opened.catch((error) => console.log("opened", error.cause.code));
    await other.closed.catch((error) => console.log("closed", error.cause.code));
    new CurlWebSocketStream(url);
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log("alive");`;
  assertEquals(
    await runScript(url, script),
    ["opened ERR_CONNECT_REFUSED", "closed ERR_CONNECT_REFUSED", "alive"].join("\n"),
  );
});

test("stream: await using closes the stream", async () => {
  await using server = await WsServer.start();
  {
    await using socket = new CurlWebSocketStream(server.url("/closed"));
    await socket.opened;
  }
  assertEquals((await server.closed()).code, 1005);
  {
    await using _refused = new CurlWebSocketStream(`ws://127.0.0.1:${await closedPort()}`);
  }
});

test("stream: WebSocketError validates its close code and reason", () => {
  const plain = new WebSocketError();
  assertEquals([plain.name, plain.message, plain.closeCode, plain.reason, plain.code], [
    "WebSocketError",
    "",
    null,
    "",
    0,
  ]);
  assertInstanceOf(plain, DOMException);
  const full = new WebSocketError("it broke", { closeCode: 3456, reason: "set" });
  assertEquals([full.message, full.closeCode, full.reason], ["it broke", 3456, "set"]);
  assertEquals(new WebSocketError("", { reason: "set" }).closeCode, 1000);
  assertEquals(new WebSocketError("", { reason: "\ud800" }).reason, "\ufffd");
  const name = (init: object) => (assertThrows(() => new WebSocketError("", init)) as Error).name;
  assertEquals(name({ closeCode: 1001 }), "InvalidAccessError");
  assertEquals(name({ closeCode: 5000 }), "InvalidAccessError");
  assertEquals(name({ closeCode: 65536 }), "TypeError");
  assertEquals(name({ reason: "x".repeat(124) }), "SyntaxError");
});

test("stream: streams can be piped, and the end of the source closes the connection", async () => {
  await using server = await WsServer.start();
  const socket = new CurlWebSocketStream(server.url("/echo"));
  const { readable, writable } = await socket.opened;
  const messages = Array.from({ length: 100 }, (_, i) => `message ${i}`);
  const source = new TransformStream<string, string>();
  const piping = source.readable.pipeTo(writable);
  const writer = source.writable.getWriter();
  const got: unknown[] = [];
  const reader = readable.getReader();
  for (const message of messages) {
    await writer.write(message);
    got.push((await reader.read()).value);
  }
  assertEquals(got, messages);
  await writer.close();
  await piping;
  assertEquals((await reader.read()).done, true);
  assertEquals(await socket.closed, { closeCode: 1005, reason: "" });
});

test("stream: a failed write rejects, and the reader still gets the messages received before", async () => {
  await using server = await RawServer.start();
  const { socket, peer, readable, writable } = await connect(server, { highWaterMark: 100 }); // two messages
  const reader = readable.getReader(), writer = writable.getWriter();
  await peer.send(new Uint8Array([...frame(Opcode.text, "one"), ...frame(Opcode.text, "two")]));
  while (socket.stats.messagesReceived < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  peer.reset();
  await peer.closed;
  const written = rejection(writer.closed);
  while (writer.desiredSize !== null) await writer.write("x".repeat(100_000)).catch(() => {});
  assertInstanceOf(await written, WebSocketError);
  assertEquals([(await reader.read()).value, (await reader.read()).value], ["one", "two"]);
  assertInstanceOf(await rejection(reader.read()), WebSocketError);
  assertEquals(((await rejection(socket.closed)) as WebSocketError).closeCode, 1006);
});
