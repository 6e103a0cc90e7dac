import { assertEquals } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { failed, message, opened } from "../support/events.ts";
import { closePayload, frame, Opcode, readClose } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

const { text, binary, continuation, close, ping } = Opcode;

/** Name, the bytes after the 101, and the close code that has to leave. */
const violations: [string, Uint8Array[], number][] = [
  ["a masked frame", [frame(text, "hello", { masked: true })], 1002],
  ["a masked control frame", [frame(ping, "", { masked: true })], 1002],
  ["the first reserved bit", [frame(text, "hello", { reserved: 4 })], 1002],
  ["the second reserved bit", [frame(text, "hello", { reserved: 2 })], 1002],
  ["the third reserved bit", [frame(binary, "hello", { reserved: 1 })], 1002],
  ["a reserved bit on a ping", [frame(ping, "", { reserved: 4 })], 1002],
  ["a reserved opcode", [frame(3, "hello")], 1002],
  ["a reserved control opcode", [frame(11)], 1002],
  ["a fragmented ping", [frame(ping, "", { fin: false })], 1002],
  ["a ping of 126 bytes", [frame(ping, "x".repeat(126))], 1002],
  ["a continuation of nothing", [frame(continuation, "hello")], 1002],
  ["a message inside of another", [frame(text, "a", { fin: false }), frame(text, "b")], 1002],
  ["a length of more than 63 bits", [Uint8Array.of(0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1)], 1002],
  ["a close of one byte", [frame(close, Uint8Array.of(3))], 1002],
  ["close code 999", [frame(close, closePayload(999))], 1002],
  ["close code 1005", [frame(close, closePayload(1005))], 1002],
  ["close code 1006", [frame(close, closePayload(1006))], 1002],
  ["close code 5000", [frame(close, closePayload(5000))], 1002],
  ["a close reason that is no UTF-8", [frame(close, Uint8Array.of(3, 232, 0xff))], 1007],
  ["text that is no UTF-8", [frame(text, Uint8Array.of(0x61, 0xff, 0x62))], 1007],
  ["text that ends inside of a character", [frame(text, Uint8Array.of(0xe2, 0x82))], 1007],
  ["text with a surrogate", [frame(text, Uint8Array.of(0xed, 0xa0, 0x80))], 1007],
  ["bad UTF-8 across fragments", [
    frame(text, Uint8Array.of(0xe2), { fin: false }),
    frame(continuation, Uint8Array.of(0x41)),
  ], 1007],
  ["a message over maxMessageSize", [frame(binary, new Uint8Array(1025))], 1009],
  ["fragments over maxMessageSize", [
    frame(binary, new Uint8Array(1000), { fin: false }),
    frame(continuation, new Uint8Array(25)),
  ], 1009],
  ["a huge announced length", [Uint8Array.of(0x82, 127, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)], 1009],
];

for (const [name, frames, expected] of violations) {
  test(`${name} closes with ${expected}`, async () => {
    await using server = await RawServer.start();
    const socket = new CurlWebSocket(server.url(), { maxMessageSize: 1024, closeTimeout: 500 });
    let messages = 0;
    socket.onmessage = () => messages++;
    const open = opened(socket);
    const peer = await server.connection();
    await peer.accept();
    await open;
    const failure = failed(socket);
    for (const each of frames) await peer.send(each);
    assertEquals(readClose(await peer.closeFrame()).code, expected);
    peer.end();
    const result = await failure;
    assertEquals(result.error.code, "ERR_PROTOCOL");
    assertEquals([result.close.code, result.close.wasClean], [1006, false]);
    assertEquals(messages, 0);
  });
}

test("a message of exactly maxMessageSize arrives", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(), { maxMessageSize: 1024 });
  const first = message(socket);
  const peer = await server.connection();
  await peer.accept({ then: frame(text, "x".repeat(1024)) });
  assertEquals((await first as string).length, 1024);
  socket.terminate();
});

test("messages before a violation are delivered", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const first = message(socket);
  const failure = failed(socket);
  const peer = await server.connection();
  await peer.accept({ then: new Uint8Array([...frame(text, "good"), ...frame(3)]) });
  assertEquals(await first, "good");
  assertEquals(readClose(await peer.closeFrame()).code, 1002);
  peer.end();
  assertEquals((await failure).error.code, "ERR_PROTOCOL");
});

test("U+FEFF at the start of text is kept", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url());
  const first = message(socket);
  const peer = await server.connection();
  await peer.accept({ then: frame(text, "\uFEFFmark") });
  assertEquals(await first, "\uFEFFmark");
  socket.terminate();
});
