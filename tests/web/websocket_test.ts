/** Members that the standard has not, and the class of Bun has: libraries and types for Bun rely on them. */
import { assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { closed, domException, next } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { test } from "../support/testing.ts";

test("URL is an alias of url that is not enumerable", async () => {
  await using pair = await Pair.open();
  assertEquals(pair.socket.URL, pair.socket.url);
  const names: string[] = [];
  for (const name in pair.socket) names.push(name);
  assertEquals(names.includes("URL"), false);
});

test("pong() sends an unsolicited pong; ping() and pong() take text, bytes and Blobs", async () => {
  await using pair = await Pair.open();
  for (const kind of ["ping", "pong"] as const) {
    for (const data of [undefined, "text", new Uint8Array([1, 2, 3]).subarray(1), new Blob(["blob"])]) {
      pair.socket[kind](data);
      const received = await pair.peer.frame();
      const expected = data === undefined ? "" : typeof data === "string" ? data : await new Response(data).text();
      assertEquals(received?.opcode, Opcode[kind]);
      assertEquals(new TextDecoder().decode(received!.payload), expected);
    }
    for (const data of ["x".repeat(126), new Uint8Array(126), new Blob(["x".repeat(126)])]) {
      assertEquals(domException(() => pair.socket[kind](data)), "SyntaxError");
    }
  }
});

test("ping() and pong() need an open connection, and send nothing if it closes while a Blob is read", async () => {
  const idle = new CurlWebSocket("ws://example.test/");
  for (const kind of ["ping", "pong"] as const) {
    assertEquals(domException(() => idle[kind]()), "InvalidStateError");
    assertThrows(() => Reflect.apply(CurlWebSocket.prototype[kind], {}, [""]), TypeError);
  }
  idle.close();
  await using pair = await Pair.open();
  pair.socket.ping(new Blob(["late"]));
  const end = closed(pair.socket);
  pair.socket.close();
  assertEquals((await pair.peer.frame())?.opcode, Opcode.close);
  await pair.close();
  await end;
});

test("pause() and resume() return whether there is a connection to pause", async () => {
  const idle = new CurlWebSocket("ws://example.test/");
  assertEquals([idle.pause(), idle.resume(), idle.isPaused], [false, false, false]);
  idle.close();
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  assertEquals([socket.pause(), socket.isPaused], [true, true]);
  await peer.send(frame(Opcode.text, "later"));
  const message = next<MessageEvent>(socket, "message");
  assertEquals([socket.resume(), socket.isPaused], [true, false]);
  assertEquals((await message).data, "later");
  socket.terminate();
  assertEquals([socket.pause(), socket.resume()], [false, false]);
});
