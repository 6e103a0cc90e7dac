import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { CurlWebSocket, CurlWebSocketError } from "../../mod.ts";
import { closed } from "../support/events.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

const TYPES = ["open", "message", "error", "close"];

interface Noted {
  event: Event;
  /** As they are while the event is dispatched. */
  target: EventTarget | null;
  currentTarget: EventTarget | null;
  phase: number;
  readyState: number;
}

/** Every event of a socket up to its close. */
function eventsOf(socket: CurlWebSocket): Promise<Noted[]> {
  const noted: Noted[] = [];
  const end = closed(socket);
  for (const type of TYPES) {
    socket.addEventListener(type, (given: unknown) => {
      const event = given as Event;
      const { target, currentTarget, eventPhase: phase } = event;
      noted.push({ event, target, currentTarget, phase, readyState: socket.readyState });
    });
  }
  return end.then(() => noted);
}

/** Opens, receives a text and a binary message, and is closed by the server. */
async function wholeLife(): Promise<{ socket: CurlWebSocket; events: Noted[]; port: number }> {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(`ws://user:password@127.0.0.1:${server.port}/path?query`);
  const events = eventsOf(socket);
  const peer = await server.connection();
  await peer.accept({ then: new Uint8Array([...frame(Opcode.text, "text"), ...frame(Opcode.binary, "bytes")]) });
  await peer.send(frame(Opcode.close, closePayload(4000, "done")));
  await peer.closeFrame();
  peer.end();
  return { socket, events: await events, port: server.port };
}

async function refusal(): Promise<{ socket: CurlWebSocket; events: Noted[] }> {
  const socket = new CurlWebSocket(`ws://127.0.0.1:${await closedPort()}/`);
  return { socket, events: await eventsOf(socket) };
}

test("a connection fires open, message and close, each with its readyState", async () => {
  const { events } = await wholeLife();
  const got = events.map(({ event, readyState }) => `${event.type} ${readyState}`);
  assertEquals(got, ["open 1", "message 1", "message 1", "close 3"]);
});

test("a failed connection fires error and close, both in CLOSED, and no open", async () => {
  const { events } = await refusal();
  assertEquals(events.map(({ event, readyState }) => `${event.type} ${readyState}`), ["error 3", "close 3"]);
});

test("events do not bubble, are not cancelable, and have the socket as target", async () => {
  for (const { socket, events } of [await wholeLife(), await refusal()]) {
    for (const { event, target, currentTarget, phase } of events) {
      assertEquals([event.bubbles, event.cancelable, event.composed, phase], [false, false, false, 2], event.type);
      assertStrictEquals(target, socket);
      assertStrictEquals(currentTarget, socket);
      assertEquals(event.currentTarget, null);
      event.preventDefault();
      assertEquals(event.defaultPrevented, false);
    }
  }
});

test("events are not trusted, unlike the standard's: only the runtime can create trusted ones", async () => {
  for (const { event } of (await wholeLife()).events) assertEquals(event.isTrusted, false);
});

test("the open event is a plain Event", async () => {
  const { event } = (await wholeLife()).events[0]!;
  assertStrictEquals(Object.getPrototypeOf(event), Event.prototype);
});

test("message events are MessageEvents with data and origin, and nothing else", async () => {
  const { events, port } = await wholeLife();
  const [text, binary] = events.slice(1, 3).map(({ event }) => event as MessageEvent);
  for (const event of [text!, binary!]) {
    assertInstanceOf(event, MessageEvent);
    assertInstanceOf(event, Event);
    assertStrictEquals(event.constructor, MessageEvent);
    assertEquals(Object.prototype.toString.call(event), Object.prototype.toString.call(new MessageEvent("message")));
    // Neither the path nor user and password are part of the origin.
    assertEquals(event.origin, `ws://127.0.0.1:${port}`);
    assertEquals([event.lastEventId, event.source, event.ports.length], ["", null, 0]);
  }
  assertEquals(text!.data, "text");
  assertEquals(await (binary!.data as Blob).text(), "bytes");
});

