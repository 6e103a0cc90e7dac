import { assertEquals, assertStrictEquals } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { closed, message } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { WsServer } from "../support/servers.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

const NAMES = ["onopen", "onmessage", "onerror", "onclose"] as const;

/** A socket that never connects, for its attributes. */
function idle(): CurlWebSocket {
  const socket = new CurlWebSocket("ws://example.test/");
  socket.close();
  return socket;
}

test("handler attributes are initially null, and hold the value that is set", () => {
  const socket = idle();
  for (const name of NAMES) {
    assertStrictEquals(socket[name], null);
    const handler = () => {};
    socket[name] = handler;
    assertStrictEquals(socket[name], handler);
    socket[name] = null;
    assertStrictEquals(socket[name], null);
  }
});

test("handler attributes set to a non-object are null", () => {
  const socket = idle();
  for (const name of NAMES) {
    for (const value of [undefined, 0, 1, "text", true, Symbol("s"), 1n]) {
      socket[name] = () => {};
      Reflect.set(socket, name, value);
      assertStrictEquals(socket[name], null);
    }
  }
});

test("an object that is not callable is kept as handler, but neither it nor its handleEvent is called", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  let calls = 0;
  const object = { handleEvent: () => calls++ };
  Reflect.set(socket, "onmessage", object);
  assertStrictEquals(socket.onmessage as unknown, object);
  const got = message(socket);
  await peer.send(frame(Opcode.text, "x"));
  assertEquals([await got, calls], ["x", 0]);
});

/** Dispatches a message event and gives what the log has of it. */
function dispatch(socket: CurlWebSocket, log: string[]): string[] {
  log.length = 0;
  socket.dispatchEvent(new MessageEvent("message"));
  return [...log];
}

test("a handler is called in the order in which it was first set, and replacing it keeps its place", () => {
  const socket = idle();
  const log: string[] = [];
  socket.addEventListener("message", () => log.push("first"));
  socket.onmessage = () => log.push("handler");
  socket.addEventListener("message", () => log.push("last"));
  assertEquals(dispatch(socket, log), ["first", "handler", "last"]);
  socket.onmessage = () => log.push("replaced");
  assertEquals(dispatch(socket, log), ["first", "replaced", "last"]);
  Reflect.set(socket, "onmessage", {});
  assertEquals(dispatch(socket, log), ["first", "last"]);
  socket.onmessage = () => log.push("callable again");
  assertEquals(dispatch(socket, log), ["first", "callable again", "last"]);
  socket.onmessage = null;
  assertEquals(dispatch(socket, log), ["first", "last"]);
  socket.onmessage = () => log.push("set anew");
  assertEquals(dispatch(socket, log), ["first", "last", "set anew"]);
});

test("a handler set twice is called once, and removeEventListener() does not remove it", () => {
  const socket = idle();
  const log: string[] = [];
  const handler = () => log.push("handler");
  socket.onmessage = handler;
  socket.onmessage = handler;
  socket.addEventListener("message", handler);
  assertEquals(dispatch(socket, log), ["handler", "handler"]);
  socket.removeEventListener("message", handler);
  assertEquals(dispatch(socket, log), ["handler"]);
  assertStrictEquals(socket.onmessage, handler);
});

test("`this` in handlers and listeners is the socket, and all get the same event", () => {
  const socket = idle();
  const got: unknown[] = [];
  const note = function (this: unknown, ...args: unknown[]): void {
    got.push(this, args.length, args[0]);
  };
  socket.onmessage = note;
  socket.addEventListener("message", note);
  const event = new MessageEvent("message");
  socket.dispatchEvent(event);
  assertEquals(got.length, 6);
  for (const index of [0, 3]) {
    assertStrictEquals(got[index], socket);
    assertStrictEquals(got[index + 1], 1);
    assertStrictEquals(got[index + 2], event);
  }
});

test("a handler that returns false cancels a cancelable event; other values do not", () => {
  const socket = idle();
  for (const answer of [false, true, undefined, null, 0, ""]) {
    socket.onmessage = () => answer;
    assertEquals(socket.dispatchEvent(new MessageEvent("message", { cancelable: true })), answer !== false);
    assertEquals(socket.dispatchEvent(new MessageEvent("message")), true);
  }
});

test("handlers and listeners removed during a dispatch are not called, added ones from the next event on", () => {
  const socket = idle();
  const log: string[] = [];
  const added = () => log.push("added");
  const removed = () => log.push("removed");
  socket.addEventListener("message", () => {
    log.push("first");
    socket.onmessage = null;
    socket.removeEventListener("message", removed);
    socket.addEventListener("message", added);
  });
  socket.onmessage = () => log.push("handler");
  socket.addEventListener("message", removed);
  assertEquals(dispatch(socket, log), ["first"]);
  assertEquals(dispatch(socket, log), ["first", "added"]);
});

test("a handler replaced during a dispatch, before its turn, is called as replaced", () => {
  const socket = idle();
  const log: string[] = [];
  socket.addEventListener("message", () => socket.onmessage = () => log.push("new"));
  socket.onmessage = () => log.push("old");
  assertEquals(dispatch(socket, log), ["new"]);
});

test("stopImmediatePropagation() keeps the event from later handlers", () => {
  const socket = idle();
  const log: string[] = [];
  socket.addEventListener("message", (event) => event.stopImmediatePropagation());
  socket.onmessage = () => log.push("handler");
  assertEquals(dispatch(socket, log), []);
});

test("onclose and onerror are each called once, and not before the constructor's caller can set them", async () => {
  const socket = new CurlWebSocket("ws://example.test/");
  socket.close();
  await Promise.resolve();
  const log: string[] = [];
  socket.onerror = () => log.push("error");
  socket.onclose = () => log.push("close");
  await closed(socket);
  socket.terminate();
  socket.close();
  await using pair = await Pair.open();
  const end = closed(pair.socket);
  await pair.close();
  await end;
  assertEquals(log, ["error", "close"]);
});

test("exceptions of handlers are reported, and stop neither other listeners nor later events", async () => {
  await using server = await WsServer.start();
  const output = await runScript(
    server.url("/close?code=4000"),
    `import process from "node:process";
    process.on("uncaughtException", (error) => console.log("caught", error.message));
    const socket = new CurlWebSocket(url);
    for (const type of ["open", "close"]) {
      socket["on" + type] = () => { throw new Error(type); };
      socket.addEventListener(type, () => { console.log("listener", type); throw new Error("listener's"); });
      socket.addEventListener(type, () => console.log("last", type, socket.readyState));
    }`,
  );
  const lines = output.split("\n");
  assertEquals(lines.filter((line) => !line.startsWith("caught")), [
    ...["listener open", "last open 1", "listener close", "last close 3"],
  ]);
  const caught = lines.filter((line) => line.startsWith("caught")).sort();
  assertEquals(caught, ["caught close", "caught listener's", "caught listener's", "caught open"]);
}, { timeout: 60_000 });
