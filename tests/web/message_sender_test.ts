import { assertEquals, assertThrows } from "@std/assert";
import type { Connection } from "../../src/connection/connection.ts";
import type { CurlWebSocketError } from "../../src/errors.ts";
import { OPCODE_BINARY, OPCODE_TEXT } from "../../src/protocol/constants.ts";
import { MessageSender } from "../../src/web/message_sender.ts";
import { test } from "../support/testing.ts";

/** A sender on a connection that takes all there is, or nothing once it has ended; `calls` says what it was given. */
function fakeSender(): { sender: MessageSender; calls: string[]; end: () => void } {
  const calls: string[] = [];
  let open = true, refusedBytes = 0;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const connection = {
    send: (opcode: number, payload: Uint8Array) => {
      if (open) calls.push(`${opcode === OPCODE_TEXT ? "text" : "binary"} ${text(payload)}`);
      return open;
    },
    bufferedAmount: 0,
    refuse: (size: number) => refusedBytes += size,
    get refusedBytes() {
      return refusedBytes;
    },
    ping: (payload: Uint8Array) => calls.push(`ping ${text(payload)}`),
    pong: (payload: Uint8Array) => calls.push(`pong ${text(payload)}`),
    willClose: () => calls.push("will close"),
    close: (code: number, reason: Uint8Array) => calls.push(`close ${code} ${text(reason)}`),
    abort: (error: CurlWebSocketError) => {
      open = false;
      calls.push(`abort ${error.code}`);
    },
  };
  const sender = new MessageSender(connection as unknown as Connection);
  return { sender, calls, end: () => open = false };
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** A Blob of this many bytes whose reading ends when the test says so. */
function slowBlob(size: number): { blob: Blob; read: PromiseWithResolvers<ArrayBuffer> } {
  const blob = new Blob([new Uint8Array(size)]);
  const read = Promise.withResolvers<ArrayBuffer>();
  Object.defineProperty(blob, "arrayBuffer", { value: () => read.promise });
  return { blob, read };
}

test("nothing waits without a Blob: messages and the close go at once", () => {
  const { sender, calls } = fakeSender();
  sender.send(OPCODE_TEXT, bytes("one"));
  sender.close(1000, bytes("bye"));
  assertEquals(calls, ["text one", "close 1000 bye"]);
  assertEquals([sender.waiting, sender.bufferedAmount], [null, 0]);
});

test("what comes after a Blob goes after it, with the bytes that it had then, and the close last", async () => {
  const { sender, calls } = fakeSender();
  const { blob, read } = slowBlob(3);
  const reused = bytes("two");
  sender.sendBlob(blob);
  sender.send(OPCODE_BINARY, reused);
  reused.fill(0);
  sender.close(1000, bytes(""));
  assertEquals(calls, ["will close"]);
  assertEquals(sender.bufferedAmount, 6);
  const sent = sender.waiting;
  read.resolve(bytes("one").buffer);
  await sent;
  await Promise.resolve();
  assertEquals(calls, ["will close", "binary one", "binary two", "close 1000 "]);
  assertEquals([sender.waiting, sender.bufferedAmount], [null, 0]);
});

test("a Blob that cannot be read ends the connection, and what is after it stays counted", async () => {
  const { sender, calls } = fakeSender();
  const { blob, read } = slowBlob(3);
  sender.sendBlob(blob);
  sender.send(OPCODE_TEXT, bytes("four"));
  const sent = sender.waiting;
  read.reject(new Error("the file has gone"));
  await sent;
  assertEquals(calls, ["abort ERR_ABORTED"]);
  assertEquals(sender.bufferedAmount, 7);
});

test("what an ended connection does not take stays counted", () => {
  const { sender, calls, end } = fakeSender();
  end();
  sender.send(OPCODE_TEXT, bytes("five!"));
  assertEquals(calls, []);
  assertEquals(sender.bufferedAmount, 5);
});

test("a ping goes before the messages that wait for a Blob", () => {
  const { sender, calls } = fakeSender();
  sender.sendBlob(slowBlob(3).blob);
  sender.control("ping", "now", () => true);
  sender.control("pong", bytes("too"), () => true);
  assertEquals(calls, ["ping now", "pong too"]);
});

test("a ping of a Blob goes when it is read, and not if the socket has closed meanwhile", async () => {
  for (const open of [true, false]) {
    const { sender, calls } = fakeSender();
    const { blob, read } = slowBlob(3);
    let isOpen = true;
    sender.control("ping", blob, () => isOpen);
    isOpen = open;
    read.resolve(bytes("one").buffer);
    await read.promise;
    await Promise.resolve();
    assertEquals(calls, open ? ["ping one"] : []);
  }
});

test("a ping needs an open socket and at most 125 bytes", () => {
  const { sender, calls } = fakeSender();
  const name = (run: () => void) => assertThrows(run, DOMException).name;
  assertEquals(name(() => sender.control("ping", "", () => false)), "InvalidStateError");
  assertEquals(name(() => sender.control("ping", "ü".repeat(63), () => true)), "SyntaxError");
  assertEquals(name(() => sender.control("ping", new Blob([new Uint8Array(126)]), () => true)), "SyntaxError");
  sender.control("ping", "x".repeat(125), () => true);
  assertEquals(calls.length, 1);
});

test("it says of each message whether it was queued: at once, behind a Blob, or not at all", async () => {
  const { sender, end } = fakeSender();
  const { blob, read } = slowBlob(1);
  const said: string[] = [];
  const note = (name: string) => (queued: boolean) => void said.push(`${name} ${queued}`);
  sender.send(OPCODE_TEXT, bytes("one"), note("one"));
  sender.sendBlob(blob, note("blob"));
  sender.send(OPCODE_TEXT, bytes("two"), note("two"));
  assertEquals(said, ["one true"]);
  read.resolve(new ArrayBuffer(1));
  await sender.waiting;
  assertEquals(said, ["one true", "blob true", "two true"]);
  const lost = slowBlob(1);
  sender.sendBlob(lost.blob, note("lost"));
  end();
  lost.read.resolve(new ArrayBuffer(1));
  await sender.waiting;
  assertEquals(said.at(-1), "lost false");
});