test("the close event is a CloseEvent with code, reason and wasClean", async () => {
  const event = (await wholeLife()).events.at(-1)!.event as CloseEvent;
  assertStrictEquals(Object.getPrototypeOf(event), CloseEvent.prototype);
  assertEquals([event.code, event.reason, event.wasClean], [4000, "done", true]);
  const failed = (await refusal()).events.at(-1)!.event as CloseEvent;
  assertEquals([failed.code, failed.reason, failed.wasClean], [1006, "", false]);
});

test("the error event is an ErrorEvent with the reason (the standard's is a plain Event)", async () => {
  const { event } = (await refusal()).events[0]!;
  assertInstanceOf(event, ErrorEvent);
  assertInstanceOf(event.error, CurlWebSocketError);
  assertEquals([event.error.code, event.message], ["ERR_CONNECT_REFUSED", event.error.message]);
});

test("each event is a new object, in a task of its own", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const log: string[] = [];
  const events = new Set<Event>();
  for (const type of TYPES) {
    socket.addEventListener(type, (event: unknown) => {
      events.add(event as Event);
      log.push(type);
      queueMicrotask(() => log.push(`after ${type}`));
    });
  }
  const end = closed(socket);
  await peer.send(new Uint8Array([...frame(Opcode.text, "1"), ...frame(Opcode.text, "2"), ...frame(Opcode.close)]));
  await peer.closeFrame();
  peer.end();
  await end;
  assertEquals(log.slice(0, 5), ["message", "after message", "message", "after message", "close"]);
  assertEquals(events.size, 3);
});

test("a lost connection fires error, then close 1006, with or without messages before", async () => {
  for (const message of [false, true]) {
    await using pair = await Pair.open();
    const events = eventsOf(pair.socket);
    if (message) await pair.peer.send(frame(Opcode.text, "last"));
    pair.peer.end();
    const types = (await events).map(({ event }) => event.type);
    assertEquals(types, message ? ["message", "error", "close"] : ["error", "close"]);
    const close = (await events).at(-1)!.event as CloseEvent;
    assertEquals([close.code, close.wasClean], [1006, false]);
  }
});

test("a protocol violation fires error, then close 1006", async () => {
  await using pair = await Pair.open();
  const events = eventsOf(pair.socket);
  await pair.peer.send(frame(Opcode.text, "masked", { masked: true }));
  await pair.peer.closeFrame();
  pair.peer.end();
  assertEquals((await events).map(({ event, readyState }) => `${event.type} ${readyState}`), ["error 3", "close 3"]);
  assertEquals(((await events)[1]!.event as CloseEvent).code, 1006);
});

test("addEventListener() accepts once, signal, a listener object, and null", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const log: string[] = [];
  const stop = new AbortController();
  const object = {
    handleEvent(event: Event): void {
      assertStrictEquals(this, object);
      log.push(`object ${(event as MessageEvent).data}`);
    },
  };
  const twice = () => log.push("twice");
  socket.addEventListener("message", () => log.push("once"), { once: true });
  socket.addEventListener("message", () => log.push("signal"), { signal: stop.signal });
  socket.addEventListener("message", () => log.push("aborted"), { signal: AbortSignal.abort() });
  socket.addEventListener("message", object);
  socket.addEventListener("message", null);
  socket.addEventListener("message", twice);
  socket.addEventListener("message", twice);
  socket.addEventListener("message", (event: unknown) => {
    if ((event as MessageEvent).data === "1") stop.abort();
  });
  const end = closed(socket);
  await peer.send(frame(Opcode.text, "1"));
  await peer.send(frame(Opcode.text, "2"));
  await pair.close();
  await end;
  assertEquals(log, ["once", "signal", "object 1", "twice", "object 2", "twice"]);
});

test("a program can dispatch its own events on a socket", async () => {
  await using pair = await Pair.open();
  const { socket } = pair;
  const got: unknown[] = [];
  socket.onmessage = ({ data }) => got.push(data);
  socket.addEventListener("own", ({ type }) => got.push(type));
  assert(socket.dispatchEvent(new MessageEvent("message", { data: 7 })));
  assert(socket.dispatchEvent(new Event("own")));
  assertEquals(got, [7, "own"]);
});
