import { assert, assertEquals } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { test } from "../support/testing.ts";

// What is tested here is that the type checkers take it: libraries declare their parameters like this.
const asConstructor: new (url: string | URL, protocols?: string | string[]) => WebSocket = CurlWebSocket;
const asFactory = (url: string): WebSocket => new CurlWebSocket(url);

test("a CurlWebSocket is assignable to WebSocket", () => {
  assert((asConstructor as unknown) === CurlWebSocket);
  const socket = asFactory("ws://example.test/");
  socket.close();
  assertEquals(socket.url, "ws://example.test/");
});

test("the types have the members of each event", () => {
  const socket = new CurlWebSocket("ws://example.test/");
  const ignore = (event: MessageEvent) => event.data;
  socket.addEventListener("message", ignore);
  socket.removeEventListener("message", ignore);
  socket.addEventListener("message", ({ data }) => data);
  socket.addEventListener("pong", ({ data }) => data);
  socket.addEventListener("close", ({ code, reason, wasClean }) => [code, reason, wasClean]);
  socket.addEventListener("error", ({ error, message }) => [error, message]);
  socket.onmessage = function (event) {
    return [this, event.data];
  };
  socket.close();
  assert(socket.readyState >= CurlWebSocket.CLOSING);
});
